import { signal } from '@preact/signals'
import { isSameDay } from '../text/time'

/** The day it is, for "today" and "yesterday": a page may stay open over midnight. */
export const today = signal(new Date())

const CHECK_MS = 60_000

export function followDays(): void {
  setInterval(() => {
    const now = new Date()
    if (!isSameDay(now, today.peek())) today.value = now
  }, CHECK_MS)
}
