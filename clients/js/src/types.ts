/**
 * What goes in and comes out. Data of the server keeps the names that the protocol gives it
 * (docs/WEBSOCKET.md, openapi.json), so that one page of documentation serves both.
 */

// ---- what REST answers ----

export interface User {
  id: number
  username: string
}

export interface Account extends User {
  email: string
}

/** A login that has not ended. */
export interface Session {
  /** Names it, and opens nothing. */
  id: string
  created_at: string
  expires_at: string
  /** Whether it is the one that asks. */
  current: boolean
}

export interface Room {
  id: number
  name: string
  creator_id: number
  member_count: number
  /** ISO 8601, UTC, with microseconds; as all times. */
  created_at: string
  /** The first 100 members, in the order of joining. */
  users: User[]
}

export interface RoomMember extends User {
  is_online: boolean
}

export interface Message {
  /** The number of its event in the room's log. */
  id: number
  text: string
  sender_id: number
  /** null once the account is deleted. */
  sender_username: string | null
  room_id: number
  created_at: string
}

/** Where a message is stored. */
export interface SentMessage {
  room_id: number
  /** Its number in the room's log. */
  id: number
  client_id: string
  created_at: string
  /** An earlier try had stored it. */
  duplicate: boolean
}

/** What the server counted in a room's log: a whole one has first_seq 1, holes 0, count last_seq. */
export interface Audit {
  room_id: number
  first_seq: number
  last_seq: number
  count: number
  holes: number
  epoch: number
}

export interface Page<Item> {
  items: Item[]
  /** Hand it to the same call as `next` for the page that follows; null on the last. */
  next: string | null
}

// ---- events of a room's log: numbered 1, 2, 3 … without gaps ----

interface Numbered {
  /** The event's number in its room. */
  id: number
  room_id: number
  created_at: string
}

export interface MessageEvent extends Numbered {
  type: 'new_message'
  text: string
  sender_id: number
  sender_username: string | null
}

interface AboutUser extends Numbered {
  user_id: number
  username: string | null
}

export interface RoomCreatedEvent extends AboutUser {
  type: 'room_created'
  name: string
}

export interface MemberJoinedEvent extends AboutUser {
  type: 'member_joined'
}

export interface MemberLeftEvent extends AboutUser {
  type: 'member_left'
}

export interface OwnerChangedEvent extends AboutUser {
  type: 'owner_changed'
}

export interface RoomRemovedEvent extends AboutUser {
  type: 'room_removed'
}

export type KnownEvent =
  | MessageEvent
  | RoomCreatedEvent
  | MemberJoinedEvent
  | MemberLeftEvent
  | OwnerChangedEvent
  | RoomRemovedEvent

/** An event of a kind that this version does not know. It has its number like every other. */
export interface OtherEvent extends Numbered {
  type: `other:${string}`
  /** The frame as it came. */
  fields: Readonly<Record<string, unknown>>
}

export type LogEvent = KnownEvent | OtherEvent

// ---- what is not kept: losing one is harmless ----

export interface TypingEvent {
  type: 'typing'
  room_id: number
  user_id: number
  username: string
}

/** A member's first connection in the room was opened ('joined'), or the last one closed ('left'). */
export interface PresenceEvent {
  type: 'user_activity'
  room_id: number
  user_id: number
  action: 'joined' | 'left'
  timestamp: string
}

// ---- states ----

/** Why a connection ended. `code` is that of the WebSocket's close, or of the server's `bye`. */
export interface Ending {
  code: number
  reason: string
}

export type ConnectionState =
  /** `connect()` was not called, or `disconnect()` was. */
  | { name: 'idle' }
  | { name: 'connecting'; attempt: number }
  /** The server said hello. `event-stream` is the way without WebSockets. */
  | { name: 'open'; transport: 'websocket' | 'event-stream' }
  /** The next try is at `retryAt` (milliseconds, as Date.now()), or when the network is back. */
  | { name: 'waiting'; retryAt: number; attempt: number; last: Ending; offline: boolean }
  /** The token is worth nothing (any more): log in, then `connect()` again. */
  | { name: 'signed-out'; last: Ending }
  /** The server said not to come back. */
  | { name: 'stopped'; last: Ending }
  /** `close()` was called. */
  | { name: 'closed' }

