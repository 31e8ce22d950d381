import { backoffMs } from './backoff'
import { roomEndOf, verdictOf, type RoomEnd } from './closing'
import { parseFrame, type Frame } from './frames'
import { RoomCursor } from './room_cursor'

/** Where the connection stands, as one room sees it. */
export type LinkState =
  | { name: 'connecting' }
  | { name: 'catching_up' }
  | { name: 'live' }
  | { name: 'waiting'; retryAt: number }
  | { name: 'closed' }

/** The part of WebSocket that is used, so that tests can bring their own. */
export interface SocketLike {
  onmessage: ((event: { data: unknown }) => void) | null
  onclose: ((event: { code: number }) => void) | null
  send(data: string): void
  close(): void
}

/** Who shows a room. */
export interface RoomListener {
  onState(state: LinkState): void
  /** Events in order, each once; everything else as it comes. */
  onFrame(frame: Frame): void
  /** What is known is of another log: from here on it is the new one's. */
  onLogChanged(): void
}

export interface ChatSocketOptions {
  address: string
  open(address: string): SocketLike
  /** The last event of a room, whether anybody shows it or not. */
  onHead(roomId: number, head: number, frame: Frame): void
  onRoomEnd(roomId: number, reason: RoomEnd): void
  onSessionEnd(): void
  now?: () => number
  random?: () => number
  setTimer?: (run: () => void, ms: number) => number
  clearTimer?: (timer: number) => void
}

/** A server that does not say hello in this time is as good as away. */
const OPENING_MS = 10_000

/** One connection for all rooms, which outlives its sockets: a new one goes on where the last was. */
export class ChatSocket {
  private socket: SocketLike | null = null
  private isOpen = false
  private ended = false
  private failures = 0
  private timer: number | null = null
  private heartbeatMs = 0
  private heardSomething = false
  private roomsMax = 0
  private afterMs = 0
  private unconnected: LinkState = { name: 'connecting' }
  private readonly cursors = new Map<number, RoomCursor>()
  private readonly listeners = new Map<number, RoomListener>()

  private readonly now: () => number
  private readonly random: () => number
  private readonly setTimer: (run: () => void, ms: number) => number
  private readonly clearTimer: (timer: number) => void

  constructor(private readonly options: ChatSocketOptions) {
    this.now = options.now ?? Date.now
    this.random = options.random ?? Math.random
    this.setTimer = options.setTimer ?? ((run, ms) => setTimeout(run, ms) as unknown as number)
    this.clearTimer = options.clearTimer ?? ((timer) => clearTimeout(timer))
  }

  // ---- the rooms ----

  /** Hears a room from now on, unless it is heard already. */
  hear(roomId: number): void {
    if (!this.cursors.has(roomId)) this.hearFrom(roomId, null)
  }

  /** Hears a room from after an event on. */
  hearFrom(roomId: number, since: number | null): void {
    const before = this.cursors.get(roomId)
    if (before && before.state !== 'idle') this.say({ type: 'unsubscribe', room_id: roomId })
    const cursor = new RoomCursor(roomId, since)
    this.cursors.set(roomId, cursor)
    this.subscribe(cursor)
    this.tellState(roomId)
  }

  /** The id of the last event of a room that is heard; null: not known yet. */
  positionOf(roomId: number): number | null {
    return this.cursors.get(roomId)?.last ?? null
  }

  listen(roomId: number, listener: RoomListener): void {
    this.listeners.set(roomId, listener)
    this.tellState(roomId)
  }

  /** False when the room is not live: the caller keeps the message for later. */
  send(roomId: number, clientId: string, text: string): boolean {
    if (this.cursors.get(roomId)?.state !== 'live') return false
    this.say({ type: 'message', room_id: roomId, text, client_id: clientId })
    return true
  }

  typing(roomId: number): void {
    if (this.cursors.get(roomId)?.state === 'live') this.say({ type: 'typing', room_id: roomId })
  }

  // ---- the connection ----

  connect(): void {
    if (this.ended || this.socket) return
    this.stopTimer()
    this.setUnconnected({ name: 'connecting' })
    const socket = this.options.open(this.options.address)
    this.socket = socket
    socket.onmessage = (event) => {
      if (this.socket === socket) this.receive(parseFrame(event.data))
    }
    socket.onclose = (event) => {
      if (this.socket === socket) this.lost(event.code)
    }
    this.timer = this.setTimer(() => this.restart(), OPENING_MS)
  }

  /** The network is back, say: no more waiting. */
  hurry(): void {
    if (this.ended || this.socket) return
    this.failures = 0
    this.connect()
  }

  /** Gives the present socket up for a new one. */
  restart(): void {
    if (this.ended || !this.socket) return
    this.dropSocket()
    this.wait()
  }

  close(): void {
    if (this.ended) return
    this.ended = true
    this.stopTimer()
    this.dropSocket()
    this.setUnconnected({ name: 'closed' })
  }

  // ---- inside ----

