import { computed, signal } from '@preact/signals'

/** What the address names: a room (#/rooms/7), or a message of it (#/rooms/7/412). */
export interface Place {
  roomId: number
  messageId: number | null
}

const NUMBER = '([1-9][0-9]{0,15})'
const PATTERN = new RegExp(`^#/rooms/${NUMBER}(?:/${NUMBER})?$`)

export function placeOfHash(hash: string): Place | null {
  const match = PATTERN.exec(hash)
  const roomId = Number(match?.[1])
  if (!Number.isSafeInteger(roomId)) return null
  const messageId = match?.[2] === undefined ? null : Number(match[2])
  return { roomId, messageId: Number.isSafeInteger(messageId) ? messageId : null }
}

export const hashOfRoom = (id: number): string => `#/rooms/${id}`
export const hashOfMessage = (roomId: number, id: number): string => `#/rooms/${roomId}/${id}`

export const place = signal<Place | null>(null)
export const openRoomId = computed(() => place.value?.roomId ?? null)
/** Counts the times that an address was gone to: the same message may be asked for again. */
export const visits = signal(0)

export function followAddress(): void {
  const read = () => {
    place.value = placeOfHash(location.hash)
    visits.value++
  }
  addEventListener('hashchange', read)
  read()
}

export function goToRoom(id: number | null): void {
  location.hash = id === null ? '#/' : hashOfRoom(id)
}

/** The end of a room instead of a message, without a step to go back to. */
export function leaveMessage(): void {
  const at = place.peek()
  if (!at || at.messageId === null) return
  history.replaceState(null, '', hashOfRoom(at.roomId))
  place.value = { roomId: at.roomId, messageId: null }
}