export type RoomState =
  /** Not heard: `subscribe()` was not called, or `unsubscribe()` was. */
  | 'idle'
  /** To be heard, once the connection and the server allow it. */
  | 'waiting'
  /** Events that were missed are coming in. */
  | 'catching_up'
  | 'live'
  /** Not heard any more; see the event `ended`. `subscribe()` tries again. */
  | 'ended'

/** Where one is in a room's log: the last event that was delivered, and which log it is of. */
export interface Position {
  seq: number
  epoch: number | null
}

/**
 * The room's log is not the one that was known: a backup was restored. Forget what is shown, read
 * the history anew; events go on after `head`.
 */
export interface RoomReset {
  room_id: number
  reason: 'since_beyond_head' | 'epoch_changed' | 'log_restored'
  head: number
  epoch: number | null
  /** Where one was in the old log. */
  previous: Position | null
}

export interface RoomEnd {
  room_id: number
  reason: 'not_a_member' | 'removed' | 'room_removed' | 'room_not_found' | 'too_many_rooms' | 'refused'
  /** The server's code: of the close table, or of the error. */
  code: number | string
}

export interface RoomStateChange {
  room_id: number
  state: RoomState
}

/** A message on its way out, as it stands. */
export interface Outgoing {
  readonly room_id: number
  readonly client_id: string
  readonly text: string
  /**
   * waiting: for the connection, or for another try; sending: it is under way; sent: stored;
   * failed: given up, see `error`.
   */
  readonly state: 'waiting' | 'sending' | 'sent' | 'failed'
  /** How often it left this client. */
  readonly tries: number
  /** Its number in the log, once it is known to be stored. */
  readonly id: number | null
  readonly error: Error | null
}

/** Something the server complained of that no call waits for. */
export interface Notice {
  room_id: number | null
  code: string
  message: string
  temporary: boolean
}

/** What `client.on()` can listen to. */
export interface ClientEvents {
  state: ConnectionState
  /** The session ended (4001), or the token is not one: the application has to log in. */
  'signed-out': Ending
  'room-state': RoomStateChange
  /** Every event of the logs of all subscribed rooms, in order within its room, each once. */
  event: LogEvent
  message: MessageEvent
  'room-created': RoomCreatedEvent
  'member-joined': MemberJoinedEvent
  'member-left': MemberLeftEvent
  'owner-changed': OwnerChangedEvent
  'room-removed': RoomRemovedEvent
  typing: TypingEvent
  presence: PresenceEvent
  reset: RoomReset
  /** A room is not heard any more, for good. */
  ended: RoomEnd
  /** A message on its way out changed its state. */
  outgoing: Outgoing
  notice: Notice
}

/** What `room.on()` can listen to: the same, of this room only. */
export type RoomEvents = Omit<ClientEvents, 'state' | 'signed-out' | 'room-state'> & {
  state: RoomState
}

export type Listener<Value> = (value: Value) => void
/** Ends what gave it; calling it again does nothing. */
export type Unlisten = () => void

/** Counts since the client was made: what a test or a status page wants to know. */
export interface Stats {
  /** Connections that were opened: WebSockets that said hello, and event streams. */
  connections: number
  /** Events that were delivered. */
  events: number
  /** Events that came a second time, and were dropped. */
  duplicates: number
  /** Times that a number was missing, and the room was resumed. */
  gaps: number
  resets: number
  /** Frames or requests with a message that were sent again. */
  resends: number
}

// ---- options ----

