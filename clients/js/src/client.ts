import { Channel } from './channel.js'
import { systemClock } from './clock.js'
import { Emitter } from './emitter.js'
import { AbortedError, ClosedError, SignedOutError } from './errors.js'
import type { FeedOutlet } from './feed.js'
import { Live } from './live.js'
import { Outbox } from './outbox.js'
import { Rest, type RequestOptions } from './rest.js'
import type {
  Account,
  Audit,
  CallOptions,
  Client,
  ClientEvents,
  ClientOptions,
  ConnectionState,
  HistoryOptions,
  Listener,
  LogEvent,
  Message,
  Outgoing,
  Page,
  PageOptions,
  RoomChannel,
  Room,
  RoomEvents,
  RoomMember,
  SentMessage,
  Session,
  Stats,
  Unlisten,
  User,
  WebSocketClass,
} from './types.js'

interface Envelope<Data> {
  data: Data
}

type SessionsEnded = Envelope<{ ended: number }>

/** The events that are told by their kind, too. */
const NAMES = {
  new_message: 'message',
  room_created: 'room-created',
  member_joined: 'member-joined',
  member_left: 'member-left',
  owner_changed: 'owner-changed',
  room_removed: 'room-removed',
} as const

const ROOMS = '/api/chat/rooms'
const SESSIONS = '/api/sessions'

function query(path: string, values: Record<string, number | undefined>): string {
  const pairs = Object.entries(values).filter(([, value]) => value !== undefined)
  return pairs.length === 0 ? path : `${path}?${pairs.map(([name, value]) => `${name}=${value}`).join('&')}`
}

function originOf(url: string | undefined): string {
  const location = (globalThis as { location?: { origin: string } }).location
  return (url ?? location?.origin ?? 'http://localhost:8000').replace(/\/+$/, '')
}

export class BanterClient implements Client {
  readonly stats: Stats = { connections: 0, events: 0, duplicates: 0, gaps: 0, resets: 0, resends: 0 }
  private readonly events = new Emitter<ClientEvents>()
  private readonly rest: Rest
  private readonly live: Live
  private readonly outbox: Outbox
  private readonly channels = new Map<number, Channel>()
  private token: string | null
  private readonly askToken: (() => string | null | Promise<string | null>) | null
  /** The one that was used last: only its end is the session's end. */
  private lastToken: string | null = null

  constructor(options: ClientOptions = {}) {
    const clock = options.clock ?? systemClock
    const backoffMaxMs = options.backoffMaxMs ?? 15_000
    const url = originOf(options.url)
    this.askToken = typeof options.token === 'function' ? options.token : null
    this.token = typeof options.token === 'string' ? options.token : null
    this.rest = new Rest({
      url,
      // Called as a method of window, which some browsers insist on.
      fetch: options.fetch ?? ((input, init) => globalThis.fetch(input, init)),
      clock,
      timeoutMs: options.requestTimeoutMs ?? 30_000,
      token: () => this.currentToken(),
      onInvalidToken: (token) => {
        if (token === this.lastToken) this.live.signedOut({ code: 401, reason: 'Invalid or expired token' })
      },
    })
    this.live = new Live(
      {
        clock,
        url,
        WebSocket: (options.WebSocket ??
          (globalThis as { WebSocket?: unknown }).WebSocket ??
          null) as WebSocketClass | null,
        socketAuth: options.socketAuth ?? 'protocol',
        eventStream: options.eventStream ?? 'auto',
        eventStreamsMax: options.eventStreamsMax ?? 4,
        backoffMaxMs,
        token: () => this.currentToken(),
        ticket: async () => (await this.call<{ ticket: string }>('POST', '/api/ws-ticket', {})).ticket,
        probe: () => this.listRooms({ limit: 1 }),
        openStream: (path, signal) => this.rest.open('GET', path, signal, 'text/event-stream'),
      },
      {
        feedOutlet: (roomId) => this.feedOutlet(roomId),
        onState: (state) => this.stateChanged(state),
        onSignedOut: (last) => this.events.emit('signed-out', last),
        onAck: (sent) => this.outbox.acknowledged(sent),
        onSendError: (roomId, clientId, error) => this.outbox.refused(roomId, clientId, error),
        onWritable: () => this.outbox.flush(),
        onSocketLost: () => this.outbox.connectionLost(),
        onEphemeral: (frame) => {
          if (frame.type === 'typing') this.tell(frame.room_id, 'typing', frame)
          else this.tell(frame.room_id, 'presence', frame)
        },
        onRoomEnd: (end) => this.tell(end.room_id, 'ended', end),
        onNotice: (notice) => this.tell(notice.room_id ?? 0, 'notice', notice),
      },
      this.stats,
    )
    this.outbox = new Outbox(
      {
        clock,
        backoffMaxMs,
        queueMax: options.queueMax ?? 1_000,
        onChange: (outgoing) => this.tell(outgoing.room_id, 'outgoing', outgoing),
        onResend: () => void this.stats.resends++,
      },
      {
        wayOf: (roomId) => this.live.wayOf(roomId),
        frame: (roomId, clientId, text) => this.live.sendMessage(roomId, clientId, text),
        post: (roomId, clientId, text, signal) => this.post(roomId, clientId, text, signal),
        framesMax: () => this.live.framesMax,
      },
    )
  }

