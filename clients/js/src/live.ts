import { backoffMs } from './backoff.js'
import { Timer } from './clock.js'
import { CONNECTION_LOST, LOG_RESTORED, roomEndOf, whatNow, type Bye } from './closing.js'
import { ApiError, type BanterError } from './errors.js'
import { RoomFeed, type FeedOutlet } from './feed.js'
import { eventOf, numberOf, textOf, type Fields, type Frame } from './frames.js'
import { Network } from './network.js'
import { SocketLink, type Address } from './socket_link.js'
import { StreamLinks } from './stream_links.js'
import type {
  Clock,
  ConnectionState,
  Ending,
  Notice,
  PresenceEvent,
  RoomEnd,
  SentMessage,
  Stats,
  TypingEvent,
  User,
  WebSocketClass,
} from './types.js'

/** A connection that held for so long was a good one: the next failure is the first. */
const GOOD_MS = 5_000
/** Tries without a hello before WebSockets are taken to be blocked. */
const SOCKET_FAILURES_MAX = 3
/** While streams do the work, a WebSocket is tried again after so long, then half as often. */
const SOCKET_RETRY_MS = 15_000
const SOCKET_RETRY_MAX_MS = 300_000
const TYPING_MS = 2_000
/** What the server chooses, and what a token is behind that is offered beside it and never chosen. */
const PROTOCOL = 'banter.v1'
const TOKEN_PROTOCOL = 'banter.token.'

export interface LiveOptions {
  clock: Clock
  url: string
  WebSocket: WebSocketClass | null
  socketAuth: 'protocol' | 'ticket' | 'url'
  eventStream: 'auto' | 'never' | 'always'
  eventStreamsMax: number
  backoffMaxMs: number
  token(): string | null | Promise<string | null>
  /** What one WebSocket can be opened with. */
  ticket(): Promise<string>
  /** Rejects unless the server answers and knows the session. */
  probe(): Promise<unknown>
  openStream(path: string, signal: AbortSignal): Promise<Response>
}

/** What the connection brings, for the client to pass on. */
export interface LiveOutlet {
  feedOutlet(roomId: number): FeedOutlet
  onState(state: ConnectionState): void
  onSignedOut(last: Ending): void
  onAck(sent: SentMessage): void
  onSendError(roomId: number, clientId: string, error: BanterError): void
  /** Messages may be able to go now. */
  onWritable(): void
  onSocketLost(): void
  onEphemeral(frame: TypingEvent | PresenceEvent): void
  onRoomEnd(end: RoomEnd): void
  onNotice(notice: Notice): void
}

/** The connection that outlives its sockets: rooms go on over a new one where they were. */
export class Live {
  state: ConnectionState = { name: 'idle' }
  user: User | null = null
  /** disconnect() was the last wish: what waits, waits. */
  isPaused = false
  private readonly feeds = new Map<number, RoomFeed>()
  private readonly timer: Timer
  private readonly socketRetry: Timer
  private readonly roomTimers = new Map<number, Timer>()
  private readonly network: Network
  private readonly typedAt = new Map<number, number>()
  private link: SocketLink | null = null
  /** A WebSocket that is tried while streams do the work. */
  private candidate: SocketLink | null = null
  private streams: StreamLinks | null = null
  private failures = 0
  private socketFailures = 0
  private socketRetryMs = SOCKET_RETRY_MS
  private openedAt = 0
  /** Counts the tries: what an earlier one brings too late is not listened to. */
  private turn = 0

  constructor(
    private readonly options: LiveOptions,
    private readonly outlet: LiveOutlet,
    private readonly stats: Stats,
  ) {
    this.timer = new Timer(options.clock)
    this.socketRetry = new Timer(options.clock)
    this.network = new Network(
      () => this.networkIsBack(),
      () => this.link?.probe(),
    )
  }

  // ---- the connection ----

  connect(): void {
    const { name } = this.state
    if (name !== 'idle' && name !== 'signed-out' && name !== 'stopped') return
    this.isPaused = false
    this.failures = this.socketFailures = 0
    this.network.watch()
    this.tryNow()
  }

  retryNow(): void {
    if (this.state.name === 'waiting') this.tryNow()
    else this.link?.probe()
  }

  disconnect(): void {
    if (this.state.name === 'closed') return
    this.isPaused = true
    this.halt({ name: 'idle' })
  }

  close(): void {
    if (this.state.name === 'closed') return
    this.halt({ name: 'closed' })
    for (const feed of this.feeds.values()) feed.end('idle')
  }

