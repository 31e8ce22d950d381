/** The frames of /ws/chat/{room_id} (see openapi.json), read from untrusted text. */

/** An event of the room's log; id is its number. Unknown types count too: they move the cursor. */
export interface LogEvent {
  id: number
  type: string
  created_at: string
  /** new_message: its text; null otherwise. */
  text: string | null
  user_id: number
  username: string | null
}

export type Frame =
  | { kind: 'event'; event: LogEvent }
  | { kind: 'activity'; userId: number; online: boolean }
  | { kind: 'ack'; clientId: string; id: number }
  | { kind: 'error'; clientId: string | null; code: string; message: string; temporary: boolean }
  | { kind: 'subscribed'; head: number; epoch: number | null; recovered: boolean }
  | { kind: 'caught_up' }
  | { kind: 'unknown' }

type Fields = Record<string, unknown>

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null)
const count = (value: unknown): number | null =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null

function parseEvent(type: string, fields: Fields): Frame {
  const id = count(fields.id)
  if (id === null || id === 0) return { kind: 'unknown' }
  const isMessage = type === 'new_message'
  return {
    kind: 'event',
    event: {
      id,
      type,
      created_at: text(fields.created_at) ?? '',
      text: isMessage ? (text(fields.text) ?? '') : null,
      user_id: count(isMessage ? fields.sender_id : fields.user_id) ?? 0,
      username: text(isMessage ? fields.sender_username : fields.username),
    },
  }
}

export function parseFrame(data: unknown): Frame {
  let fields: Fields
  try {
    const parsed: unknown = typeof data === 'string' ? JSON.parse(data) : null
    if (typeof parsed !== 'object' || parsed === null) return { kind: 'unknown' }
    fields = parsed as Fields
  } catch {
    return { kind: 'unknown' }
  }
  const type = text(fields.type)
  switch (type) {
    case null:
      return { kind: 'unknown' }
    case 'user_activity':
      return {
        kind: 'activity',
        userId: count(fields.user_id) ?? 0,
        online: fields.action === 'joined',
      }
    case 'ack':
      return { kind: 'ack', clientId: text(fields.client_id) ?? '', id: count(fields.id) ?? 0 }
    case 'error':
      return {
        kind: 'error',
        clientId: text(fields.client_id),
        code: text(fields.code) ?? 'unknown',
        message: text(fields.message) ?? '',
        temporary: fields.temporary === true,
      }
    case 'subscribed':
      return {
        kind: 'subscribed',
        head: count(fields.head) ?? 0,
        epoch: count(fields.epoch),
        recovered: fields.recovered !== false,
      }
    case 'caught_up':
      return { kind: 'caught_up' }
    default:
      return parseEvent(type, fields)
  }
}
