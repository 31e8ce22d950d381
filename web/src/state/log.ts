import type { Message } from '../api/types'
import type { LogEvent } from '../live/frames'

/** A message as the history gives it, in the shape in which the socket gives it. */
export function eventOfMessage(message: Message): LogEvent {
  return {
    id: message.id,
    type: 'new_message',
    created_at: message.created_at,
    text: message.text,
    user_id: message.sender_id,
    username: message.sender_username ?? null,
  }
}

/** The part of a room's log that is known here: by id, each once. */
export class RoomLog {
  private readonly list: LogEvent[] = []

  get events(): readonly LogEvent[] {
    return this.list
  }

  get firstId(): number | null {
    return this.list[0]?.id ?? null
  }

  get lastId(): number {
    return this.list[this.list.length - 1]?.id ?? 0
  }

  has(id: number): boolean {
    return this.list[this.placeOf(id)]?.id === id
  }

  /** False for an event that is known already. */
  add(event: LogEvent): boolean {
    const place = this.placeOf(event.id)
    if (this.list[place]?.id === event.id) return false
    this.list.splice(place, 0, event)
    return true
  }

  clear(): void {
    this.list.length = 0
  }

  /** The first index whose event has an id that is not less. */
  private placeOf(id: number): number {
    if (id > this.lastId) return this.list.length
    let low = 0
    let high = this.list.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.list[middle] as LogEvent).id < id) low = middle + 1
      else high = middle
    }
    return low
  }
}