  signedOut(last: Ending): void {
    const { name } = this.state
    if (name === 'signed-out' || name === 'closed') return
    this.halt({ name: 'signed-out', last })
    this.outlet.onSignedOut(last)
  }

  /** There is another token: calls may go again, though nothing connects by itself. */
  signedIn(): void {
    if (this.state.name === 'signed-out') this.setState({ name: 'idle' })
  }

  // ---- rooms ----

  feed(roomId: number): RoomFeed {
    let feed = this.feeds.get(roomId)
    if (!feed) {
      feed = new RoomFeed(roomId, this.outlet.feedOutlet(roomId))
      this.feeds.set(roomId, feed)
    }
    return feed
  }

  subscribe(roomId: number, since: number | null, epoch: number | null): void {
    if (this.state.name === 'closed') return
    const feed = this.feed(roomId)
    if (feed.wanted && since === null) return
    this.letGo(feed)
    feed.begin(since, epoch)
    this.ask(feed)
  }

  unsubscribe(roomId: number): void {
    const feed = this.feeds.get(roomId)
    if (!feed?.wanted) return
    this.letGo(feed)
    feed.end('idle')
  }

  typing(roomId: number): void {
    const now = this.options.clock.now()
    const isLive = this.feeds.get(roomId)?.state === 'live'
    if (!isLive || !this.link || now - (this.typedAt.get(roomId) ?? -Infinity) < TYPING_MS) return
    this.typedAt.set(roomId, now)
    this.link.say({ type: 'typing', room_id: roomId })
  }

  // ---- messages ----

  wayOf(roomId: number): 'frame' | 'post' | null {
    if (this.state.name === 'idle') return this.isPaused ? null : 'post'
    if (this.state.name !== 'open') return null
    const feed = this.feeds.get(roomId)
    if (!this.link?.isOpen || !feed?.wanted) return 'post'
    return feed.isAnswered ? 'frame' : null
  }

  get framesMax(): number {
    return this.link?.framesMax ?? 0
  }

  sendMessage(roomId: number, clientId: string, text: string): void {
    this.link?.say({ type: 'message', room_id: roomId, text, client_id: clientId })
  }

  // ---- opening ----

  private tryNow(): void {
    this.timer.stop()
    this.setState({ name: 'connecting', attempt: this.failures + 1 })
    const turn = ++this.turn
    this.open(turn).catch((error: unknown) => {
      if (this.turn === turn) this.lost({ code: CONNECTION_LOST, reason: String(error) }, null)
    })
  }

  private async open(turn: number): Promise<void> {
    const { WebSocket, eventStream } = this.options
    const token = await this.options.token()
    if (this.turn !== turn) return
    if (token === null) return this.signedOut({ code: 1008, reason: 'There is no token' })
    const isBlocked = !WebSocket || this.socketFailures >= SOCKET_FAILURES_MAX
    if (eventStream === 'always' || (eventStream === 'auto' && isBlocked)) {
      // The server has to answer: otherwise it is away, and not only its WebSockets.
      await this.options.probe().catch((error: unknown) => {
        this.socketFailures = Math.min(this.socketFailures, SOCKET_FAILURES_MAX - 1)
        throw error
      })
      if (this.turn === turn) this.openStreams()
      return
    }
    if (!WebSocket) {
      return this.stop({ code: 0, reason: 'There is no WebSocket here: give one as an option' })
    }
    const address = await this.socketAddress(token)
    if (this.turn === turn) this.link = this.openSocket(WebSocket, address, turn)
  }

  private async socketAddress(token: string): Promise<Address> {
    const { socketAuth, ticket } = this.options
    const url = `${this.options.url.replace(/^http/, 'ws')}/ws/chat`
    if (socketAuth === 'url') return { url: `${url}?token=${encodeURIComponent(token)}`, protocols: [] }
    if (socketAuth === 'ticket') return { url: `${url}?ticket=${await ticket()}`, protocols: [PROTOCOL] }
    // What no protocol's name may have no token has: let the server say so.
    return { url, protocols: [PROTOCOL, `${TOKEN_PROTOCOL}${token.replace(/[^\w.~-]/g, '_')}`] }
  }

  private openSocket(WebSocket: WebSocketClass, address: Address, turn: number): SocketLink {
    const { clock } = this.options
    const link = new SocketLink(WebSocket, address, clock, {
      onHello: (hello) => {
        if (this.turn === turn) this.opened(link, hello)
      },
      onFrame: (frame) => {
        if (this.turn === turn && this.link === link) this.receive(frame)
      },
      onEnd: (ending, bye, saidHello) => {
        if (this.turn !== turn) return
        if (this.link === link) {
          if (!saidHello) this.socketFailures++
          this.lost(ending, bye)
        } else if (this.candidate === link) this.retrySocketLater()
      },
    })
    return link
  }

