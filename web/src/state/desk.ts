import type { Client, LogEvent, RoomEnd } from '@banter/client'
import { OpenRoom } from './open_room'
import { openRoomId } from './route'
import { loadRooms, markMine } from './rooms'
import { isMe, recognise, session, sessionOver } from './session'
import { Unread } from './unread'
import { Unsent } from './unsent'

/** What a session has: its connection, the rooms that were opened, what was not read or sent. */
export class Desk {
  readonly unread: Unread
  private readonly unsent: Unsent
  private readonly opened = new Map<number, OpenRoom>()
  private readonly unlisten: (() => void)[]

  constructor(private readonly client: Client) {
    const username = session.peek()?.username ?? ''
    this.unread = new Unread(`banter.read.${username}`)
    this.unsent = new Unsent(username)
    this.unlisten = [
      client.on('state', (state) => {
        if (state.name === 'open' && client.user) recognise([client.user])
      }),
      client.on('signed-out', () => sessionOver()),
      client.on('room-state', ({ room_id, state }) => {
        const { head } = client.room(room_id)
        if (state === 'live' && head !== null) this.headIs(room_id, head)
      }),
      client.on('event', (event) => this.happened(event)),
      client.on('ended', (end) => this.roomEnded(end)),
    ]
    // What makes it give up is told by the events, too.
    client.connect().catch(() => {})
    for (const { roomId, clientId, text } of this.unsent.all) this.room(roomId).deliver(clientId, text)
  }

  dispose(): void {
    for (const end of this.unlisten) end()
    for (const room of this.opened.values()) room.dispose()
    this.unread.save()
    this.client.close()
  }

  open(roomId: number): OpenRoom {
    const room = this.room(roomId)
    const isAllRead = this.unread.isKnown(roomId) && this.unread.of(roomId) === 0
    room.readUpTo = isAllRead ? null : this.unread.markOf(roomId)
    void room.show()
    this.unread.read(roomId)
    return room
  }

  /** Hears all rooms that are one's own; one that is being opened is heard once it is loaded. */
  hearAll(roomIds: number[]): void {
    for (const id of roomIds) {
      const room = this.client.room(id)
      if (room.state === 'idle' && !this.opened.get(id)?.isBegun) room.subscribe()
    }
  }

  private room(roomId: number): OpenRoom {
    const room = this.opened.get(roomId) ?? new OpenRoom(roomId, this.client, this.unsent)
    this.opened.set(roomId, room)
    return room
  }

  private happened(event: LogEvent): void {
    const isMessage = event.type === 'new_message'
    this.headIs(event.room_id, event.id, isMessage)
    const isOwn = isMessage && isMe({ id: event.sender_id, username: event.sender_username })
    if (isOwn) this.unread.read(event.room_id)
  }

  private headIs(roomId: number, head: number, counts = true): void {
    this.unread.headIs(roomId, head, counts)
    const isShown = openRoomId.peek() === roomId && document.visibilityState === 'visible'
    if (isShown) this.unread.read(roomId)
  }

  private roomEnded({ room_id, reason }: RoomEnd): void {
    if (reason === 'too_many_rooms' || reason === 'refused') return
    this.unread.forget(room_id)
    markMine(room_id, false)
    void loadRooms()
    this.opened.get(room_id)?.ended(reason === 'room_removed' || reason === 'room_not_found')
  }
}
