/** Times in the reader's own zone, language and manner. */
const day = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' })
const dayOfYear = new Intl.DateTimeFormat(undefined, { dateStyle: 'full' })
const time = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' })
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' })
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' })

/** What those are written in: the page around them is English. */
export const timeLanguage = time.resolvedOptions().locale

const isValid = (date: Date) => !Number.isNaN(date.getTime())

export const timeOf = (date: Date): string => (isValid(date) ? time.format(date) : '')
export const fullTimeOf = (date: Date): string => (isValid(date) ? full.format(date) : '')

/** A day's number, whatever its length: some days of the year have 23 hours. */
const dayNumber = (date: Date) =>
  Math.round(Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / 86_400_000)

export const isSameDay = (a: Date, b: Date): boolean => dayNumber(a) === dayNumber(b)

/** "today", "yesterday", or the date. */
export function dayOf(date: Date, now: Date): string {
  if (!isValid(date)) return ''
  const days = dayNumber(date) - dayNumber(now)
  if (days === 0 || days === -1) return relative.format(days, 'day')
  return (date.getFullYear() === now.getFullYear() ? day : dayOfYear).format(date)
}