/** The part of WebSocket that is used: the browser's, Node's (22 and newer), or that of `ws`. */
export interface WebSocketLike {
  onopen: ((event: never) => void) | null
  onmessage: ((event: { data: unknown }) => void) | null
  onclose: ((event: { code: number; reason: string }) => void) | null
  onerror: ((event: never) => void) | null
  send(data: string): void
  close(code?: number): void
  /** Of `ws`: ends it without a close handshake. */
  terminate?(): void
}

export type WebSocketClass = new (url: string, protocols?: string[]) => WebSocketLike

/** Time and chance, to be exchanged by tests. */
export interface Clock {
  now(): number
  setTimeout(run: () => void, ms: number): unknown
  clearTimeout(timer: unknown): void
  /** From 0 up to, not including, 1. */
  random(): number
}

export interface ClientOptions {
  /** Where the server is, such as `https://chat.example.org`. In a browser: the page's own origin. */
  url?: string
  /** The session's token, or where to get it: asked before each connection and each call. */
  token?: string | null | (() => string | null | Promise<string | null>)
  /** Needed where there is no global one: Node 18 to 21. `import WebSocket from 'ws'`. */
  WebSocket?: unknown
  fetch?: typeof fetch
  /**
   * How a WebSocket says whose it is; addresses end up in logs of whoever is on the way. `protocol` (the
   * default): the token is offered as a subprotocol, a header that nobody logs. `ticket`: a call before
   * each connection gets one that is good for it alone, so that no handshake has the token. `url`: in
   * the address, for servers that are too old for both.
   */
  socketAuth?: 'protocol' | 'ticket' | 'url'
  /**
   * `auto` (the default): server-sent events when WebSockets cannot be opened again and again though
   * the server answers. `never`: WebSockets only. `always`: no WebSocket at all.
   */
  eventStream?: 'auto' | 'never' | 'always'
  /** Event streams that are open at once: a browser has six connections to a server. Default 4. */
  eventStreamsMax?: number
  /** Messages that wait, at most; then `send()` fails with `queue_full`. Default 1,000. */
  queueMax?: number
  /** A call without an answer for so long fails with `timeout`. Default 30 s. */
  requestTimeoutMs?: number
  /** The ceiling of the wait for another try: first 500 ms, doubling. Default 15 s. */
  backoffMaxMs?: number
  clock?: Clock
}

export interface CallOptions {
  /** Ends the wait; the call rejects with AbortedError. */
  signal?: AbortSignal
}

export interface PageOptions extends CallOptions {
  /** Items of a page, 1 to 500. Default 100. */
  limit?: number
  /** The `next` of the page before. */
  next?: string | null
}

export interface HistoryOptions extends CallOptions {
  limit?: number
  /** Only messages with a smaller id: the newest of them. */
  before?: number
  /** Only messages with a greater id: the oldest of them. Not together with `before`. */
  after?: number
}

export interface SubscribeOptions {
  /** Begin after this event; 0: with the whole log. Without it: with what happens from now on. */
  since?: number
  /** The epoch that `since` was counted in, if it is known. */
  epoch?: number | null
}

export interface SendOptions extends CallOptions {
  /** 1 to 64 characters, new for each message; the same one to try an old message again. */
  clientId?: string
}

export interface EventsOptions extends SubscribeOptions, CallOptions {
  /** Events that wait for the reader, at most. Default 10,000. */
  bufferMax?: number
}

// ---- the client ----

