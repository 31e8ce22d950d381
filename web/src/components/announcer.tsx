import { announcement } from '../state/announcer'

/** Two lines in turn, so that the same words twice are said twice. */
export function Announcer() {
  const { text, count } = announcement.value
  return (
    <div class="unseen" aria-live="polite">
      <p>{count % 2 === 0 ? text : ''}</p>
      <p>{count % 2 === 1 ? text : ''}</p>
    </div>
  )
}
