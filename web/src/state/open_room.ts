import { batch, signal } from '@preact/signals'
import { ApiError, sentenceFor, sentenceOf } from '../api/errors'
import type { Client } from '../api/client'
import type { Room } from '../api/types'
import type { Frame, LogEvent } from '../live/frames'
import type { ChatSocket, LinkState, RoomListener } from '../live/chat_socket'
import type { RoomEnd } from '../live/closing'
import { eventOfMessage, RoomLog } from './log'
import { Members } from './members'
import { Outbox } from './outbox'
import { loadRooms, markMine, reloadRoomsSoon } from './rooms'
import { isMe, recognise } from './session'
import { Typists } from './typists'

export type Phase =
  | { name: 'loading' }
  | { name: 'open' }
  | { name: 'outsider'; notice: string | null }
  | { name: 'gone' }
  | { name: 'error'; message: string }

/** A message without an answer for so long has failed, as far as one can tell. */
const ANSWER_MS = 15_000
const ANSWER_CHECK_MS = 1_000
/** The server passes on no more anyway. */
const TYPING_MS = 2_000

/** A room that was opened: its history, its live events, and what goes out to it. It stays when
 * another one is on the screen, so that nothing on its way is lost and coming back is quick. */
export class OpenRoom implements RoomListener {
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
  readonly typists = new Typists()

  private disposed = false
  private answerTimer: number | null = null
  private typedAt = 0

  constructor(
    readonly id: number,
    private readonly client: Client,
    private readonly chat: ChatSocket,
  ) {}

  dispose(): void {
    this.disposed = true
    this.stopAnswerTimer()
    this.typists.clear()
  }

  /** To be called when it comes on the screen: loads it unless it is there. */
  async show(): Promise<void> {
    const { name } = this.phase.peek()
    if (name !== 'open' && name !== 'loading') await this.load()
  }

  /** Loads the newest history, and listens from its end on. */
  async load(): Promise<void> {
    this.phase.value = { name: 'loading' }
    this.trouble.value = null
    this.log.clear()
    // If it is heard already, what the history lacks comes while it is loaded.
    const isHeard = this.chat.positionOf(this.id) !== null
    this.chat.listen(this.id, this)
    try {
      const room = await this.client.room(this.id)
      const page = await this.client.messages(this.id, null)
      if (this.disposed) return
      recognise(room.users)
      markMine(this.id, true)
      if (!isHeard) this.chat.hearFrom(this.id, page.items[page.items.length - 1]?.id ?? 0)
      for (const message of page.items) this.log.add(eventOfMessage(message))
      this.members.presenceUnknown(room.users)
      batch(() => {
        this.room.value = room
        this.membersVersion.value++
        this.hasOlder.value = page.next !== null
        this.logVersion.value++
        this.phase.value = { name: 'open' }
      })
      if (this.link.peek().name === 'live') void this.loadMembers()
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
    this.chat.hurry()
    this.flush()
  }

  discard(clientId: string): void {
    this.outbox.discard(clientId)
    this.outboxVersion.value++
  }

  tryNow(): void {
    this.chat.hurry()
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
    markMine(this.id, false)
    await loadRooms()
  }

  /** The user is writing here. */
  writing(): void {
    const now = Date.now()
    if (now - this.typedAt < TYPING_MS) return
    this.typedAt = now
    this.chat.typing(this.id)
  }

  ended(reason: RoomEnd): void {
    this.phase.value =
      reason === 'room_gone'
        ? { name: 'gone' }
        : { name: 'outsider', notice: 'You are no longer a member of this room.' }
  }

  // ---- RoomListener ----

  onState(state: LinkState): void {
    const before = this.link.peek().name
    this.link.value = state
    if (state.name === before) return
    if (state.name === 'live') {
      this.flush()
      if (this.phase.peek().name === 'open') void this.loadMembers()
    } else if (before === 'live') {
      this.typists.clear()
      this.outbox.connectionLost()
      this.outboxVersion.value++
    }
  }

  onLogChanged(): void {
    void this.load()
  }

  onFrame(frame: Frame): void {
    switch (frame.kind) {
      case 'event':
        this.eventArrived(frame.event)
        break
      case 'activity':
        this.members.activity(frame.userId, frame.online)
        this.membersVersion.value++
        break
      case 'typing':
        if (!isMe({ id: frame.userId, username: frame.username })) {
          this.typists.wrote(frame.userId, frame.username)
        }
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
        this.typists.stopped(event.user_id)
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
    }
    this.logVersion.value++
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
    this.outbox.flush(Date.now(), (clientId, text) => this.chat.send(this.id, clientId, text))
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
    this.chat.restart()
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
