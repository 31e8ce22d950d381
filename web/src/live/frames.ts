/** The frames of /ws/chat (see openapi.json), read from untrusted text. */

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

/** Room 0 is none: an error that is about no room. */
export type Frame =
  | { kind: 'hello'; heartbeatMs: number; roomsMax: number }
  | { kind: 'event'; roomId: number; event: LogEvent }
  | { kind: 'activity'; roomId: number; userId: number; online: boolean }
  | { kind: 'typing'; roomId: number; userId: number; username: string }
  | { kind: 'ack'; roomId: number; clientId: string; id: number }
  | {
      kind: 'error'
      roomId: number
      clientId: string | null
      code: string
      message: string
      temporary: boolean
    }
  | {
      kind: 'subscribed'
      roomId: number
      head: number
      epoch: number | null
      /** null: it was not asked to resume. */
      recovered: boolean | null
    }
  | { kind: 'caught_up'; roomId: number }
  | { kind: 'unsubscribed'; roomId: number; code: number | null }
  | { kind: 'bye'; code: number; reconnect: boolean; afterMs: number }
  | { kind: 'unknown' }

type Fields = Record<string, unknown>

const text = (value: unknown): string | null => (typeof value === 'string' ? value : null)
const count = (value: unknown): number | null =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null

const HEARTBEAT_MS = 25_000
const ROOMS_MAX = 500

function parseHello(fields: Fields): Frame {
  const limits = (typeof fields.limits === 'object' ? (fields.limits ?? {}) : {}) as Fields
  return {
    kind: 'hello',
    heartbeatMs: count(fields.heartbeat_ms) || HEARTBEAT_MS,
    roomsMax: count(limits.rooms) ?? ROOMS_MAX,
  }
}

function parseEvent(type: string, roomId: number, fields: Fields): Frame {
  const id = count(fields.id)
  if (id === null || id === 0) return { kind: 'unknown' }
  const isMessage = type === 'new_message'
  return {
    kind: 'event',
    roomId,
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
  const roomId = count(fields.room_id) ?? 0
  const userId = count(fields.user_id) ?? 0
  switch (type) {
    case null:
      return { kind: 'unknown' }
    case 'hello':
      return parseHello(fields)
    case 'user_activity':
      return { kind: 'activity', roomId, userId, online: fields.action === 'joined' }
    case 'typing':
      return { kind: 'typing', roomId, userId, username: text(fields.username) ?? '' }
    case 'ack':
      return {
        kind: 'ack',
        roomId,
        clientId: text(fields.client_id) ?? '',
        id: count(fields.id) ?? 0,
      }
    case 'error':
      return {
        kind: 'error',
        roomId,
        clientId: text(fields.client_id),
        code: text(fields.code) ?? 'unknown',
        message: text(fields.message) ?? '',
        temporary: fields.temporary === true,
      }
    case 'subscribed':
      return {
        kind: 'subscribed',
        roomId,
        head: count(fields.head) ?? 0,
        epoch: count(fields.epoch),
        recovered: typeof fields.recovered === 'boolean' ? fields.recovered : null,
      }
    case 'caught_up':
      return { kind: 'caught_up', roomId }
    case 'unsubscribed':
      return { kind: 'unsubscribed', roomId, code: count(fields.code) }
    case 'bye':
      return {
        kind: 'bye',
        code: count(fields.code) ?? 0,
        reconnect: fields.reconnect !== false,
        afterMs: count(fields.after_ms) ?? 0,
      }
    default:
      return parseEvent(type, roomId, fields)
  }
}
