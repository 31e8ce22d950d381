import { Timer } from './clock.js'
import { CONNECTION_LOST, type Bye } from './closing.js'
import { numberOf, parseFrame, textOf, type Fields, type Frame } from './frames.js'
import type { Clock, Ending, WebSocketClass, WebSocketLike } from './types.js'

/** A server that does not say hello in this time is as good as away. */
const OPENING_MS = 10_000
/** A ping without an answer for so long: the connection is dead, whatever the socket says. */
const PONG_MS = 10_000
const HEARTBEAT_MS = 25_000
const FRAMES_MAX = 64

export function byeOf(frame: Frame): Bye {
  return {
    code: numberOf(frame.code) ?? 0,
    reason: textOf(frame.reason),
    reconnect: frame.reconnect !== false,
    afterMs: numberOf(frame.after_ms) ?? 0,
  }
}

/** Where a WebSocket is opened, and what is offered there. */
export interface Address {
  url: string
  protocols: string[]
}

export interface LinkOutlet {
  onHello(hello: Frame): void
  onFrame(frame: Frame): void
  /** Once, and never after close(). */
  onEnd(ending: Ending, bye: Bye | null, saidHello: boolean): void
}

/** One WebSocket at /ws/chat, from its opening to its end: hello, heartbeat, bye. */
export class SocketLink {
  isOpen = false
  framesMax = FRAMES_MAX
  private socket: WebSocketLike | null = null
  private readonly timer: Timer
  private heartbeatMs = HEARTBEAT_MS
  private heard = false
  private bye: Bye | null = null

  constructor(
    WebSocket: WebSocketClass,
    { url, protocols }: Address,
    clock: Clock,
    private readonly outlet: LinkOutlet,
  ) {
    this.timer = new Timer(clock)
    let socket: WebSocketLike
    try {
      socket = new WebSocket(url, protocols)
    } catch (error) {
      // A page under https may not open ws://, say: that is no different from an end.
      this.timer.start(0, () => this.end({ code: CONNECTION_LOST, reason: String(error) }))
      return
    }
    this.socket = socket
    socket.onmessage = (event) => this.receive(event.data)
    socket.onclose = (event) => this.end({ code: event.code, reason: event.reason })
    // A close follows; but ws throws what nobody listens to.
    socket.onerror = () => {}
    this.timer.start(OPENING_MS, () => this.end({ code: CONNECTION_LOST, reason: 'no hello in time' }))
  }

  say(frame: Fields): void {
    if (!this.isOpen) return
    try {
      this.socket?.send(JSON.stringify(frame))
    } catch {
      // It is closing: onclose tells.
    }
  }

  /** Is the other side still there? To be asked when there is reason to doubt. */
  probe(): void {
    if (!this.isOpen) return
    this.heard = false
    this.say({ type: 'ping' })
    this.timer.start(PONG_MS, () => {
      if (this.heard) this.watch()
      else this.end({ code: CONNECTION_LOST, reason: 'no answer to a ping' }, true)
    })
  }

  /** isDead: nobody will answer a close frame, so no time is spent on it where that can be said. */
  close(isDead = false): void {
    this.timer.stop()
    const socket = this.socket
    this.socket = null
    this.isOpen = false
    if (!socket) return
    socket.onmessage = socket.onclose = socket.onopen = null
    // Closing a socket that is still opening is an error with ws.
    socket.onerror = () => {}
    try {
      if (isDead && socket.terminate) socket.terminate()
      else socket.close(1000)
    } catch {
      // It is closed already.
    }
  }

  private receive(data: unknown): void {
    this.heard = true
    const frame = parseFrame(data)
    if (!frame) return
    if (frame.type === 'hello') this.opened(frame)
    else if (frame.type === 'bye') this.bye = byeOf(frame)
    else if (frame.type !== 'pong') this.outlet.onFrame(frame)
  }

  private opened(hello: Frame): void {
    const limits = (typeof hello.limits === 'object' ? (hello.limits ?? {}) : {}) as Fields
    this.isOpen = true
    this.heartbeatMs = numberOf(hello.heartbeat_ms) || HEARTBEAT_MS
    this.framesMax = Math.min(FRAMES_MAX, numberOf(limits.sends_in_flight) || FRAMES_MAX)
    this.watch()
    this.outlet.onHello(hello)
  }

  /** The server's own pings are answered below the program, which never sees them: so silence is
   * broken by a ping of the protocol that has a visible answer. */
  private watch(): void {
    this.heard = false
    this.timer.start(this.heartbeatMs, () => {
      if (this.heard) this.watch()
      else this.probe()
    })
  }

  private end(ending: Ending, isDead = false): void {
    const saidHello = this.isOpen
    this.close(isDead)
    this.outlet.onEnd(ending, this.bye, saidHello)
  }
}
