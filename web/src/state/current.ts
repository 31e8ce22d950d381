import { effect, signal, untracked } from '@preact/signals'
import { OpenRoom } from './open_room'
import { openRoomId } from './route'
import { forgetRooms, loadRooms } from './rooms'
import { client } from './session'

/** The room that the address names, of whoever is signed in. */
export const currentRoom = signal<OpenRoom | null>(null)

export function followCurrentRoom(): void {
  effect(() => {
    const signedIn = client.value
    untracked(forgetRooms)
    if (signedIn) void untracked(loadRooms)
  })
  effect(() => {
    const id = openRoomId.value
    const signedIn = client.value
    const next = id === null || !signedIn ? null : new OpenRoom(id, signedIn)
    currentRoom.value = next
    if (next) void untracked(() => next.load())
    return () => next?.dispose()
  })
  // Rooms have no live feed yet: they are looked up again whenever somebody looks.
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') void loadRooms()
  })
}
