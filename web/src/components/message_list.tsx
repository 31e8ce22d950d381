import { useSignal } from '@preact/signals'
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks'
import type { OpenRoom } from '../state/open_room'
import { rowsOf } from '../state/rows'
import { isMe } from '../state/session'
import { OutgoingView, RowView } from './message_row'

/** Events that are laid out at most, until older ones are asked for. */
const SHOWN = 400
/** So near to the end one is reading the end. */
const NEAR_PX = 80

export function MessageList({ room }: { room: OpenRoom }) {
  const scroller = useRef<HTMLDivElement>(null)
  const isAtEnd = useRef(true)
  /** The distance to the end when older messages were asked for: where to be once they are in. */
  const keepFromEnd = useRef<number | null>(null)
  const shown = useSignal(SHOWN)
  const hasNews = useSignal(false)

  const version = room.logVersion.value
  room.outboxVersion.value
  const names = room.membersVersion.value
  const events = room.log.events
  const rows = useMemo(() => rowsOf(events.slice(-shown.value)), [version, shown.value])
  const hasHidden = events.length > shown.value
  const outgoing = room.outbox.visible

  const toEnd = () => {
    const element = scroller.current
    if (element) element.scrollTop = element.scrollHeight
    isAtEnd.current = true
    hasNews.value = false
  }

  useLayoutEffect(() => {
    const element = scroller.current
    if (!element) return
    if (keepFromEnd.current !== null) {
      element.scrollTop = element.scrollHeight - keepFromEnd.current
      keepFromEnd.current = null
    } else if (isAtEnd.current) toEnd()
    else hasNews.value = true
  }, [version, shown.value])

  // Who reads the end stays there when the room for it changes: a keyboard, the list of members.
  useEffect(() => {
    const element = scroller.current
    if (!element) return
    const observer = new ResizeObserver(() => {
      if (isAtEnd.current) toEnd()
    })
    observer.observe(element)
    return () => observer.disconnect()
  }, [])

  // One's own message is to be seen, wherever one was reading.
  useLayoutEffect(() => {
    if (outgoing.length > 0) toEnd()
  }, [outgoing.length])

  const older = async () => {
    const element = scroller.current
    const fromEnd = element ? element.scrollHeight - element.scrollTop : null
    if (!hasHidden) await room.loadOlder()
    keepFromEnd.current = fromEnd
    isAtEnd.current = false
    shown.value += 100
  }

  const nameOf = (event: { user_id: number; username: string | null }) =>
    event.username ?? (names >= 0 ? room.members.nameOf(event.user_id) : null)

  return (
    <div class="log-frame">
      <div
        class="log"
        ref={scroller}
        role="log"
        aria-label="Conversation"
        aria-busy={room.loadingOlder.value}
        tabIndex={0}
        onScroll={(event) => {
          const element = event.currentTarget
          isAtEnd.current =
            element.scrollHeight - element.scrollTop - element.clientHeight < NEAR_PX
          if (isAtEnd.current) hasNews.value = false
        }}
      >
        {(room.hasOlder.value || hasHidden) && (
          <button
            type="button"
            class="quiet log-older"
            disabled={room.loadingOlder.value}
            onClick={() => void older()}
          >
            {room.loadingOlder.value ? 'Loading …' : 'Show older messages'}
          </button>
        )}
        {rows.length === 0 && outgoing.length === 0 && (
          <p class="hint log-empty">Nothing has been said here yet.</p>
        )}
        <ol>
          {rows.map((row) =>
            row.kind === 'day' ? (
              <RowView key={row.key} row={row} isMine={false} name={null} />
            ) : (
              <RowView
                key={row.key}
                row={row}
                isMine={isMe({ id: row.event.user_id, username: row.event.username })}
                name={nameOf(row.event)}
              />
            ),
          )}
          {outgoing.map((entry) => (
            <OutgoingView
              key={entry.clientId}
              entry={entry}
              onRetry={() => room.retry(entry.clientId)}
              onDiscard={() => room.discard(entry.clientId)}
            />
          ))}
        </ol>
      </div>
      {hasNews.value && (
        <button type="button" class="primary log-news" onClick={toEnd}>
          New messages below
        </button>
      )}
    </div>
  )
}
