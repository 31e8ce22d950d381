import { backoffMs } from './backoff.js'
import { sleep, Timer } from './clock.js'
import { CONNECTION_LOST, roomEndOf, whatNow, type Bye } from './closing.js'
import { ApiError } from './errors.js'
import { EventStreamReader } from './event_stream.js'
import type { RoomFeed } from './feed.js'
import { parseFrame, type Frame } from './frames.js'
import { byeOf } from './socket_link.js'
import type { Clock, Ending, RoomEnd } from './types.js'

/** The server says something at least every 25 s (BANTER_PING_MS). */
const SILENCE_MS = 60_000
/** How long a room is heard before one that waits has its turn. */
const TURN_MS = 3_000

export interface StreamsOptions {
  clock: Clock
  backoffMaxMs: number
  /** Streams at once; more rooms take turns. */
  max: number
  /** Rejects with ApiError for what is no success. */
  open(path: string, signal: AbortSignal): Promise<Response>
  onFrame(frame: Frame): void
  onConnected(): void
  onRoomEnd(feed: RoomFeed, reason: RoomEnd['reason'], code: number | string): void
  /** None is open any more, or the server said so on one. */
  onEnd(ending: Ending, bye: Bye | null): void
}

/** What a stream's end asks for. */
type Outcome = { waitMs: number } | 'turn' | 'over'

/**
 * The way without WebSockets: a stream of server-sent events for each room, read with fetch, which
 * can set a header. Each stream comes back by itself; when the last one is lost, all is.
 */
export class StreamLinks {
  private readonly running = new Map<RoomFeed, AbortController>()
  private readonly queue: (() => void)[] = []
  private taken = 0
  private up = 0
  private isClosed = false

  constructor(private readonly options: StreamsOptions) {}

  add(feed: RoomFeed): void {
    if (this.isClosed || this.running.has(feed)) return
    const cut = new AbortController()
    this.running.set(feed, cut)
    this.run(feed, cut.signal)
      .catch(() => {}) // aborted
      .finally(() => {
        if (this.running.get(feed) === cut) this.running.delete(feed)
      })
  }

  remove(feed: RoomFeed): void {
    this.running.get(feed)?.abort()
    this.running.delete(feed)
  }

  close(): void {
    this.isClosed = true
    for (const cut of this.running.values()) cut.abort()
    this.running.clear()
  }

  private async run(feed: RoomFeed, signal: AbortSignal): Promise<void> {
    const { clock, backoffMaxMs } = this.options
    let failures = 0
    while (!signal.aborted) {
      await this.enter(signal)
      let outcome: Outcome
      const before = feed.position?.seq
      try {
        outcome = await this.hear(feed, signal)
      } finally {
        this.leave()
        if (!signal.aborted) feed.disconnected()
      }
      if (outcome === 'over') return
      if (outcome === 'turn') continue
      if (before !== feed.position?.seq) failures = 0
      await sleep(clock, outcome.waitMs + backoffMs(failures++, backoffMaxMs, clock.random), signal)
    }
  }

  /** One stream, to its end. */
  private async hear(feed: RoomFeed, signal: AbortSignal): Promise<Outcome> {
    const { clock } = this.options
    const cut = new AbortController()
    const onAbort = () => cut.abort()
    signal.addEventListener('abort', onAbort)
    const silence = new Timer(clock)
    const turn = new Timer(clock)
    let isTurnOver = false
    const endTurn = () => {
      isTurnOver = this.queue.length > 0 && feed.state === 'live'
      if (isTurnOver) cut.abort()
      else turn.start(TURN_MS, endTurn)
    }
    let bye: Bye | null = null
    let isUp = false
    try {
      silence.start(SILENCE_MS, onAbort)
      const { since, epoch } = feed.ask()
      const query = [since === undefined ? '' : `since=${since}`, epoch === undefined ? '' : `epoch=${epoch}`]
      const path = `/api/chat/rooms/${feed.roomId}/events?${query.filter(Boolean).join('&')}`
      const response = await this.options.open(path, cut.signal)
      this.up++
      isUp = true
      this.options.onConnected()
      turn.start(TURN_MS, endTurn)
      const reader = new EventStreamReader((data) => {
        const frame = parseFrame(data)
        if (!frame || signal.aborted) return
        if (frame.type === 'bye') bye = byeOf(frame)
        else this.options.onFrame(frame)
      })
      for await (const bytes of bodyOf(response)) {
        silence.start(SILENCE_MS, onAbort)
        reader.push(bytes)
      }
      return this.ended(feed, bye)
    } catch (error) {
      if (signal.aborted) return 'over'
      if (isTurnOver) return 'turn'
      if (error instanceof ApiError) return this.refused(feed, error)
      return this.ended(feed, bye)
    } finally {
      signal.removeEventListener('abort', onAbort)
      silence.stop()
      turn.stop()
      cut.abort()
      if (isUp && --this.up === 0 && !signal.aborted && !isTurnOver && feed.wanted) this.lost(bye)
    }
  }

  private ended(feed: RoomFeed, bye: Bye | null): Outcome {
    if (!bye) return { waitMs: 0 }
    const reason = roomEndOf(bye.code, false)
    if (reason) {
      this.options.onRoomEnd(feed, reason, bye.code)
      return 'over'
    }
    const { clock, backoffMaxMs } = this.options
    const next = whatNow(bye, bye, clock.random, backoffMaxMs)
    if (next.name === 'come_back') return { waitMs: next.waitMs }
    this.options.onEnd(bye, bye)
    return 'over'
  }

  private refused(feed: RoomFeed, error: ApiError): Outcome {
    const reason = roomEndOf(error.code, error.temporary)
    if (error.status === 401) return 'over' // the session ended, which is told elsewhere
    if (!reason || reason === 'refused') return { waitMs: error.retryAfterMs ?? 0 }
    this.options.onRoomEnd(feed, reason, error.code)
    return 'over'
  }

  private lost(bye: Bye | null): void {
    if (this.isClosed) return
    const ending = bye ?? { code: CONNECTION_LOST, reason: 'the event stream ended' }
    this.options.onEnd(ending, bye)
  }

  // ---- turns ----

  /** Waits for a slot. Who waits is handed one directly, so that nobody takes it away. */
  private async enter(signal: AbortSignal): Promise<void> {
    if (this.taken < this.options.max) {
      this.taken++
      return
    }
    await new Promise<void>((resolve) => {
      const wake = () => {
        signal.removeEventListener('abort', onAbort)
        resolve()
      }
      const onAbort = () => {
        this.queue.splice(this.queue.indexOf(wake), 1)
        this.taken++ // given back below
        resolve()
      }
      this.queue.push(wake)
      signal.addEventListener('abort', onAbort, { once: true })
    })
    if (!signal.aborted) return
    this.leave()
    throw signal.reason
  }

  private leave(): void {
    const next = this.queue.shift()
    if (next) next()
    else this.taken--
  }
}

/** A response's body as it comes; not every browser iterates over streams by itself. */
async function* bodyOf(response: Response): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader()
  if (!reader) return
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    yield value
  }
}
