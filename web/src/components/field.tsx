import type { Signal } from '@preact/signals'
import { useId } from 'preact/hooks'

interface FieldProps {
  label: string
  value: Signal<string>
  name: string
  type?: 'text' | 'email' | 'password'
  autocomplete?: 'username' | 'email' | 'current-password' | 'new-password' | 'off'
  maxLength?: number
  hint?: string | undefined
  error?: string | null
  autofocus?: boolean
}

/** A labelled input with its hint and its error. */
export function Field(props: FieldProps) {
  const id = useId()
  const about = props.error || props.hint
  // Apart from the rest: the JSX types want a literal.
  const kind: object = { type: props.type ?? 'text' }
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <input
        id={id}
        name={props.name}
        {...kind}
        value={props.value.value}
        autocomplete={props.autocomplete ?? 'off'}
        autocapitalize="none"
        spellcheck={false}
        maxLength={props.maxLength ?? 524288}
        required
        autofocus={props.autofocus ?? false}
        aria-invalid={props.error ? 'true' : 'false'}
        {...(about ? { 'aria-describedby': `${id}-about` } : {})}
        onInput={(event) => {
          props.value.value = event.currentTarget.value
        }}
      />
      {about && (
        <p id={`${id}-about`} class={props.error ? 'field-error' : 'field-hint'}>
          {about}
        </p>
      )}
    </div>
  )
}

/** What went wrong with a form as a whole. */
export function FormError({ sentence }: { sentence: string | null }) {
  if (!sentence) return null
  return (
    <p class="form-error" role="alert">
      {sentence}
    </p>
  )
}