  private opened(link: SocketLink, hello: Frame): void {
    const user = (typeof hello.user === 'object' ? hello.user : null) as User | null
    this.streams?.close()
    this.streams = this.candidate = null
    this.socketRetry.stop()
    this.socketRetryMs = SOCKET_RETRY_MS
    this.link = link
    this.user = user
    this.socketFailures = 0
    this.isOpen('websocket')
    for (const feed of [...this.feeds.values()]) {
      feed.disconnected()
      if (this.link === link) this.ask(feed)
    }
    this.outlet.onWritable()
  }

  private openStreams(): void {
    const turn = this.turn
    const { clock, backoffMaxMs, eventStreamsMax } = this.options
    const ifCurrent =
      <Values extends unknown[]>(run: (...values: Values) => void) =>
      (...values: Values) => {
        if (this.turn === turn && this.streams === streams) run(...values)
      }
    const streams: StreamLinks = new StreamLinks({
      clock,
      backoffMaxMs,
      max: eventStreamsMax,
      open: (path, signal) => this.options.openStream(path, signal),
      onFrame: ifCurrent((frame) => this.receive(frame)),
      onConnected: ifCurrent(() => void this.stats.connections++),
      onRoomEnd: ifCurrent((feed, reason, code) => this.roomEnded(feed, reason, code)),
      onEnd: ifCurrent((ending, bye) => this.lost(ending, bye)),
    })
    this.streams = streams
    this.isOpen('event-stream')
    for (const feed of [...this.feeds.values()]) this.ask(feed)
    this.outlet.onWritable()
    if (this.options.eventStream === 'auto') this.retrySocketLater()
  }

  private isOpen(transport: 'websocket' | 'event-stream'): void {
    if (transport === 'websocket') this.stats.connections++
    this.openedAt = this.options.clock.now()
    this.setState({ name: 'open', transport })
  }

  /** Perhaps the way is free again; until it is known, the streams go on. */
  private retrySocketLater(): void {
    const { WebSocket, token } = this.options
    if (!this.streams || !WebSocket) return
    this.socketRetry.start(this.socketRetryMs, () => {
      this.socketRetryMs = Math.min(SOCKET_RETRY_MAX_MS, this.socketRetryMs * 2)
      const turn = this.turn
      const open = async () => {
        const value = await token()
        const address = value === null ? null : await this.socketAddress(value)
        if (this.turn === turn && address) this.candidate = this.openSocket(WebSocket, address, turn)
      }
      open().catch(() => {
        if (this.turn === turn) this.retrySocketLater()
      })
    })
  }

  // ---- ending ----

  private lost(ending: Ending, bye: Bye | null): void {
    const { clock, backoffMaxMs } = this.options
    const next = whatNow(ending, bye, clock.random, backoffMaxMs)
    const last = bye ? { code: bye.code, reason: bye.reason } : ending
    if (next.name === 'sign_out') return this.signedOut(last)
    if (next.name === 'stop') return this.stop(last)
    const wasOpen = this.state.name === 'open'
    if (wasOpen && clock.now() - this.openedAt >= GOOD_MS) this.failures = 0
    this.dropLinks()
    if (last.code === LOG_RESTORED) for (const feed of this.feeds.values()) feed.forget()
    const isLater = next.laterEachTime || this.failures > 0
    const ms = next.waitMs + (isLater ? backoffMs(this.failures, backoffMaxMs, clock.random) : 0)
    this.failures++
    this.timer.start(ms, () => this.tryNow())
    const offline = this.network.isOffline
    this.setState({ name: 'waiting', retryAt: clock.now() + ms, attempt: this.failures, last, offline })
  }

  private stop(last: Ending): void {
    this.halt({ name: 'stopped', last })
  }

  private halt(state: ConnectionState): void {
    this.timer.stop()
    this.network.unwatch()
    this.dropLinks()
    this.setState(state)
  }

  private dropLinks(): void {
    this.turn++
    const { link, candidate, streams } = this
    this.link = this.candidate = this.streams = null
    this.socketRetry.stop()
    for (const timer of this.roomTimers.values()) timer.stop()
    this.roomTimers.clear()
    link?.close()
    candidate?.close()
    streams?.close()
    for (const feed of [...this.feeds.values()]) feed.disconnected()
    this.outlet.onSocketLost()
  }