  get state(): ConnectionState {
    return this.live.state
  }

  get user(): User | null {
    return this.live.user
  }

  get outgoing(): readonly Outgoing[] {
    return this.outbox.outgoing
  }

  on<Name extends keyof ClientEvents>(name: Name, listener: Listener<ClientEvents[Name]>): Unlisten {
    return this.events.on(name, listener)
  }

  // ---- accounts ----

  async register(
    account: { username: string; email: string; password: string },
    options: CallOptions = {},
  ): Promise<Account> {
    return this.call('POST', '/api/register', { ...options, anonymous: true, body: account })
  }

  async login(
    credentials: { username: string; password: string },
    options: CallOptions = {},
  ): Promise<string> {
    const request = { ...options, anonymous: true, body: credentials }
    const answer = await this.call<Envelope<{ access_token: string }>>('POST', '/api/login', request)
    if (!this.askToken) this.token = answer.data.access_token
    this.live.signedIn()
    return answer.data.access_token
  }

  async logout(options: CallOptions = {}): Promise<void> {
    await this.leaveWith('POST', '/api/logout', options)
  }

  async deleteAccount(options: CallOptions = {}): Promise<void> {
    await this.leaveWith('DELETE', '/api/delete', options)
  }

  async changePassword(
    passwords: { current_password: string; new_password: string },
    options: CallOptions = {},
  ): Promise<number> {
    const request = { ...options, body: passwords }
    return (await this.call<SessionsEnded>('POST', '/api/password', request)).data.ended
  }

  listSessions(options: CallOptions = {}): Promise<Session[]> {
    return this.call('GET', SESSIONS, options)
  }

  async endSession(id: string, options: CallOptions = {}): Promise<void> {
    await this.call('DELETE', `${SESSIONS}/${id}`, options)
  }

  async endOtherSessions(options: CallOptions = {}): Promise<number> {
    return (await this.call<SessionsEnded>('DELETE', SESSIONS, options)).data.ended
  }

  setToken(token: string | null): void {
    this.token = token
    if (token !== null) this.live.signedIn()
  }

  /** The connection goes first, so that its end is not told as one that nobody wished. */
  private async leaveWith(method: string, path: string, options: CallOptions): Promise<void> {
    this.live.disconnect()
    await this.call(method, path, options)
    this.token = null
    this.outbox.failAll('signed_out', 'The session has ended.')
  }

  // ---- rooms ----

  listRooms(options: PageOptions = {}): Promise<Page<Room>> {
    return this.page(query(ROOMS, { limit: options.limit }), options, (body: Room[]) => body)
  }

  rooms(options: PageOptions = {}): AsyncIterableIterator<Room> {
    return each((next) => this.listRooms({ limit: 500, ...options, next }), options.next)
  }

  getRoom(roomId: number, options: CallOptions = {}): Promise<Room> {
    return this.call('GET', `${ROOMS}/${roomId}`, options)
  }

  createRoom(name: string, options: CallOptions = {}): Promise<Room> {
    return this.call('POST', ROOMS, { ...options, body: { name } })
  }

  async joinRoom(roomId: number, options: CallOptions = {}): Promise<void> {
    await this.call('POST', `${ROOMS}/${roomId}/join`, options)
  }

  async leaveRoom(roomId: number, options: CallOptions = {}): Promise<void> {
    await this.call('POST', `${ROOMS}/${roomId}/leave`, options)
  }

  listMembers(roomId: number, options: PageOptions = {}): Promise<Page<RoomMember>> {
    const path = query(`${ROOMS}/${roomId}/users`, { limit: options.limit })
    return this.page(path, options, (body: Envelope<{ users: RoomMember[] }>) => body.data.users)
  }

  members(roomId: number, options: PageOptions = {}): AsyncIterableIterator<RoomMember> {
    return each((next) => this.listMembers(roomId, { limit: 500, ...options, next }), options.next)
  }

  // ---- history ----

  listMessages(roomId: number, options: HistoryOptions & PageOptions = {}): Promise<Page<Message>> {
    const { limit, before, after } = options
    const path = query(`${ROOMS}/${roomId}/messages`, { limit, before, after })
    return this.page(path, options, (body: Message[]) => body)
  }

  messages(roomId: number, options: HistoryOptions = {}): AsyncIterableIterator<Message> {
    const isForward = options.after !== undefined
    return each(async (next) => {
      const page = await this.listMessages(roomId, { limit: 500, ...options, next })
      return isForward ? page : { ...page, items: page.items.reverse() }
    })
  }

