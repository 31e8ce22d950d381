import type { LogEvent, Message } from '@banter/client'

/** An event of a room's log as it is shown; id is its number. Kinds that are not shown count, too. */
export interface Entry {
  id: number
  type: string
  created_at: string
  /** new_message: its text; null otherwise. */
  text: string | null
  user_id: number
  /** null once the account is deleted. */
  username: string | null
}

export function entryOfMessage(message: Message): Entry {
  return {
    id: message.id,
    type: 'new_message',
    created_at: message.created_at,
    text: message.text,
    user_id: message.sender_id,
    username: message.sender_username ?? null,
  }
}

export function entryOfEvent(event: LogEvent): Entry {
  const { id, type, created_at } = event
  if (event.type === 'new_message') return entryOfMessage(event)
  if (!('user_id' in event)) return { id, type, created_at, text: null, user_id: 0, username: null }
  return { id, type, created_at, text: null, user_id: event.user_id, username: event.username }
}
