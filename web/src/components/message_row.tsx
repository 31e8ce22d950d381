import type { Outgoing } from '../state/outbox'
import type { Row } from '../state/rows'

const dayFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'full' })
const timeFormat = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' })
const fullFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' })

const FORMER = 'A former member'

function noticeText(type: string, name: string): string {
  switch (type) {
    case 'room_created':
      return `${name} created the room`
    case 'member_joined':
      return `${name} joined`
    case 'member_left':
      return `${name} left`
    default:
      return `${name} owns the room now`
  }
}

interface RowViewProps {
  row: Row
  isMine: boolean
  name: string | null
}

export function RowView({ row, isMine, name }: RowViewProps) {
  if (row.kind === 'day') {
    return (
      <li class="row-day">
        <span>{Number.isNaN(row.date.getTime()) ? '' : dayFormat.format(row.date)}</span>
      </li>
    )
  }
  if (row.kind === 'notice') {
    return <li class="row-notice">{noticeText(row.event.type, name ?? FORMER)}</li>
  }
  const isDated = !Number.isNaN(row.date.getTime())
  return (
    <li class={`row-message${isMine ? ' mine' : ''}${row.isFirst ? ' first' : ''}`}>
      <p class={row.isFirst ? 'row-head' : 'row-head unseen'}>
        <span class="row-name" dir="auto">
          {name ?? FORMER}
        </span>
        {isDated && (
          <time dateTime={row.event.created_at} title={fullFormat.format(row.date)}>
            {timeFormat.format(row.date)}
          </time>
        )}
      </p>
      <p class="bubble" dir="auto">
        {row.event.text}
      </p>
    </li>
  )
}

interface OutgoingViewProps {
  entry: Outgoing
  onRetry(): void
  onDiscard(): void
}

const stateWords = { waiting: 'Waiting for the connection', sending: 'Sending …', sent: 'Sent' }

export function OutgoingView({ entry, onRetry, onDiscard }: OutgoingViewProps) {
  return (
    <li class={`row-message mine first outgoing outgoing-${entry.state}`}>
      <p class="bubble" dir="auto">
        {entry.text}
      </p>
      {entry.state === 'failed' ? (
        <p class="row-state" role="alert">
          <span>
            {entry.isUncertain ? 'Not confirmed.' : 'Not sent.'} {entry.error}
          </span>
          <button type="button" class="quiet" onClick={onRetry}>
            Try again
          </button>
          <button type="button" class="quiet" onClick={onDiscard}>
            Discard
          </button>
        </p>
      ) : (
        <p class="row-state">{stateWords[entry.state]}</p>
      )}
    </li>
  )
}
