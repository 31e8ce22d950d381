import { useSignal } from '@preact/signals'
import { sessionNotice, signIn, signUp } from '../state/session'
import { Field, FormError } from './field'
import { Mark } from './mark'
import { Scene } from './scene'
import { ThemeSwitch } from './theme_switch'
import { useSubmission } from './use_submission'

const fields = ['username', 'email', 'password']
const fieldOfCode = { username_taken: 'username', email_taken: 'email' }

export function AuthPage() {
  const isNew = useSignal(false)
  const username = useSignal('')
  const email = useSignal('')
  const password = useSignal('')
  const { busy, error, errorAt, forgetError, onSubmit } = useSubmission(fields, fieldOfCode)

  const submit = onSubmit(async () => {
    if (isNew.value) await signUp(username.value.trim(), email.value.trim(), password.value)
    else await signIn(username.value, password.value)
  })

  return (
    <main class="auth">
      <Scene />
      <section class="auth-card">
        <header class="brand">
          <Mark />
          <h1 class="brand-name">Banter</h1>
        </header>
        <p class="auth-lead">Rooms where people talk, as it happens.</p>
        {sessionNotice.value && (
          <p class="notice" role="status">
            {sessionNotice.value}
          </p>
        )}
        <div class="switch" role="group" aria-label="What to do">
          {[false, true].map((value) => (
            <button
              key={String(value)}
              type="button"
              aria-pressed={isNew.value === value}
              onClick={() => {
                isNew.value = value
                forgetError()
              }}
            >
              {value ? 'Sign up' : 'Sign in'}
            </button>
          ))}
        </div>
        <form onSubmit={submit}>
          <Field
            label="Name"
            name="username"
            value={username}
            autocomplete="username"
            maxLength={64}
            error={errorAt('username')}
            autofocus
          />
          {isNew.value && (
            <Field
              label="E-mail"
              name="email"
              type="email"
              value={email}
              autocomplete="email"
              maxLength={254}
              hint="Never shown to others."
              error={errorAt('email')}
            />
          )}
          <Field
            label="Password"
            name="password"
            type="password"
            value={password}
            autocomplete={isNew.value ? 'new-password' : 'current-password'}
            maxLength={1024}
            hint={isNew.value ? 'At least 8 characters.' : undefined}
            error={errorAt('password')}
          />
          <FormError sentence={error} />
          <button class="primary" type="submit" disabled={busy}>
            {busy ? 'One moment …' : isNew.value ? 'Create the account' : 'Sign in'}
          </button>
        </form>
        <footer class="auth-foot">
          <a href="/docs">API documentation</a>
          <ThemeSwitch />
        </footer>
      </section>
    </main>
  )
}
