import { ApiError, SendError, type Client, type LogEvent, type Room, type RoomChannel } from '@banter/client'
import { batch, signal } from '@preact/signals'
import { sentenceFor, sentenceOf } from '../text/sentences'
import { announce } from './announcer'
import { entryOfEvent, entryOfMessage, type Entry } from './event'
import { History, type HistoryPage, type Wanted } from './history'
import { linkOf, type LinkState } from './link'
import { Members } from './members'
import { Outbox } from './outbox'
import { loadRooms, markMine, reloadRoomsSoon } from './rooms'
import { openRoomId } from './route'
import { answerOf, isMe, recognise } from './session'
import { Typists } from './typists'
import type { Unsent } from './unsent'

export type Phase =
  | { name: 'loading' }
  | { name: 'open' }
  | { name: 'outsider'; notice: string | null }
  | { name: 'gone' }
  | { name: 'error'; message: string }

const PAGE = 100
const MEMBERS_MAX = 2_000

/** A room that was opened: its history, its live events, and what goes out to it. It stays when
 * another one is on the screen, so that nothing on its way is lost and coming back is quick. */
export class OpenRoom {
  readonly phase = signal<Phase>({ name: 'loading' })
  readonly room = signal<Room | null>(null)
  readonly link = signal<LinkState>({ name: 'connecting' })
  /** What went wrong beside the phase. */
  readonly trouble = signal<string | null>(null)
  /** Counts what others said, and what one sent, since it was opened. */
  readonly arrivals = signal(0)
  readonly sent = signal(0)
  /** What was read when one came here last: a line is drawn under it. null: all. */
  readUpTo: number | null = null
  /** It was on the screen, and is heard from the end of what was loaded then. */
  isBegun = false

  /** Mutable, like the log; who shows them reads the version. */
  readonly outboxVersion = signal(0)
  readonly membersVersion = signal(0)
  readonly outbox = new Outbox()
  readonly members = new Members()
  readonly typists = new Typists()
  readonly history: History

  private readonly channel: RoomChannel
  private readonly unlisten: (() => void)[]
  private readonly givingUp = new Map<string, AbortController>()
  private disposed = false

  constructor(
    readonly id: number,
    private readonly client: Client,
    private readonly unsent: Unsent,
  ) {
    this.channel = client.room(id)
    this.history = new History((wanted) => this.fetchPage(wanted))
    this.unlisten = [
      this.channel.on('event', (event) => this.happened(event)),
      this.channel.on('presence', ({ user_id, action }) => {
        this.members.activity(user_id, action === 'joined')
        this.membersVersion.value++
      }),
      this.channel.on('typing', ({ user_id, username }) => {
        if (!isMe({ id: user_id, username })) this.typists.wrote(user_id, username)
      }),
      this.channel.on('reset', () => void this.load()),
      this.channel.on('outgoing', ({ client_id, state }) => {
        if (state !== 'waiting' && state !== 'sending') return
        this.outbox.moved(client_id, state)
        this.outboxVersion.value++
      }),
      this.channel.on('state', () => this.stateChanged()),
      client.on('state', () => this.stateChanged()),
    ]
    this.stateChanged()
  }

  dispose(): void {
    this.disposed = true
    for (const end of this.unlisten) end()
    this.typists.clear()
  }

  /** To be called when it comes on the screen: loads it unless it is there. */
  async show(): Promise<void> {
    const { name } = this.phase.peek()
    if (!this.isBegun || (name !== 'open' && name !== 'loading')) await this.load()
  }

  /** Loads the newest history, and listens from its end on. */
  async load(): Promise<void> {
    this.isBegun = true
    this.phase.value = { name: 'loading' }
    this.trouble.value = null
    this.history.clear()
    try {
      const room = await answerOf(this.client.getRoom(this.id))
      const last = await this.history.loadNewest()
      if (this.disposed || last === null) return
      recognise(room.users)
      markMine(this.id, true)
      this.listen(last)
      this.outbox.logReaches(this.history.log.lastId)
      this.members.presenceUnknown(room.users)
      if (this.readUpTo !== null && last <= this.readUpTo) this.readUpTo = null
      batch(() => {
        this.room.value = room
        this.membersVersion.value++
        this.outboxVersion.value++
        this.phase.value = { name: 'open' }
      })
      if (this.link.peek().name === 'live') void this.loadMembers()
    } catch (error) {
      if (!this.disposed) this.phase.value = this.phaseOf(error)
    }
  }

  // ---- what goes out ----

  send(text: string): void {
    this.deliver(randomId(), text)
    this.sent.value++
  }