/** A room, live. `client.room(id)` gives the same object each time. */
export interface RoomChannel {
  readonly id: number
  readonly state: RoomState
  /** The last event that was delivered; null before the first answer of the server. */
  readonly position: Position | null
  /** The newest event's number, as far as is known. */
  readonly head: number | null
  /**
   * Hears the room, from now on over all connections, until `unsubscribe()` or `ended`. With `since`
   * a room that is heard already begins again there; without, it goes on where it is.
   */
  subscribe(options?: SubscribeOptions): void
  unsubscribe(): void
  /**
   * Stores a message, whatever happens to the connection meanwhile: it is repeated under its
   * client_id until the server has said where it is, or that it will not have it (SendError), or the
   * signal gave up. Rejects with QueueFullError when too many wait, SignedOutError and ClosedError when
   * there is no way at all. Needs no subscription.
   */
  send(text: string, options?: SendOptions): Promise<SentMessage>
  /** Tells the room that one is writing; at most every two seconds, and only while live. */
  typing(): void
  on<Name extends keyof RoomEvents>(name: Name, listener: Listener<RoomEvents[Name]>): Unlisten
  /**
   * Subscribes and gives the log's events in order. Ends when the room is left or removed, or the
   * client is closed; throws what the signal or a `reset` (code `reset`) brings, SignedOutError, or
   * ReaderTooSlowError.
   */
  events(options?: EventsOptions): AsyncIterableIterator<LogEvent>
}

export interface Client {
  /** The connection; every change is the event `state`. */
  readonly state: ConnectionState
  /** Who one is to the server: known once a WebSocket said hello. */
  readonly user: User | null
  readonly stats: Readonly<Stats>
  /** Messages on their way out, oldest first. */
  readonly outgoing: readonly Outgoing[]

  // accounts
  register(
    account: { username: string; email: string; password: string },
    options?: CallOptions,
  ): Promise<Account>
  /** Gives the token, and uses it from now on unless the option `token` is a function. */
  login(credentials: { username: string; password: string }, options?: CallOptions): Promise<string>
  /** Ends the session on the server, and the connection. */
  logout(options?: CallOptions): Promise<void>
  deleteAccount(options?: CallOptions): Promise<void>
  /** All other sessions of the account end; gives how many. */
  changePassword(
    passwords: { current_password: string; new_password: string },
    options?: CallOptions,
  ): Promise<number>
  /** The newest first, at most 500. */
  listSessions(options?: CallOptions): Promise<Session[]>
  /** Another one than this client's: that is what `logout()` ends. */
  endSession(id: string, options?: CallOptions): Promise<void>
  /** Gives how many have ended. */
  endOtherSessions(options?: CallOptions): Promise<number>
  /** Another token than that of the options, unless that is a function. */
  setToken(token: string | null): void

  // rooms
  listRooms(options?: PageOptions): Promise<Page<Room>>
  /** All of them, page by page. */
  rooms(options?: PageOptions): AsyncIterableIterator<Room>
  getRoom(roomId: number, options?: CallOptions): Promise<Room>
  createRoom(name: string, options?: CallOptions): Promise<Room>
  joinRoom(roomId: number, options?: CallOptions): Promise<void>
  leaveRoom(roomId: number, options?: CallOptions): Promise<void>
  listMembers(roomId: number, options?: PageOptions): Promise<Page<RoomMember>>
  members(roomId: number, options?: PageOptions): AsyncIterableIterator<RoomMember>

  // history
  /** One page, oldest first; without `before` and `after` the newest messages. */
  listMessages(roomId: number, options?: HistoryOptions & PageOptions): Promise<Page<Message>>
  /**
   * Message by message, page by page: with `after` forward through time; else backward, the newest
   * (before `before`) first.
   */
  messages(roomId: number, options?: HistoryOptions): AsyncIterableIterator<Message>
  verify(roomId: number, options?: CallOptions): Promise<Audit>

  // live
  room(roomId: number): RoomChannel
  /** Connects, and stays connected. Resolves when the server has said hello for the first time;
   * rejects with SignedOutError, ClosedError or AbortedError. Temporary trouble is waited out. */
  connect(options?: CallOptions): Promise<void>
  /** Ends the connection and the tries; rooms remember where they are, messages wait. */
  disconnect(): void
  /** No more waiting: try at once. */
  retryNow(): void
  /** Ends everything for good: sends reject with `closed`, timers stop. */
  close(): void
  on<Name extends keyof ClientEvents>(name: Name, listener: Listener<ClientEvents[Name]>): Unlisten
}
