import { moveAmong } from '../keyboard/roving'
import type { OpenRoom } from '../state/open_room'
import { isMe, session } from '../state/session'
import { today } from '../state/today'
import { RowView } from './message_row'
import { OutgoingRow } from './outgoing_row'
import { useStretch } from './use_stretch'

const userOf = (event: { user_id: number; username: string | null }) => ({
  id: event.user_id,
  username: event.username,
})

export function MessageList({ room }: { room: OpenRoom }) {
  const { scroller, rows, isWhole, hasNews, pointed, ...stretch } = useStretch(room)
  const names = room.membersVersion.value
  const outgoing = room.outbox.visible
  const isBusy = room.history.busy.value

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
        stretch.toBeginning()
        break
      case 'End':
        void stretch.toEnd()
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
        aria-busy={isBusy !== null}
        tabIndex={0}
        onKeyDown={onKeyDown}
        onScroll={stretch.onScroll}
      >
        <p class="log-begin">
          {isBusy === 'older'
            ? 'Loading …'
            : stretch.hasBeginning && rows.length > 0 && 'This is where it begins.'}
        </p>
        {rows.length === 0 && outgoing.length === 0 && isBusy === null && (
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
        <button type="button" class="to-end" onClick={() => void stretch.toEnd()}>
          {hasNews.value ? 'New messages' : 'To the newest'} <span aria-hidden="true">↓</span>
        </button>
      )}
    </div>
  )
}
