import type { Client, Room } from '@banter/client'
import { batch, computed, signal } from '@preact/signals'
import { sentenceOf } from '../text/sentences'
import { answerOf, client, isMe, recognise, session } from './session'

/** As many are fetched at most; the list of them is searched here. */
const ROOMS_MAX = 5_000

export const rooms = signal<Room[]>([])
export const roomsLoaded = signal(false)
export const roomsError = signal<string | null>(null)

/** Rooms that turned out to be one's own though the list, which names 100 members, did not say. */
const knownMine = signal<ReadonlySet<number>>(new Set())

function isMine(room: Room): boolean {
  return knownMine.value.has(room.id) || room.users.some(isMe)
}

const byName = (a: Room, b: Room) => a.name.localeCompare(b.name) || a.id - b.id
export const myRooms = computed(() => rooms.value.filter(isMine).sort(byName))
export const otherRooms = computed(() => rooms.value.filter((room) => !isMine(room)).sort(byName))

async function fetchRooms(asked: Client): Promise<Room[]> {
  const found: Room[] = []
  for await (const room of asked.rooms({ limit: 500 })) {
    if (found.push(room) >= ROOMS_MAX) break
  }
  return found
}

export async function loadRooms(): Promise<void> {
  const asked = client.peek()
  if (!asked) return
  try {
    const found = await answerOf(fetchRooms(asked))
    if (asked !== client.peek()) return
    for (const room of found) recognise(room.users)
    batch(() => {
      rooms.value = found
      roomsLoaded.value = true
      roomsError.value = null
    })
  } catch (error) {
    if (asked === client.peek()) roomsError.value = sentenceOf(error)
  }
}

let reloadTimer: ReturnType<typeof setTimeout> | null = null

/** After news of members: many of them cost one look. */
export function reloadRoomsSoon(): void {
  reloadTimer ??= setTimeout(() => {
    reloadTimer = null
    void loadRooms()
  }, 500)
}

export function forgetRooms(): void {
  batch(() => {
    rooms.value = []
    roomsLoaded.value = false
    roomsError.value = null
    knownMine.value = new Set()
  })
}

export function markMine(id: number, mine: boolean): void {
  const next = new Set(knownMine.peek())
  if (mine) next.add(id)
  else next.delete(id)
  knownMine.value = next
}

export async function createRoom(name: string): Promise<Room> {
  const asked = client.peek()
  if (!asked) throw new Error('Please sign in first.')
  const room = await answerOf(asked.createRoom(name))
  const me = session.peek()
  // Who creates a room is its creator: another way to learn one's id.
  if (me && me.id === null) recognise(room.users)
  markMine(room.id, true)
  rooms.value = [...rooms.peek().filter((other) => other.id !== room.id), room]
  return room
}
