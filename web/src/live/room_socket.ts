import { backoffMs } from './backoff'
import { parseFrame, type Frame } from './frames'

/** Where a room's connection stands. */
export type LinkState =
  | { name: 'connecting' }
  | { name: 'catching_up' }
  | { name: 'live' }
  | { name: 'waiting'; retryAt: number }
  | { name: 'closed' }

/** Why a connection ended for good. */
export type EndReason = 'session' | 'not_a_member' | 'room_gone' | 'log_changed'

/** The part of WebSocket that is used, so that tests can bring their own. */
export interface SocketLike {
  onmessage: ((event: { data: unknown }) => void) | null
  onclose: ((event: { code: number; reason: string }) => void) | null
  send(data: string): void
  close(code?: number): void
}

export interface RoomSocketOptions {
  /** The address to connect to, to hear what follows the event since. */
  address(since: number, epoch: number | null): string
  open(address: string): SocketLike
  onState(state: LinkState): void
  /** Events in order, each once; everything else as it comes. */
  onFrame(frame: Frame): void
  onEnd(reason: EndReason): void
  now?: () => number
  random?: () => number
  setTimer?: (run: () => void, ms: number) => number
  clearTimer?: (timer: number) => void
}

/** A server that does not say `subscribed` in this time is as good as away. */
const OPENING_MS = 10_000

/** What a close code 1008 says, by its reason; null: not for good. */
export function endReasonOf(code: number, reason: string): EndReason | null {
  if (code !== 1008) return null
  if (reason === 'Room not found' || reason === 'Room removed') return 'room_gone'
  if (reason === 'Not a member of this room' || reason === 'Removed from the room') {
    return 'not_a_member'
  }
  return 'session'
}

/**
 * A connection to a room that outlives its sockets: a cursor over the room's log.
 *
 * It remembers the id of the last event that it delivered, and each new socket asks for what
 * follows. So no event is lost or seen twice, however often the connection breaks.
 */
export class RoomSocket {
  private socket: SocketLike | null = null
  private timer: number | null = null
  private failures = 0
  private epoch: number | null = null
  private ended = false
  private isLive = false

  private readonly now: () => number
  private readonly random: () => number
  private readonly setTimer: (run: () => void, ms: number) => number
  private readonly clearTimer: (timer: number) => void

  constructor(
    private readonly options: RoomSocketOptions,
    private last: number,
  ) {
    this.now = options.now ?? Date.now
    this.random = options.random ?? Math.random
    this.setTimer = options.setTimer ?? ((run, ms) => setTimeout(run, ms) as unknown as number)
    this.clearTimer = options.clearTimer ?? ((timer) => clearTimeout(timer))
  }

  /** The id of the last event that was delivered. */
  get cursor(): number {
    return this.last
  }

  connect(): void {
    if (this.ended || this.socket) return
    this.stopTimer()
    this.options.onState({ name: 'connecting' })
    const socket = this.options.open(this.options.address(this.last, this.epoch))
    this.socket = socket
    socket.onmessage = (event) => {
      if (this.socket === socket) this.receive(parseFrame(event.data))
    }
    socket.onclose = (event) => {
      if (this.socket === socket) this.lost(event.code, event.reason)
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

  /** False when there is no live socket: the caller keeps the message for later. */
  send(clientId: string, text: string): boolean {
    if (!this.socket || !this.isLive) return false
    this.socket.send(JSON.stringify({ text, client_id: clientId }))
    return true
  }

  close(): void {
    if (this.ended) return
    this.ended = true
    this.stopTimer()
    this.dropSocket()
    this.options.onState({ name: 'closed' })
  }

  private receive(frame: Frame): void {
    switch (frame.kind) {
      case 'subscribed':
        this.stopTimer()
        if (!frame.recovered) return this.end('log_changed')
        this.epoch = frame.epoch
        this.options.onState({ name: 'catching_up' })
        return
      case 'caught_up':
        this.failures = 0
        this.isLive = true
        this.options.onState({ name: 'live' })
        return
      case 'event':
        if (frame.event.id <= this.last) return
        // Numbers have no gaps: one here means that this socket cannot be relied on.
        if (frame.event.id !== this.last + 1) return this.restart()
        this.last = frame.event.id
        this.options.onFrame(frame)
        return
      case 'unknown':
        return
      default:
        this.options.onFrame(frame)
    }
  }

  private lost(code: number, reason: string): void {
    this.dropSocket()
    const end = endReasonOf(code, reason)
    if (end) this.end(end)
    else this.wait()
  }

  private end(reason: EndReason): void {
    this.close()
    this.options.onEnd(reason)
  }

  private wait(): void {
    this.stopTimer()
    const ms = backoffMs(this.failures, this.random)
    this.failures++
    this.options.onState({ name: 'waiting', retryAt: this.now() + ms })
    this.timer = this.setTimer(() => {
      this.timer = null
      this.connect()
    }, ms)
  }

  private dropSocket(): void {
    const socket = this.socket
    this.socket = null
    this.isLive = false
    if (!socket) return
    socket.onmessage = socket.onclose = null
    socket.close()
  }

  private stopTimer(): void {
    if (this.timer !== null) this.clearTimer(this.timer)
    this.timer = null
  }
}
