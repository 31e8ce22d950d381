import { effect, signal, untracked } from '@preact/signals'
import type { Client } from '../api/client'
import { ChatSocket, type SocketLike } from '../live/chat_socket'
import type { RoomEnd } from '../live/closing'
import type { Frame } from '../live/frames'
import { OpenRoom } from './open_room'
import { openRoomId } from './route'
import { forgetRooms, loadRooms, markMine, myRooms } from './rooms'
import { client, endSession, isMe, session } from './session'
import { Unread } from './unread'

const HEAR_MS = 300

/** What a session has: its connection, the rooms that were opened, what was not read. */
class Desk {
  readonly unread: Unread
  private readonly chat: ChatSocket
  private readonly opened = new Map<number, OpenRoom>()

  constructor(private readonly client: Client) {
    const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:'
    this.unread = new Unread(`banter.read.${session.peek()?.username}`)
    this.chat = new ChatSocket({
      address: `${scheme}//${location.host}/ws/chat?token=${encodeURIComponent(client.token)}`,
      // Its handlers take more than those of SocketLike, which TypeScript counts as other ones.
      open: (address) => new WebSocket(address) as unknown as SocketLike,
      onHead: (roomId, head, frame) => this.headIs(roomId, head, frame),
      onRoomEnd: (roomId, reason) => this.roomEnded(roomId, reason),
      onSessionEnd: () => endSession('Your session has ended. Please sign in again.'),
    })
    this.chat.connect()
  }

  dispose(): void {
    this.chat.close()
    this.unread.save()
    for (const room of this.opened.values()) room.dispose()
  }

  open(roomId: number): OpenRoom {
    const known = this.opened.get(roomId)
    const room = known ?? new OpenRoom(roomId, this.client, this.chat)
    this.opened.set(roomId, room)
    void (known ? room.show() : room.load())
    this.unread.read(roomId)
    return room
  }

  /** Hears all rooms that are one's own; one that is being opened is heard once it is loaded. */
  hearAll(roomIds: number[]): void {
    for (const id of roomIds) if (!this.opened.has(id)) this.chat.hear(id)
  }

  hurry(): void {
    this.chat.hurry()
  }

  private headIs(roomId: number, head: number, frame: Frame): void {
    this.unread.headIs(roomId, head)
    const isShown = openRoomId.peek() === roomId && document.visibilityState === 'visible'
    const isOwn =
      frame.kind === 'event' && isMe({ id: frame.event.user_id, username: frame.event.username })
    if (isShown || isOwn) this.unread.read(roomId)
  }

  private roomEnded(roomId: number, reason: RoomEnd): void {
    this.unread.forget(roomId)
    markMine(roomId, false)
    void loadRooms()
    this.opened.get(roomId)?.ended(reason)
  }
}

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
  addEventListener('online', () => desk.peek()?.hurry())
  addEventListener('pagehide', () => desk.peek()?.unread.save())
}
