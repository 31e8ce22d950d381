import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { emojiGroups } from '../text/emoji_table'

interface EmojiPickerProps {
  onPick(emoji: string): void
  onClose(): void
}

const steps: Record<string, 'next' | 'previous' | 'down' | 'up'> = {
  ArrowRight: 'next',
  ArrowLeft: 'previous',
  ArrowDown: 'down',
  ArrowUp: 'up',
}

/** The button in the row below or above that stands nearest. */
function vertical(list: HTMLElement[], from: HTMLElement, isDown: boolean): HTMLElement | undefined {
  const here = from.getBoundingClientRect()
  const there = list.filter((each) => {
    const { top } = each.getBoundingClientRect()
    return isDown ? top > here.top + 2 : top < here.top - 2
  })
  const distance = (each: HTMLElement) => {
    const { top, left } = each.getBoundingClientRect()
    return Math.abs(top - here.top) * 1000 + Math.abs(left - here.left)
  }
  return there.sort((a, b) => distance(a) - distance(b))[0]
}

export function EmojiPicker({ onPick, onClose }: EmojiPickerProps) {
  const ref = useRef<HTMLDivElement>(null)
  const search = useSignal('')
  const words = search.value.trim().toLowerCase()
  const groups = emojiGroups
    .map(({ name, list }) => ({ name, list: list.filter(([, about]) => about.includes(words)) }))
    .filter(({ list }) => list.length > 0)

  useEffect(() => {
    ref.current?.querySelector('input')?.focus()
    const away = (event: PointerEvent) => {
      const target = event.target as Element
      if (!ref.current?.contains(target) && !target.closest('.emoji-button')) onClose()
    }
    addEventListener('pointerdown', away)
    return () => removeEventListener('pointerdown', away)
  }, [])

  const onKeyDown = (event: KeyboardEvent) => {
    const list = [...(ref.current?.querySelectorAll<HTMLElement>('.emoji') ?? [])]
    const from = list.find((each) => each === document.activeElement)
    const step = steps[event.key]
    if (event.key === 'Escape') onClose()
    else if (!from && event.key === 'Enter') list[0]?.click()
    else if (!from && step === 'down') list[0]?.focus()
    else if (from && step) {
      const at = list.indexOf(from)
      const next =
        step === 'next' || step === 'previous'
          ? list[at + (step === 'next' ? 1 : -1)]
          : vertical(list, from, step === 'down')
      const upmost = step === 'up' ? ref.current?.querySelector('input') : undefined
      ;(next ?? upmost)?.focus()
    } else return
    event.preventDefault()
    event.stopPropagation()
  }

  return (
    <div ref={ref} class="emoji-picker" role="dialog" aria-label="Emoji" onKeyDown={onKeyDown}>
      <input
        type="search"
        aria-label="Search emoji"
        placeholder="Search"
        value={search.value}
        onInput={(event) => (search.value = event.currentTarget.value)}
      />
      <div class="emoji-groups" tabIndex={-1}>
        {groups.map(({ name, list }, group) => (
          <section key={name} aria-label={name}>
            <h2>{name}</h2>
            {list.map(([emoji, about], index) => (
              <button
                key={emoji}
                type="button"
                class="emoji"
                tabIndex={group === 0 && index === 0 ? 0 : -1}
                aria-label={about}
                title={about}
                onClick={() => onPick(emoji)}
              >
                {emoji}
              </button>
            ))}
          </section>
        ))}
        {groups.length === 0 && <p class="hint">None with this name.</p>}
      </div>
    </div>
  )
}
