import type { Outgoing } from '../state/outbox'
import { Said } from './said'

interface OutgoingRowProps {
  entry: Outgoing
  name: string
  isFirst: boolean
  onRetry(): void
  onDiscard(): void
}

const stateWords = { waiting: 'Waiting for the connection', sending: 'Sending …', sent: 'Sent' }

/** A message on its way, and how it stands with it. */
export function OutgoingRow({ entry, name, isFirst, onRetry, onDiscard }: OutgoingRowProps) {
  return (
    <li class={`message mine outgoing outgoing-${entry.state}${isFirst ? ' first' : ''}`} tabIndex={-1}>
      <p class={isFirst ? 'speaker' : 'speaker unseen'} dir="auto">
        {name}
      </p>
      <Said text={entry.text} />
      {entry.state === 'failed' ? (
        <div class="fate" role="alert">
          <span>
            {entry.isUncertain ? 'Not confirmed.' : 'Not sent.'} {entry.error}
          </span>
          <button type="button" class="quiet" onClick={onRetry}>
            Try again
          </button>
          <button type="button" class="quiet" onClick={onDiscard}>
            Discard
          </button>
        </div>
      ) : (
        <p class="fate">{stateWords[entry.state]}</p>
      )}
    </li>
  )
}