  /** Also for what a reload left behind. */
  deliver(clientId: string, text: string): void {
    const controller = new AbortController()
    this.givingUp.set(clientId, controller)
    this.outbox.add(clientId, text)
    this.unsent.add({ roomId: this.id, clientId, text })
    this.outboxVersion.value++
    this.channel
      .send(text, { clientId, signal: controller.signal })
      .then(({ id }) => {
        const { lastId, hasEnd } = this.history.log
        this.outbox.stored(clientId, id, id <= lastId || !hasEnd)
        this.unsent.remove(clientId)
      })
      .catch((error: unknown) => this.undelivered(clientId, error))
      .finally(() => {
        this.givingUp.delete(clientId)
        this.outboxVersion.value++
      })
  }

  retry(clientId: string): void {
    const text = this.outbox.textOf(clientId)
    this.client.retryNow()
    if (text !== null) this.deliver(clientId, text)
  }

  discard(clientId: string): void {
    this.givingUp.get(clientId)?.abort()
    this.unsent.remove(clientId)
    this.outbox.discard(clientId)
    this.outboxVersion.value++
  }

  /** The user is writing here. */
  writing(): void {
    this.channel.typing()
  }

  tryNow(): void {
    this.client.retryNow()
  }

  // ---- membership ----

  async join(): Promise<void> {
    try {
      await answerOf(this.client.joinRoom(this.id))
    } catch (error) {
      if (!(error instanceof ApiError && error.code === 'already_member')) throw error
    }
    markMine(this.id, true)
    void loadRooms()
    await this.load()
  }

  async leave(): Promise<void> {
    await answerOf(this.client.leaveRoom(this.id))
    markMine(this.id, false)
    await loadRooms()
  }

  ended(isGone: boolean): void {
    this.phase.value = isGone
      ? { name: 'gone' }
      : { name: 'outsider', notice: 'You are no longer a member of this room.' }
  }

  // ---- inside ----

  /** From the end of what was read, unless the room is heard already: then nothing is missed. */
  private listen(last: number): void {
    const { state, position } = this.channel
    const isHeard = position !== null && state !== 'idle' && state !== 'ended'
    if (!isHeard) this.channel.subscribe({ since: last })
  }

  private async fetchPage(wanted: Wanted): Promise<HistoryPage> {
    const page = await answerOf(this.client.listMessages(this.id, { limit: PAGE, ...wanted }))
    return { events: page.items.map(entryOfMessage), isLast: page.next === null }
  }

  private stateChanged(): void {
    const before = this.link.peek().name
    const link = linkOf(this.client.state, this.channel.state)
    this.link.value = link
    if (link.name === before) return
    if (link.name !== 'live') this.typists.clear()
    else if (this.phase.peek().name === 'open') void this.loadMembers()
  }

  private happened(event: LogEvent): void {
    const entry = entryOfEvent(event)
    switch (event.type) {
      case 'new_message':
        this.said(entry)
        break
      case 'member_joined':
        this.members.joined(event.user_id, event.username)
        break
      case 'member_left':
        this.members.left(event.user_id)
        break
      case 'owner_changed': {
        const room = this.room.peek()
        if (room) this.room.value = { ...room, creator_id: event.user_id }
        break
      }
    }
    if (event.type === 'member_joined' || event.type === 'member_left') {
      this.membersVersion.value++
      reloadRoomsSoon()
    }
    this.history.arrived(entry)
  }

  private said(entry: Entry): void {
    this.typists.stopped(entry.user_id)
    if (isMe({ id: entry.user_id, username: entry.username })) {
      this.outbox.arrived(entry.id, entry.text ?? '')
      this.outboxVersion.value++
      return
    }
    this.arrivals.value++
    if (openRoomId.peek() === this.id) announce(`${entry.username ?? ''}: ${entry.text ?? ''}`)
  }

  private undelivered(clientId: string, error: unknown): void {
    if (this.disposed) return
    const isUncertain = error instanceof SendError && error.uncertain
    const sentence =
      error instanceof SendError && error.code === 'closed' ? sentenceFor('network', '') : sentenceOf(error)
    this.outbox.failed(clientId, sentence, isUncertain)
  }

  private async loadMembers(): Promise<void> {
    this.members.listRequested()
    try {
      const users = []
      for await (const user of this.client.members(this.id, { limit: 500 })) {
        if (users.push(user) >= MEMBERS_MAX) break
      }
      recognise(users)
      this.members.listArrived(users)
    } catch {
      this.members.presenceUnknown(this.room.peek()?.users ?? [])
    }
    this.membersVersion.value++
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