  verify(roomId: number, options: CallOptions = {}): Promise<Audit> {
    return this.call('GET', `${ROOMS}/${roomId}/verify`, options)
  }

  // ---- live ----

  room(roomId: number): RoomChannel {
    return this.channel(roomId)
  }

  connect(options: CallOptions = {}): Promise<void> {
    const opened = this.whenOpen(options.signal)
    // Who does not wait for it hears the same from the events.
    opened.catch(() => {})
    this.live.connect()
    return opened
  }

  disconnect(): void {
    this.live.disconnect()
  }

  retryNow(): void {
    this.live.retryNow()
  }

  close(): void {
    this.live.close()
    this.outbox.failAll('closed', 'The client was closed.')
    this.events.clear()
    for (const channel of this.channels.values()) channel.emitter.clear()
  }

  private whenOpen(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (run: () => void) => {
        unlisten()
        signal?.removeEventListener('abort', onAbort)
        run()
      }
      const onAbort = () => settle(() => reject(new AbortedError(signal?.reason)))
      const unlisten = this.events.on('state', (state) => look(state))
      const look = (state: ConnectionState) => {
        if (state.name === 'open') settle(resolve)
        else if (state.name === 'signed-out') settle(() => reject(new SignedOutError(state.last.reason)))
        else if (state.name === 'stopped') settle(() => reject(new ClosedError(state.last.reason)))
        else if (state.name === 'closed') settle(() => reject(new ClosedError()))
        else if (state.name === 'idle') settle(() => reject(new AbortedError()))
      }
      if (signal?.aborted) return onAbort()
      signal?.addEventListener('abort', onAbort)
      // What it was before this connect() does not count, but for these two.
      const { name } = this.state
      if (name === 'open' || name === 'closed') look(this.state)
    })
  }

  // ---- inside ----

  private channel(roomId: number): Channel {
    let channel = this.channels.get(roomId)
    if (!channel) {
      channel = new Channel(roomId, { live: this.live, outbox: this.outbox, events: this.events })
      this.channels.set(roomId, channel)
    }
    return channel
  }

  /** To the room's listeners, then to the client's. */
  private tell<Name extends keyof RoomEvents & keyof ClientEvents>(
    roomId: number,
    name: Name,
    value: RoomEvents[Name] & ClientEvents[Name],
  ): void {
    this.channels.get(roomId)?.emitter.emit(name, value)
    this.events.emit(name, value)
  }

  private feedOutlet(roomId: number): FeedOutlet {
    return {
      onEvent: (event) => this.eventArrived(event),
      onDuplicate: () => void this.stats.duplicates++,
      onReset: (reset) => {
        this.stats.resets++
        this.tell(roomId, 'reset', reset)
      },
      onState: (state) => {
        this.channels.get(roomId)?.emitter.emit('state', state)
        this.events.emit('room-state', { room_id: roomId, state })
      },
    }
  }

  private eventArrived(event: LogEvent): void {
    this.stats.events++
    this.tell(event.room_id, 'event', event)
    const name = NAMES[event.type as keyof typeof NAMES]
    if (name) this.tell(event.room_id, name, event as never)
  }

  private stateChanged(state: ConnectionState): void {
    if (state.name === 'signed-out') {
      this.outbox.failAll('signed_out', 'The session has ended.')
    } else if (state.name === 'stopped') this.outbox.failAll('closed', state.last.reason)
    this.events.emit('state', state)
  }

  private async currentToken(): Promise<string | null> {
    this.lastToken = this.askToken ? await this.askToken() : this.token
    return this.lastToken
  }

  private async call<Body>(method: string, path: string, options: RequestOptions): Promise<Body> {
    return (await this.rest.call<Body>(method, path, options)).body
  }

  private async page<Body, Item>(
    first: string,
    options: PageOptions,
    items: (body: Body) => Item[],
  ): Promise<Page<Item>> {
    const answer = await this.rest.call<Body>('GET', options.next ?? first, options)
    return { items: items(answer.body), next: answer.next }
  }

  private async post(
    roomId: number,
    clientId: string,
    text: string,
    signal: AbortSignal,
  ): Promise<SentMessage> {
    const body = { text, client_id: clientId }
    const sent = await this.call<Message & { duplicate: boolean }>(
      'POST',
      `${ROOMS}/${roomId}/messages`,
      { body, signal },
    )
    const { id, created_at, duplicate } = sent
    return { room_id: roomId, id, client_id: clientId, created_at, duplicate }
  }
}

/** Item by item, asking for a page when the one before is through. */
async function* each<Item>(
  load: (next: string | null) => Promise<Page<Item>>,
  first: string | null = null,
): AsyncIterableIterator<Item> {
  let next = first
  do {
    const page = await load(next)
    yield* page.items
    next = page.next
  } while (next !== null)
}