  private networkIsBack(): void {
    if (this.state.name !== 'waiting') return this.link?.probe()
    this.failures = 0
    this.tryNow()
  }

  private setState(state: ConnectionState): void {
    this.state = state
    this.outlet.onState(state)
  }

  // ---- rooms, inside ----

  private ask(feed: RoomFeed): void {
    if (!feed.wanted || feed.isAsked) return
    if (this.streams) this.streams.add(feed)
    else if (this.link?.isOpen) {
      const { roomId } = feed
      this.link.say({ type: 'subscribe', room_id: roomId, ...feed.ask() })
    }
  }

  /** The present connection brings the room no more. */
  private letGo(feed: RoomFeed): void {
    this.roomTimers.get(feed.roomId)?.stop()
    this.streams?.remove(feed)
    if (this.streams) feed.disconnected()
    if (this.link?.isOpen && (feed.isAsked || feed.isAnswered)) {
      this.link.say({ type: 'unsubscribe', room_id: feed.roomId })
      feed.leave()
    }
  }

  private askLater(feed: RoomFeed): void {
    const { clock, backoffMaxMs } = this.options
    const timer = this.roomTimers.get(feed.roomId) ?? new Timer(clock)
    this.roomTimers.set(feed.roomId, timer)
    const ms = backoffMs(feed.failures++, backoffMaxMs, clock.random)
    timer.start(ms, () => this.ask(feed))
  }

  private roomEnded(feed: RoomFeed, reason: RoomEnd['reason'], code: number | string): void {
    feed.end('ended')
    this.outlet.onRoomEnd({ room_id: feed.roomId, reason, code })
    // What waits for this room is settled by POST: perhaps it was stored before.
    this.outlet.onWritable()
  }

  // ---- frames ----

  private receive(frame: Frame): void {
    const roomId = numberOf(frame.room_id) ?? 0
    switch (frame.type) {
      case 'ack':
        return this.outlet.onAck({
          room_id: roomId,
          id: numberOf(frame.id) ?? 0,
          client_id: textOf(frame.client_id),
          created_at: textOf(frame.created_at),
          duplicate: frame.duplicate === true,
        })
      case 'error':
        return this.receiveError(frame, roomId)
      case 'typing':
        return this.outlet.onEphemeral(frame as unknown as TypingEvent)
      case 'user_activity':
        return this.outlet.onEphemeral(frame as unknown as PresenceEvent)
    }
    const feed = this.feeds.get(roomId)
    if (feed) this.receiveOfRoom(frame, feed)
  }

  private receiveOfRoom(frame: Frame, feed: RoomFeed): void {
    switch (frame.type) {
      case 'subscribed':
        feed.subscribed(frame)
        if (feed.isAnswered) this.outlet.onWritable()
        return
      case 'caught_up':
        return feed.caughtUp()
      case 'unsubscribed':
        return this.receiveUnsubscribed(frame, feed)
    }
    const event = eventOf(frame, feed.roomId)
    if (!event || feed.event(event)) return
    this.stats.gaps++
    this.lost({ code: CONNECTION_LOST, reason: `room ${feed.roomId}: a number is missing before ${event.id}` }, null)
  }

  private receiveUnsubscribed(frame: Frame, feed: RoomFeed): void {
    const code = numberOf(frame.code)
    if (code === null) return void feed.left()
    if (!feed.wanted) return
    const reason = roomEndOf(code, false)
    if (reason) return this.roomEnded(feed, reason, code)
    if (code === LOG_RESTORED) feed.forget()
    feed.interrupted()
    this.askLater(feed)
  }

  private receiveError(frame: Fields, roomId: number): void {
    const code = textOf(frame.code) || 'unknown'
    const message = textOf(frame.message)
    const temporary = frame.temporary === true
    if (typeof frame.client_id === 'string') {
      const error = new ApiError(code, message, { temporary, retryAfterMs: numberOf(frame.retry_after_ms) })
      return this.outlet.onSendError(roomId, frame.client_id, error)
    }
    const feed = this.feeds.get(roomId)
    if (code === 'not_subscribed' && feed?.left()) return
    if (feed && code !== 'not_subscribed' && feed.refused()) {
      const reason = roomEndOf(code, temporary)
      return reason ? this.roomEnded(feed, reason, code) : this.askLater(feed)
    }
    this.outlet.onNotice({ room_id: roomId || null, code, message, temporary })
  }
}