  private receive(frame: Frame): void {
    this.heardSomething = true
    switch (frame.kind) {
      case 'hello':
        return this.opened(frame.heartbeatMs, frame.roomsMax)
      case 'bye':
        this.afterMs = frame.afterMs
        return
      case 'unknown':
        return
      default:
        this.receiveOfRoom(frame, this.cursors.get(frame.roomId))
    }
  }

  private receiveOfRoom(
    frame: Exclude<Frame, { kind: 'hello' | 'bye' | 'unknown' }>,
    cursor: RoomCursor | undefined,
  ): void {
    const { roomId } = frame
    const listener = this.listeners.get(roomId)
    switch (frame.kind) {
      case 'subscribed':
        if (!cursor) return
        if (!cursor.subscribed(frame)) listener?.onLogChanged()
        if (cursor.state === 'live') this.isLive(cursor, frame)
        return this.tellState(roomId)
      case 'caught_up':
        if (!cursor) return
        cursor.caughtUp()
        this.isLive(cursor, frame)
        return this.tellState(roomId)
      case 'event': {
        const place = cursor?.event(frame.event.id)
        if (place === 'gap') return this.restart()
        if (place !== 'next') return
        listener?.onFrame(frame)
        return this.options.onHead(roomId, frame.event.id, frame)
      }
      case 'unsubscribed':
        // Without a code it is the answer to our own wish.
        if (frame.code !== null) this.refused(roomId, frame.code)
        return
      case 'error':
        if (frame.clientId === null && cursor?.state === 'asked') this.refused(roomId, frame.code)
        else listener?.onFrame(frame)
        return
      default:
        listener?.onFrame(frame)
    }
  }

  private opened(heartbeatMs: number, roomsMax: number): void {
    this.isOpen = true
    this.afterMs = 0
    this.heartbeatMs = heartbeatMs
    this.roomsMax = roomsMax
    this.stopTimer()
    this.expectHeartbeat()
    // Who is shown comes first, should there be more rooms than one socket may hear.
    const shown = (cursor: RoomCursor) => (this.listeners.has(cursor.roomId) ? 0 : 1)
    const all = [...this.cursors.values()].sort((a, b) => shown(a) - shown(b))
    for (const cursor of all) this.subscribe(cursor)
    if (all.length === 0) this.failures = 0
  }

  /** Browsers answer pings by themselves but do not tell; so one is sent that has an answer. */
  private expectHeartbeat(): void {
    this.heardSomething = false
    this.say({ type: 'ping' })
    this.timer = this.setTimer(() => {
      this.timer = null
      if (this.heardSomething) this.expectHeartbeat()
      else this.restart()
    }, this.heartbeatMs)
  }

  private isLive(cursor: RoomCursor, frame: Frame): void {
    this.failures = 0
    if (cursor.last !== null) this.options.onHead(cursor.roomId, cursor.last, frame)
  }

  private subscribe(cursor: RoomCursor): void {
    const heard = [...this.cursors.values()].filter((each) => each.state !== 'idle').length
    if (this.isOpen && heard < this.roomsMax) this.say(cursor.subscribe())
  }

  /** A room is not heard, or no more: for good, or else a new socket may do better. */
  private refused(roomId: number, code: number | string): void {
    const end = roomEndOf(code)
    if (!end) return this.restart()
    this.cursors.delete(roomId)
    this.options.onRoomEnd(roomId, end)
  }

  private lost(code: number): void {
    this.dropSocket()
    switch (verdictOf(code)) {
      case 'sign_out':
        this.close()
        return this.options.onSessionEnd()
      case 'log_restored':
        for (const cursor of this.cursors.values()) cursor.forget()
        this.wait()
        for (const listener of [...this.listeners.values()]) listener.onLogChanged()
        return
      case 'reconnect':
        this.wait()
    }
  }

  /** As long as the server asked for, and longer with each failure. */
  private wait(): void {
    this.stopTimer()
    const ms = this.afterMs + backoffMs(this.failures, this.random)
    this.failures++
    this.afterMs = 0
    this.setUnconnected({ name: 'waiting', retryAt: this.now() + ms })
    this.timer = this.setTimer(() => {
      this.timer = null
      this.connect()
    }, ms)
  }

  private say(frame: object): void {
    if (this.isOpen) this.socket?.send(JSON.stringify(frame))
  }

  private setUnconnected(state: LinkState): void {
    this.unconnected = state
    for (const roomId of this.listeners.keys()) this.tellState(roomId)
  }

  private tellState(roomId: number): void {
    const state = this.cursors.get(roomId)?.state
    const listener = this.listeners.get(roomId)
    if (!this.isOpen) listener?.onState(this.unconnected)
    else if (state === 'live' || state === 'catching_up') listener?.onState({ name: state })
    else listener?.onState({ name: 'connecting' })
  }

  private dropSocket(): void {
    const socket = this.socket
    this.socket = null
    this.isOpen = false
    for (const cursor of this.cursors.values()) cursor.state = 'idle'
    if (!socket) return
    socket.onmessage = socket.onclose = null
    socket.close()
  }

  private stopTimer(): void {
    if (this.timer !== null) this.clearTimer(this.timer)
    this.timer = null
  }
}
