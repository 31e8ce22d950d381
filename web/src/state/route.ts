import { signal } from '@preact/signals'

/** The address says which room is open: #/rooms/7. */
export function roomOfHash(hash: string): number | null {
  const match = /^#\/rooms\/([1-9][0-9]{0,15})$/.exec(hash)
  const id = match ? Number(match[1]) : null
  return id !== null && Number.isSafeInteger(id) ? id : null
}

export const hashOfRoom = (id: number): string => `#/rooms/${id}`

export const openRoomId = signal<number | null>(null)

export function followAddress(): void {
  const read = () => {
    openRoomId.value = roomOfHash(location.hash)
  }
  addEventListener('hashchange', read)
  read()
}

export function goToRoom(id: number | null): void {
  location.hash = id === null ? '#/' : hashOfRoom(id)
}
