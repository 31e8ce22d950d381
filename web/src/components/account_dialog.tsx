import type { Session } from '@banter/client'
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { session } from '../state/session'
import {
  changePassword,
  endOtherSessions,
  endSession,
  forgetSessions,
  loadSessions,
  sessions,
  sessionsError,
} from '../state/sessions'
import { today } from '../state/today'
import { dayOf, timeLanguage, timeOf } from '../text/time'
import { Panel } from './dialog'
import { Field, FormError } from './field'
import { useSubmission } from './use_submission'

function othersEnded(count: number): string {
  if (count === 0) return 'There was no other session.'
  return count === 1 ? 'The other session has ended.' : `${count} other sessions have ended.`
}

function PasswordForm() {
  const current = useSignal('')
  const next = useSignal('')
  const said = useSignal('')
  const { busy, error, errorAt, onSubmit } = useSubmission(['current_password', 'new_password'])

  const submit = onSubmit(async () => {
    said.value = ''
    const ended = await changePassword(current.value, next.value)
    current.value = next.value = ''
    said.value = `Your password is changed. ${othersEnded(ended)}`
  })

  return (
    <form onSubmit={submit}>
      <h3>Password</h3>
      {/* For password managers: whose password it is. */}
      <input type="text" autocomplete="username" value={session.value?.username} readOnly hidden />
      <Field
        label="Current password"
        name="current_password"
        type="password"
        value={current}
        autocomplete="current-password"
        maxLength={1024}
        error={errorAt('current_password')}
      />
      <Field
        label="New password"
        name="new_password"
        type="password"
        value={next}
        autocomplete="new-password"
        maxLength={1024}
        hint="At least 8 characters. All your other sessions end."
        error={errorAt('new_password')}
      />
      <FormError sentence={error} />
      <p class="panel-said" role="status">
        {said.value}
      </p>
      <div class="dialog-actions">
        <button type="submit" class="primary" disabled={busy}>
          {busy ? 'One moment …' : 'Change the password'}
        </button>
      </div>
    </form>
  )
}

function Moment({ at, withTime }: { at: string; withTime: boolean }) {
  const date = new Date(at)
  const words = dayOf(date, today.value)
  return (
    <time dateTime={at} lang={timeLanguage}>
      {withTime ? `${words}, ${timeOf(date)}` : words}
    </time>
  )
}

interface SessionLineProps {
  login: Session
  busy: boolean
  onEnd(): void
}

function SessionLine({ login, busy, onEnd }: SessionLineProps) {
  return (
    <li class="session">
      <div>
        <p id={`session-${login.id}`}>
          Signed in <Moment at={login.created_at} withTime />
        </p>
        <p class="hint">
          Ends by itself <Moment at={login.expires_at} withTime={false} />
        </p>
      </div>
      {login.current ? (
        <strong class="session-current">This one</strong>
      ) : (
        <button
          type="button"
          class="quiet warn"
          aria-describedby={`session-${login.id}`}
          disabled={busy}
          onClick={onEnd}
        >
          End
        </button>
      )}
    </li>
  )
}

function SessionList({ busy, onEnd }: { busy: boolean; onEnd(id: string): void }) {
  if (!sessions.value) return sessionsError.value ? null : <p class="hint">Loading …</p>
  return (
    <ul>
      {sessions.value.map((login) => (
        <SessionLine key={login.id} login={login} busy={busy} onEnd={() => onEnd(login.id)} />
      ))}
    </ul>
  )
}

function Sessions() {
  const heading = useRef<HTMLHeadingElement>(null)
  const said = useSignal('')
  const { busy, error, attempt } = useSubmission()

  useEffect(() => {
    void loadSessions()
    return forgetSessions
  }, [])

  const end = async (change: () => Promise<string>) => {
    said.value = ''
    await attempt(async () => {
      said.value = await change()
    })
    // The button that had the focus is gone.
    heading.current?.focus()
  }
  const endOne = (id: string) => end(() => endSession(id).then(() => 'The session has ended.'))
  const endOthers = () => end(() => endOtherSessions().then(othersEnded))

  return (
    <section class="sessions" aria-labelledby="sessions-title">
      <header>
        <h3 id="sessions-title" ref={heading} tabIndex={-1}>
          Sessions
        </h3>
        {(sessions.value?.length ?? 0) > 1 && (
          <button type="button" class="quiet warn" disabled={busy} onClick={() => void endOthers()}>
            End all others
          </button>
        )}
      </header>
      <p class="hint">Everywhere that you are signed in. End what you do not know.</p>
      <p class="panel-said" role="status">
        {said.value}
      </p>
      <FormError sentence={error ?? sessionsError.value} />
      {sessionsError.value && (
        <button type="button" class="quiet" onClick={() => void loadSessions()}>
          Try again
        </button>
      )}
      <SessionList busy={busy} onEnd={(id) => void endOne(id)} />
    </section>
  )
}

/** The password, and where one is signed in. */
export function AccountDialog({ onClose }: { onClose(): void }) {
  return (
    <Panel title="Password and sessions" onClose={onClose}>
      <div class="panel-parts">
        <PasswordForm />
        <Sessions />
      </div>
    </Panel>
  )
}
