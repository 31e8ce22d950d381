import { useSignal } from '@preact/signals'
import { useEffect, useId, useRef } from 'preact/hooks'

const TEXT_CHARS_MAX = 4000
/** From here on, how much is left is said. */
const COUNT_FROM = 3800

interface ComposerProps {
  name: string
  onSend(text: string): void
  onWriting(): void
}

export function Composer({ name, onSend, onWriting }: ComposerProps) {
  const id = useId()
  const ref = useRef<HTMLTextAreaElement>(null)
  const text = useSignal('')
  // As the server counts: characters, not UTF-16 units.
  const length = text.value.length > COUNT_FROM ? [...text.value].length : text.value.length
  const left = TEXT_CHARS_MAX - length
  const canSend = text.value.trim() !== '' && left >= 0

  useEffect(() => {
    if (matchMedia('(pointer: fine)').matches) ref.current?.focus()
  }, [])

  const send = () => {
    if (!canSend) return
    onSend(text.value)
    text.value = ''
    ref.current?.focus()
  }

  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault()
        send()
      }}
    >
      <label class="unseen" for={id}>
        Message to {name}
      </label>
      <div class="composer-grow" data-text={text.value}>
        <textarea
          id={id}
          ref={ref}
          rows={1}
          dir="auto"
          placeholder="Write a message"
          value={text.value}
          aria-describedby={`${id}-left`}
          onInput={(event) => {
            text.value = event.currentTarget.value
            if (text.value.trim() !== '') onWriting()
          }}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
            event.preventDefault()
            send()
          }}
        />
      </div>
      <button class="primary" type="submit" disabled={!canSend}>
        Send
      </button>
      <p id={`${id}-left`} class={left < 0 ? 'composer-left field-error' : 'composer-left'} role="status">
        {length > COUNT_FROM &&
          (left < 0 ? `${-left} characters too many` : `${left} characters left`)}
      </p>
    </form>
  )
}
