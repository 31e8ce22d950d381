import type { LogEvent } from './types.js'

/** The frames of docs/WEBSOCKET.md, read from text that may be anything. */
export type Fields = Record<string, unknown>

export interface Frame extends Fields {
  type: string
}

/** null: not a frame. */
export function parseFrame(data: unknown): Frame | null {
  if (typeof data !== 'string') return null
  try {
    const parsed: unknown = JSON.parse(data)
    if (typeof parsed !== 'object' || parsed === null) return null
    return typeof (parsed as Fields).type === 'string' ? (parsed as Frame) : null
  } catch {
    return null
  }
}

export function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

const KNOWN = new Set([
  'new_message',
  'room_created',
  'member_joined',
  'member_left',
  'owner_changed',
  'room_removed',
])

/** Frames with a number that are none of the log's events. */
const NOT_EVENTS = new Set(['ack'])

/** An event of a room's log; null: something else. A kind that is not known counts like the others,
 * since it has its number. */
export function eventOf(frame: Frame, roomId: number): LogEvent | null {
  const id = numberOf(frame.id)
  if (!id || NOT_EVENTS.has(frame.type)) return null
  if (KNOWN.has(frame.type)) return { ...frame, room_id: roomId } as unknown as LogEvent
  return {
    type: `other:${frame.type}`,
    id,
    room_id: roomId,
    created_at: textOf(frame.created_at),
    fields: frame,
  }
}
