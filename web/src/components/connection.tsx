import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { LinkState } from '../state/link'
import type { OpenRoom } from '../state/open_room'

const words: Record<LinkState['name'], string> = {
  live: 'Connected',
  connecting: 'Connecting …',
  catching_up: 'Catching up …',
  waiting: 'Not connected',
  closed: 'Closed',
}

/** Where the connection stands, always and in a few words. */
export function ConnectionState({ link }: { link: LinkState }) {
  return (
    <p class={`connection connection-${link.name}`}>
      <span class="connection-dot" aria-hidden="true" />
      <span role="status">{words[link.name]}</span>
    </p>
  )
}

/** Seconds until a moment, counted down while it is shown. */
function Countdown({ to }: { to: number }) {
  const now = useSignal(Date.now())
  useEffect(() => {
    const timer = setInterval(() => (now.value = Date.now()), 500)
    return () => clearInterval(timer)
  }, [])
  const seconds = Math.max(0, Math.ceil((to - now.value) / 1000))
  return <span class="countdown">Next try {seconds === 0 ? 'now' : `in ${seconds} s`}.</span>
}

/** While there is no connection: what becomes of what one writes, and when it is tried again. */
export function OfflineBar({ room }: { room: OpenRoom }) {
  const link = room.link.value
  if (link.name !== 'waiting') return null
  return (
    <div class="offline">
      <span>You can go on writing: messages wait here until the connection is back.</span>
      <Countdown to={link.retryAt} />
      <button type="button" class="quiet" onClick={() => room.tryNow()}>
        Try now
      </button>
    </div>
  )
}
