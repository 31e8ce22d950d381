import { ApiError } from '@banter/client'
import { useSignal } from '@preact/signals'
import { sessionNotice, signIn, signUp } from '../state/session'
import { sentenceOf } from '../text/sentences'
import { Field } from './field'
import { Mark } from './mark'
import { Scene } from './scene'
import { ThemeSwitch } from './theme_switch'

const fieldOfCode: Record<string, string> = { username_taken: 'username', email_taken: 'email' }

export function AuthPage() {
  const isNew = useSignal(false)
  const username = useSignal('')
  const email = useSignal('')
  const password = useSignal('')
  const busy = useSignal(false)
  const error = useSignal<{ field: string | null; sentence: string } | null>(null)

  const errorAt = (field: string) => (error.value?.field === field ? error.value.sentence : null)

  const submit = async (event: SubmitEvent) => {
    event.preventDefault()
    if (busy.value) return
    busy.value = true
    error.value = null
    try {
      if (isNew.value) await signUp(username.value.trim(), email.value.trim(), password.value)
      else await signIn(username.value, password.value)
    } catch (caught) {
      const code = caught instanceof ApiError ? caught.code : ''
      const named = caught instanceof ApiError ? caught.field : null
      error.value = { field: fieldOfCode[code] ?? named, sentence: sentenceOf(caught) }
    } finally {
      busy.value = false
    }
  }

  const isPlaced = ['username', 'email', 'password'].includes(error.value?.field ?? '')
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
                error.value = null
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
          {error.value && !isPlaced && (
            <p class="form-error" role="alert">
              {error.value.sentence}
            </p>
          )}
          <button class="primary" type="submit" disabled={busy.value}>
            {busy.value ? 'One moment …' : isNew.value ? 'Create the account' : 'Sign in'}
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
