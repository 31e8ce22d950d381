import { useSignal } from '@preact/signals'
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks'
import { moveAmong } from '../keyboard/roving'
import type { OpenRoom } from '../state/open_room'
import { Pane } from '../state/pane'
import { leaveMessage, place, visits } from '../state/route'
import { rowsOf } from '../state/rows'
import { isMe, session } from '../state/session'
import { today } from '../state/today'
import { RowView } from './message_row'
import { OutgoingRow } from './outgoing_row'
import { ScrollKeeper } from './scroll_keeper'

/** More is laid out once less than so many screens are left in a direction. */
const AHEAD_SCREENS = 1.5

/** The conversation: a bounded stretch of it is laid out, which follows the reader. */
export function MessageList({ room }: { room: OpenRoom }) {
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
  const names = room.membersVersion.value
  room.outboxVersion.value
  moved.value
  const outgoing = room.outbox.visible

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
    return () => observer.disconnect()
  }, [])

  // One's own message is to be seen, wherever one was reading.
  const sent = room.sent.value
  useLayoutEffect(() => {
    if (sent > 0) void toEnd()
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

  const onKeyDown = (event: KeyboardEvent) => {
    const element = scroller.current
    if (!element || event.altKey || event.ctrlKey || event.metaKey) return
    const current = document.activeElement?.closest('.message') ?? null
    switch (event.key) {
      case 'ArrowUp':
      case 'ArrowDown':
        moveAmong(element, '.message', current, event.key === 'ArrowUp' ? -1 : 1)
        break
      case 'Home':
        if (log.hasBeginning && start === 0) element.scrollTop = 0
        else void reveal(1)
        break
      case 'End':
        void toEnd()
        break
      case 'Enter':
        if (event.target !== current) return
        current?.querySelector<HTMLElement>('.moment')?.click()
        break
      case 'Escape':
        document.querySelector<HTMLElement>('.composer textarea')?.focus()
        break
      default:
        return
    }
    event.preventDefault()
  }

  const nameOf = (event: { user_id: number; username: string | null }) =>
    event.username ?? (names >= 0 ? room.members.nameOf(event.user_id) : null)
  const lastRow = rows[rows.length - 1]
  const isMineLast = isWhole && lastRow?.kind === 'message' && isMe(userOf(lastRow.event))

  return (
    <div class="log-frame">
      <div
        id="conversation"
        class="log"
        ref={scroller}
        role="log"
        aria-live="off"
        aria-label="Conversation"
        aria-busy={history.busy.value !== null}
        tabIndex={0}
        onKeyDown={onKeyDown}
        onScroll={() => {
          keeper.current?.scrolled(isWhole)
          if (keeper.current?.isAtEnd) hasNews.value = false
          extend()
        }}
      >
        <p class="log-begin">
          {history.busy.value === 'older'
            ? 'Loading …'
            : log.hasBeginning && start === 0 && rows.length > 0 && 'This is where it begins.'}
        </p>
        {rows.length === 0 && outgoing.length === 0 && history.busy.value === null && (
          <p class="hint log-empty">Nothing has been said here yet. The stage is yours.</p>
        )}
        <ol>
          {rows.map((row) => (
            <RowView
              key={row.key}
              row={row}
              roomId={room.id}
              now={today.value}
              isMine={row.kind === 'message' && isMe(userOf(row.event))}
              isPointed={row.kind === 'message' && row.event.id === pointed}
              name={row.kind === 'message' || row.kind === 'notice' ? nameOf(row.event) : null}
            />
          ))}
          {isWhole &&
            outgoing.map((entry, index) => (
              <OutgoingRow
                key={entry.clientId}
                entry={entry}
                name={session.value?.username ?? ''}
                isFirst={index === 0 && !isMineLast}
                onRetry={() => room.retry(entry.clientId)}
                onDiscard={() => room.discard(entry.clientId)}
              />
            ))}
        </ol>
      </div>
      {(hasNews.value || !isWhole) && rows.length > 0 && (
        <button type="button" class="to-end" onClick={() => void toEnd()}>
          {hasNews.value ? 'New messages' : 'To the newest'} <span aria-hidden="true">↓</span>
        </button>
      )}
    </div>
  )
}

const userOf = (event: { user_id: number; username: string | null }) => ({
  id: event.user_id,
  username: event.username,
})
