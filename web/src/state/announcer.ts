import { signal } from '@preact/signals'

/** What a screen reader says next. The log itself is not live, else it would read out every page of
 * history that is scrolled to, and one's own messages. */
export const announcement = signal<{ text: string; count: number }>({ text: '', count: 0 })

export function announce(text: string): void {
  announcement.value = { text, count: announcement.peek().count + 1 }
}
