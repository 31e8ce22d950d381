import { useSignal } from '@preact/signals'
import type { FunctionComponent } from 'preact'
import { useRef } from 'preact/hooks'

type Picker = FunctionComponent<{ onPick(emoji: string): void; onClose(): void }>

/** The picker is fetched when it is first wanted. */
export function EmojiButton({ onPick }: { onPick(emoji: string): void }) {
  const button = useRef<HTMLButtonElement>(null)
  const picker = useSignal<{ Component: Picker } | null>(null)
  const isOpen = useSignal(false)

  const toggle = async () => {
    isOpen.value = !isOpen.value
    if (!isOpen.value || picker.value) return
    try {
      picker.value = { Component: (await import('./emoji_picker')).EmojiPicker }
    } catch {
      // The server is away: the button may be pressed again.
      isOpen.value = false
    }
  }
  const Component = picker.value?.Component

  return (
    <div class="emoji-place">
      <button
        ref={button}
        type="button"
        class="quiet icon emoji-button"
        aria-label="Emoji"
        aria-expanded={isOpen.value}
        aria-haspopup="dialog"
        onClick={() => void toggle()}
      >
        <svg viewBox="0 0 24 24" aria-hidden="true" focusable="false">
          <circle cx="12" cy="12" r="9" />
          <path d="M8.5 14.5a4.5 4.5 0 0 0 7 0M9 9.5v.5M15 9.5v.5" />
        </svg>
      </button>
      {isOpen.value && Component && (
        <Component
          onPick={(emoji) => {
            isOpen.value = false
            onPick(emoji)
          }}
          onClose={() => {
            isOpen.value = false
            button.current?.focus()
          }}
        />
      )}
    </div>
  )
}
