import { batch, signal } from '@preact/signals'
import { ApiError, sentenceFor, sentenceOf } from '../api/errors'
import type { Client } from '../api/client'
import type { Room } from '../api/types'
import type { Frame, LogEvent } from '../live/frames'
import { RoomSocket, type EndReason, type LinkState, type SocketLike } from '../live/room_socket'
import { eventOfMessage, RoomLog } from './log'
import { Members } from './members'
import { Outbox } from './outbox'
import { endSession, isMe, recognise } from './session'
import { loadRooms, markMine, reloadRoomsSoon } from './rooms'

export type Phase =
  | { name: 'loading' }
  | { name: 'open' }
  | { name: 'outsider'; notice: string | null }
  | { name: 'gone' }
  | { name: 'error'; message: string }

/** A message without an answer for so long has failed, as far as one can tell. */
const ANSWER_MS = 15_000
const ANSWER_CHECK_MS = 1_000
const RELOAD_MS = 1_000

function socketAddress(id: number, token: string, since: number, epoch: number | null): string {
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:'
  const query = new URLSearchParams({ token, since: String(since) })
  if (epoch !== null) query.set('epoch', String(epoch))
  return `${scheme}//${location.host}/ws/chat/${id}?${query}`
}

/** The room that is on the screen: its history, its live events, and what goes out to it. */
export class OpenRoom {
  readonly phase = signal<Phase>({ name: 'loading' })
  readonly room = signal<Room | null>(null)
  readonly link = signal<LinkState>({ name: 'connecting' })
  readonly hasOlder = signal(false)
  readonly loadingOlder = signal(false)
  /** What went wrong beside the phase: loading older messages, leaving. */
  readonly trouble = signal<string | null>(null)

  /** Log, outbox and members are mutable, so that a thousand events cost a thousand steps; who
   * shows them reads the version to hear of changes. */
  readonly logVersion = signal(0)
  readonly outboxVersion = signal(0)
  readonly membersVersion = signal(0)
  readonly log = new RoomLog()
  readonly outbox = new Outbox()
  readonly members = new Members()

  private socket: RoomSocket | null = null
  private disposed = false
  private answerTimer: number | null = null
  private readonly onOnline = () => this.socket?.hurry()

  constructor(
    readonly id: number,
    private readonly client: Client,
  ) {
    addEventListener('online', this.onOnline)
  }

  dispose(): void {
    this.disposed = true
    removeEventListener('online', this.onOnline)
    this.stopAnswerTimer()
    this.disconnect()
  }

  /** Loads the newest history, then listens from its end on. */
  async load(): Promise<void> {
    this.disconnect()
    this.phase.value = { name: 'loading' }
    try {
      const room = await this.client.room(this.id)
      const page = await this.client.messages(this.id, null)
      if (this.disposed) return
      recognise(room.users)
      markMine(this.id, true)
      this.log.clear()
      for (const message of page.items) this.log.add(eventOfMessage(message))
      this.members.presenceUnknown(room.users)
      batch(() => {
        this.room.value = room
        this.membersVersion.value++
        this.hasOlder.value = page.next !== null
        this.logVersion.value++
        this.phase.value = { name: 'open' }
      })
      this.connect()
    } catch (error) {
      if (!this.disposed) this.phase.value = this.phaseOf(error)
    }
  }

  async loadOlder(): Promise<void> {
    const first = this.log.events.find((event) => event.text !== null)
    if (this.loadingOlder.peek() || !this.hasOlder.peek() || !first) return
    this.loadingOlder.value = true
    this.trouble.value = null
    try {
      const page = await this.client.messages(this.id, first.id)
      for (const message of page.items) this.log.add(eventOfMessage(message))
      batch(() => {
        this.hasOlder.value = page.next !== null
        this.logVersion.value++
      })
    } catch (error) {
      this.trouble.value = sentenceOf(error)
    } finally {
      this.loadingOlder.value = false
    }
  }

  send(text: string): void {
    this.outbox.add(crypto.randomUUID?.() ?? randomId(), text)
    this.flush()
  }

  retry(clientId: string): void {
    this.outbox.retry(clientId)
    this.socket?.hurry()
    this.flush()
  }

  discard(clientId: string): void {
    this.outbox.discard(clientId)
    this.outboxVersion.value++
  }

  tryNow(): void {
    this.socket?.hurry()
  }

  async join(): Promise<void> {
    try {
      await this.client.join(this.id)
    } catch (error) {
      if (!(error instanceof ApiError && error.code === 'already_member')) throw error
    }
    markMine(this.id, true)
    void loadRooms()
    await this.load()
  }

  async leave(): Promise<void> {
    await this.client.leave(this.id)
    this.disconnect()
    markMine(this.id, false)
    await loadRooms()
  }

