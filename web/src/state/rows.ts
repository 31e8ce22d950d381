import type { Entry } from './event'
import { isSameDay } from '../text/time'

/** A line of the conversation. */
export type Row =
  | { kind: 'day'; key: string; date: Date }
  | { kind: 'new'; key: string }
  | { kind: 'notice'; key: string; event: Entry }
  | { kind: 'message'; key: string; event: Entry; date: Date; isFirst: boolean }

/** Messages of one sender that follow within this time stand under one name. */
const GROUP_MS = 5 * 60_000

const noticeTypes = new Set(['room_created', 'member_joined', 'member_left', 'owner_changed'])

/** Lays events out: a line for each day and one above what is new (what comes after readUpTo), names
 * only where the sender changes. */
export function rowsOf(events: readonly Entry[], readUpTo: number | null = null): Row[] {
  const rows: Row[] = []
  let day: Date | null = null
  let last: { sender: number; at: number } | null = null
  let isNewMarked = readUpTo === null
  for (const event of events) {
    const isMessage = event.type === 'new_message'
    if (!isMessage && !noticeTypes.has(event.type)) continue
    const date = new Date(event.created_at)
    if (day === null || !isSameDay(date, day)) {
      day = date
      last = null
      rows.push({ kind: 'day', key: `day-${event.id}`, date })
    }
    if (!isNewMarked && event.id > (readUpTo ?? 0)) {
      isNewMarked = true
      last = null
      rows.push({ kind: 'new', key: 'new' })
    }
    if (!isMessage) {
      last = null
      rows.push({ kind: 'notice', key: `event-${event.id}`, event })
      continue
    }
    const at = date.getTime()
    const isFirst = last === null || last.sender !== event.user_id || at - last.at > GROUP_MS
    last = { sender: event.user_id, at }
    rows.push({ kind: 'message', key: `event-${event.id}`, event, date, isFirst })
  }
  return rows
}
