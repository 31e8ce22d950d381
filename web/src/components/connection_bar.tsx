import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import type { OpenRoom } from '../state/open_room'

/** Seconds until a moment, counted down while it is shown. */
function Countdown({ to }: { to: number }) {
  const now = useSignal(Date.now())
  useEffect(() => {
    const timer = setInterval(() => (now.value = Date.now()), 500)
    return () => clearInterval(timer)
  }, [])
  const seconds = Math.max(0, Math.ceil((to - now.value) / 1000))
  return <span>Next try {seconds === 0 ? 'now' : `in ${seconds} s`}.</span>
}

/** Says where the connection stands, always; loudly only when it is not well. */
export function ConnectionBar({ room }: { room: OpenRoom }) {
  const link = room.link.value
  return (
    <div class={`connection connection-${link.name}`}>
      <span class="connection-dot" aria-hidden="true" />
      <span role="status">
        {link.name === 'live' && 'Connected'}
        {link.name === 'connecting' && 'Connecting …'}
        {link.name === 'catching_up' && 'Catching up …'}
        {link.name === 'waiting' && 'Not connected: messages wait here until it is back.'}
        {link.name === 'closed' && 'Closed'}
      </span>
      {link.name === 'waiting' && (
        <>
          <Countdown to={link.retryAt} />
          <button type="button" class="quiet" onClick={() => room.tryNow()}>
            Try now
          </button>
        </>
      )}
    </div>
  )
}
