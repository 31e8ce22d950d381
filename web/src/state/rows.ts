import type { LogEvent } from '../live/frames'

/** A line of the conversation. */
export type Row =
  | { kind: 'day'; key: string; date: Date }
  | { kind: 'notice'; key: string; event: LogEvent }
  | { kind: 'message'; key: string; event: LogEvent; date: Date; isFirst: boolean }

/** Messages of one sender that follow within this time stand under one name. */
const GROUP_MS = 5 * 60_000

const noticeTypes = new Set(['room_created', 'member_joined', 'member_left', 'owner_changed'])

const dayOf = (date: Date) => `${date.getFullYear()}-${date.getMonth()}-${date.getDate()}`

/** Lays events out: a line for each day, names only where the sender changes. */
export function rowsOf(events: readonly LogEvent[]): Row[] {
  const rows: Row[] = []
  let day = ''
  let last: { sender: number; at: number } | null = null
  for (const event of events) {
    const isMessage = event.type === 'new_message'
    if (!isMessage && !noticeTypes.has(event.type)) continue
    const date = new Date(event.created_at)
    if (dayOf(date) !== day) {
      day = dayOf(date)
      last = null
      rows.push({ kind: 'day', key: `day-${event.id}`, date })
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
