import { useSignal } from '@preact/signals'
import { useEffect, useId, useRef } from 'preact/hooks'
import { EmojiButton } from './emoji_button'

const TEXT_CHARS_MAX = 4000
/** From here on, how much is left is said. */
const COUNT_FROM = 3800

interface ComposerProps {
  name: string
  draft: string
  /** Not where a link to a message led: that one is what to read. */
  isFirst: boolean
  onDraft(text: string): void
  onSend(text: string): void
  onWriting(): void
}

export function Composer({ name, draft, isFirst, onDraft, onSend, onWriting }: ComposerProps) {
  const id = useId()
  const ref = useRef<HTMLTextAreaElement>(null)
  const text = useSignal(draft)
  // As the server counts: characters, not UTF-16 units.
  const length = text.value.length > COUNT_FROM ? [...text.value].length : text.value.length
  const left = TEXT_CHARS_MAX - length
  const canSend = text.value.trim() !== '' && left >= 0

  useEffect(() => {
    if (isFirst && matchMedia('(pointer: fine)').matches) ref.current?.focus()
  }, [])

  const change = (next: string) => {
    text.value = next
    onDraft(next)
  }

  const send = () => {
    if (!canSend) return
    onSend(text.value)
    change('')
    ref.current?.focus()
  }

  const insert = (emoji: string) => {
    const field = ref.current
    if (!field) return
    field.focus()
    field.setRangeText(emoji, field.selectionStart, field.selectionEnd, 'end')
    change(field.value)
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
      <div class="composer-box">
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
              change(event.currentTarget.value)
              if (text.value.trim() !== '') onWriting()
            }}
            onKeyDown={(event) => {
              if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
              event.preventDefault()
              send()
            }}
          />
        </div>
        <EmojiButton onPick={insert} />
        <button class="primary" type="submit" disabled={!canSend}>
          Send
        </button>
      </div>
      <p id={`${id}-left`} class={left < 0 ? 'composer-left field-error' : 'composer-left'} role="status">
        {length > COUNT_FROM &&
          (left < 0 ? `${-left} characters too many` : `${left} characters left`)}
      </p>
    </form>
  )
}
