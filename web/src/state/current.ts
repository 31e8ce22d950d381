import { effect, signal, untracked } from '@preact/signals'
import { Desk } from './desk'
import type { OpenRoom } from './open_room'
import { openRoomId } from './route'
import { forgetRooms, loadRooms, myRooms } from './rooms'
import { client } from './session'

const HEAR_MS = 300

export const desk = signal<Desk | null>(null)
/** The room that the address names, of whoever is signed in. */
export const currentRoom = signal<OpenRoom | null>(null)

export function followCurrentRoom(): void {
  effect(() => {
    const signedIn = client.value
    untracked(forgetRooms)
    const next = signedIn ? untracked(() => new Desk(signedIn)) : null
    desk.value = next
    if (signedIn) void untracked(loadRooms)
    return () => next?.dispose()
  })
  effect(() => {
    const id = openRoomId.value
    const at = desk.value
    currentRoom.value = id === null || !at ? null : untracked(() => at.open(id))
  })
  effect(() => {
    const ids = myRooms.value.map((room) => room.id)
    const at = desk.value
    // A room that was made just now is about to be opened, which hears it from its beginning.
    const timer = setTimeout(() => at?.hearAll(ids), HEAR_MS)
    return () => clearTimeout(timer)
  })
  // The list of rooms has no live feed: it is looked up again whenever somebody looks.
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState !== 'visible') return
    void loadRooms()
    const id = openRoomId.peek()
    if (id !== null) desk.peek()?.unread.read(id)
  })
  addEventListener('pagehide', () => desk.peek()?.unread.save())
}
