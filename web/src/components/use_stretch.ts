import { useSignal, type Signal } from '@preact/signals'
import type { RefObject } from 'preact'
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks'
import type { OpenRoom } from '../state/open_room'
import { Pane } from '../state/pane'
import { leaveMessage, place, visits } from '../state/route'
import { rowsOf, type Row } from '../state/rows'
import { ScrollKeeper } from './scroll_keeper'

/** More is laid out once less than so many screens are left in a direction. */
const AHEAD_SCREENS = 1.5

export interface Stretch {
  /** For the element that scrolls. */
  scroller: RefObject<HTMLDivElement | null>
  rows: readonly Row[]
  /** It begins where the room begins; it ends where the room's log ends. */
  hasBeginning: boolean
  isWhole: boolean
  /** Others said something below. */
  hasNews: Signal<boolean>
  /** The message that the address names. */
  pointed: number | null
  toEnd(): Promise<void>
  toBeginning(): void
  onScroll(): void
}

/** The part of a conversation that is laid out: of bounded length, it follows the reader. */
export function useStretch(room: OpenRoom): Stretch {
  const scroller = useRef<HTMLDivElement>(null)
  const keeper = useRef<ScrollKeeper | null>(null)
  const pane = useMemo(() => new Pane(), [room])
  const moved = useSignal(0)
  const hasNews = useSignal(false)
  const pointed = place.value?.roomId === room.id ? place.value.messageId : null
  const visit = visits.value

  const { history } = room
  const { log } = history
  const version = history.version.value
  room.outboxVersion.value
  moved.value

  const at = pane.bounds(log.events.length, (id) => log.placeOf(id))
  const [start, end] = at
  const rows = useMemo(
    () => rowsOf(log.events.slice(start, end), room.readUpTo),
    [version, start, end, room.readUpTo],
  )
  const isWhole = end === log.events.length && log.hasEnd
  keeper.current?.keep()

  const toEnd = useCallback(async () => {
    leaveMessage()
    if (!log.hasEnd) await history.toNewest()
    pane.toEnd()
    log.trimBeginning()
    if (keeper.current) keeper.current.isAtEnd = true
    moved.value++
  }, [room])

  /** Moves the stretch along, or asks for more, where the reader comes near to its ends. */
  const extend = () => {
    const element = scroller.current
    if (!element || !keeper.current || history.busy.peek() !== null) return
    const ahead = element.clientHeight * AHEAD_SCREENS
    if (keeper.current.above < ahead) {
      if (start > 0) {
        pane.older(log.events, at)
        moved.value++
      } else void history.loadOlder()
    } else if (keeper.current.below < ahead && !isWhole) {
      if (end < log.events.length) {
        pane.newer(log.events, at)
        moved.value++
      } else void history.loadNewer()
    }
  }

  useLayoutEffect(() => {
    if (scroller.current) keeper.current = new ScrollKeeper(scroller.current)
  }, [])

  useLayoutEffect(() => {
    const kept = keeper.current
    if (!kept) return
    if (kept.isAtEnd && isWhole) {
      pane.toEnd()
      kept.toEnd()
      hasNews.value = false
    } else {
      kept.isAtEnd = false
      // What the reader looks at is not pushed out of the stretch by what comes.
      pane.hold(log.events, at)
      kept.restore()
    }
    // What failed is tried again when the reader scrolls on, not by itself.
    if (history.trouble.peek() === null) extend()
  })

  useEffect(() => {
    if (!keeper.current?.isAtEnd) hasNews.value = true
  }, [room.arrivals.value])

  // Who reads the end stays there when the room for it changes: a keyboard, the list of members.
  useEffect(() => {
    const element = scroller.current
    if (!element) return
    const observer = new ResizeObserver(() => {
      if (keeper.current?.isAtEnd) keeper.current.toEnd()
    })
    observer.observe(element)
    void document.fonts.ready.then(() => {
      if (keeper.current?.isAtEnd) keeper.current.toEnd()
    })
    return () => observer.disconnect()
  }, [])

  // One's own message is to be seen, wherever one was reading.
  const sent = room.sent.value
  const sentBefore = useRef(sent)
  useLayoutEffect(() => {
    if (sent > sentBefore.current) void toEnd()
    sentBefore.current = sent
  }, [sent])

  /** Looks for a message, or what follows it, lays it out and shows it. */
  const reveal = async (id: number, isWanted = () => true) => {
    const focused = document.activeElement
    await history.loadAround(id)
    if (!isWanted()) return
    const index = log.placeOf(id)
    const found = log.events[index]
    if (!found) return
    pane.around(log.events, index)
    if (keeper.current) keeper.current.isAtEnd = false
    moved.value++
    requestAnimationFrame(() => {
      const row = scroller.current?.querySelector<HTMLElement>(`[data-id="${found.id}"]`)
      if (!row || !isWanted()) return
      keeper.current?.toRow(row)
      // Unless the reader went elsewhere meanwhile.
      if (document.activeElement === focused) row.focus({ preventScroll: true })
    })
  }

  useEffect(() => {
    if (pointed === null) return
    let isWanted = true
    void reveal(pointed, () => isWanted)
    return () => {
      isWanted = false
    }
  }, [pointed, visit])

  return {
    scroller,
    rows,
    hasBeginning: log.hasBeginning && start === 0,
    isWhole,
    hasNews,
    pointed,
    toEnd,
    toBeginning() {
      if (log.hasBeginning && start === 0 && scroller.current) scroller.current.scrollTop = 0
      else void reveal(1)
    },
    onScroll() {
      keeper.current?.scrolled(isWhole)
      if (keeper.current?.isAtEnd) hasNews.value = false
      extend()
    },
  }
}