  private connect(): void {
    const socket = new RoomSocket(
      {
        address: (since, epoch) => socketAddress(this.id, this.client.token, since, epoch),
        // Its handlers take more than those of SocketLike, which TypeScript counts as other ones.
        open: (address) => new WebSocket(address) as unknown as SocketLike,
        onState: (state) => this.linkChanged(state),
        onFrame: (frame) => this.received(frame),
        onEnd: (reason) => this.ended(reason),
      },
      this.log.lastId,
    )
    this.socket = socket
    socket.connect()
  }

  private disconnect(): void {
    this.socket?.close()
    this.socket = null
  }

  private linkChanged(state: LinkState): void {
    this.link.value = state
    if (state.name === 'live') {
      this.flush()
      void this.loadMembers()
    } else {
      this.outbox.connectionLost()
      this.outboxVersion.value++
    }
  }

  private received(frame: Frame): void {
    switch (frame.kind) {
      case 'event':
        this.eventArrived(frame.event)
        break
      case 'activity':
        this.members.activity(frame.userId, frame.online)
        this.membersVersion.value++
        break
      case 'ack':
        this.outbox.acknowledged(frame.clientId, frame.id, this.log.has(frame.id))
        this.outboxVersion.value++
        break
      case 'error':
        if (frame.clientId === null) this.trouble.value = sentenceFor(frame.code, frame.message)
        else {
          const sentence = sentenceFor(frame.code, frame.message)
          this.outbox.failed(frame.clientId, sentence, frame.code === 'outcome_unknown')
        }
        this.outboxVersion.value++
        break
    }
  }

  private eventArrived(event: LogEvent): void {
    if (!this.log.add(event)) return
    switch (event.type) {
      case 'new_message':
        if (isMe({ id: event.user_id, username: event.username })) {
          this.outbox.arrived(event.id, event.text ?? '')
          this.outboxVersion.value++
        }
        break
      case 'member_joined':
        this.members.joined(event.user_id, event.username)
        this.membersVersion.value++
        reloadRoomsSoon()
        break
      case 'member_left':
        this.members.left(event.user_id)
        this.membersVersion.value++
        reloadRoomsSoon()
        break
      case 'owner_changed': {
        const room = this.room.peek()
        if (room) this.room.value = { ...room, creator_id: event.user_id }
        break
      }
      case 'room_removed':
        this.ended('room_gone')
        break
    }
    this.logVersion.value++
  }

  private ended(reason: EndReason): void {
    this.disconnect()
    switch (reason) {
      case 'session':
        return endSession('Your session has ended. Please sign in again.')
      case 'not_a_member':
        markMine(this.id, false)
        void loadRooms()
        this.phase.value = { name: 'outsider', notice: 'You are no longer a member of this room.' }
        return
      case 'room_gone':
        void loadRooms()
        this.phase.value = { name: 'gone' }
        return
      case 'log_changed':
        // Not at once: a server that always says so must not be asked without a pause.
        this.link.value = { name: 'connecting' }
        setTimeout(() => {
          if (!this.disposed) void this.load()
        }, RELOAD_MS)
    }
  }

  private async loadMembers(): Promise<void> {
    this.members.listRequested()
    try {
      const users = await this.client.users(this.id)
      recognise(users)
      this.members.listArrived(users)
    } catch {
      this.members.presenceUnknown(this.room.peek()?.users ?? [])
    }
    this.membersVersion.value++
  }

  private flush(): void {
    this.outbox.flush(Date.now(), (clientId, text) => this.socket?.send(clientId, text) ?? false)
    this.outboxVersion.value++
    if (this.answerTimer === null && !this.outbox.isEmpty) {
      this.answerTimer = window.setInterval(() => this.checkAnswers(), ANSWER_CHECK_MS)
    }
  }

  /** A socket that does not answer is of no use: another one may be. */
  private checkAnswers(): void {
    if (this.outbox.isEmpty) return this.stopAnswerTimer()
    const sentence = sentenceFor('outcome_unknown', '')
    if (!this.outbox.expire(Date.now(), ANSWER_MS, sentence)) return
    this.outboxVersion.value++
    this.socket?.restart()
  }

  private stopAnswerTimer(): void {
    if (this.answerTimer !== null) clearInterval(this.answerTimer)
    this.answerTimer = null
  }

  private phaseOf(error: unknown): Phase {
    if (error instanceof ApiError && error.code === 'not_a_member') {
      markMine(this.id, false)
      return { name: 'outsider', notice: null }
    }
    if (error instanceof ApiError && error.status === 404) return { name: 'gone' }
    return { name: 'error', message: sentenceOf(error) }
  }
}

/** randomUUID needs https or localhost; getRandomValues does not. */
function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('')
}
