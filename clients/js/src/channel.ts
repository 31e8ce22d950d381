import { AbortedError, BanterError, ClosedError, ReaderTooSlowError, SignedOutError } from './errors.js'
import { Emitter } from './emitter.js'
import type { Live } from './live.js'
import type { Outbox } from './outbox.js'
import type {
  ClientEvents,
  EventsOptions,
  Listener,
  LogEvent,
  Position,
  RoomChannel,
  RoomEvents,
  RoomState,
  SendOptions,
  SentMessage,
  SubscribeOptions,
  Unlisten,
} from './types.js'

const BUFFER_MAX = 10_000

/** Tells the state of the whole client, and its end. */
export interface Surrounding {
  readonly live: Live
  readonly outbox: Outbox
  readonly events: Emitter<ClientEvents>
}

export class Channel implements RoomChannel {
  readonly emitter = new Emitter<RoomEvents>()

  constructor(
    readonly id: number,
    private readonly client: Surrounding,
  ) {}

  get state(): RoomState {
    return this.client.live.feed(this.id).state
  }

  get position(): Position | null {
    return this.client.live.feed(this.id).position
  }

  get head(): number | null {
    return this.client.live.feed(this.id).head
  }

  subscribe(options: SubscribeOptions = {}): void {
    if (this.client.live.state.name === 'closed') throw new ClosedError()
    this.client.live.subscribe(this.id, options.since ?? null, options.epoch ?? null)
  }

  unsubscribe(): void {
    this.client.live.unsubscribe(this.id)
  }

  send(text: string, options?: SendOptions): Promise<SentMessage> {
    const { state } = this.client.live
    switch (state.name) {
      case 'closed':
        return Promise.reject(new ClosedError())
      case 'signed-out':
        return Promise.reject(new SignedOutError())
      case 'stopped':
        return Promise.reject(new ClosedError(state.last.reason))
      default:
        return this.client.outbox.send(this.id, text, options)
    }
  }

  typing(): void {
    this.client.live.typing(this.id)
  }

  on<Name extends keyof RoomEvents>(name: Name, listener: Listener<RoomEvents[Name]>): Unlisten {
    return this.emitter.on(name, listener)
  }

  events(options: EventsOptions = {}): AsyncIterableIterator<LogEvent> {
    return new EventReader(this, this.client, options)
  }
}

type Result = IteratorResult<LogEvent, undefined>

/** The room's events for `for await`: a bounded buffer between the connection and the reader. */
class EventReader implements AsyncIterableIterator<LogEvent> {
  private readonly buffer: LogEvent[] = []
  private readonly readers: { resolve(result: Result): void; reject(error: unknown): void }[] = []
  private readonly unhook: Unlisten[]
  private isOver = false
  /** What the iteration ends with once the buffer is read. */
  private failure: Error | null = null
  private lastSeq: number

  constructor(channel: Channel, client: Surrounding, options: EventsOptions) {
    const { signal, bufferMax = BUFFER_MAX } = options
    const wasHeard = channel.state !== 'idle' && channel.state !== 'ended'
    const onAbort = () => this.end(new AbortedError(signal?.reason))
    this.lastSeq = options.since ?? channel.position?.seq ?? 0
    this.unhook = [
      channel.on('event', (event) => this.take(event, bufferMax)),
      channel.on('reset', ({ reason }) => {
        this.end(new BanterError('reset', `The room's log is another one: ${reason}.`))
      }),
      channel.on('ended', () => this.end(null)),
      client.events.on('state', (state) => {
        if (state.name === 'closed') this.end(null)
        if (state.name === 'signed-out') this.end(new SignedOutError())
      }),
      () => signal?.removeEventListener('abort', onAbort),
      () => {
        if (!wasHeard) channel.unsubscribe()
      },
    ]
    if (signal?.aborted) onAbort()
    else {
      signal?.addEventListener('abort', onAbort)
      channel.subscribe(options)
    }
  }

  next(): Promise<Result> {
    const value = this.buffer.shift()
    if (value) {
      this.lastSeq = value.id
      return Promise.resolve({ value, done: false })
    }
    if (!this.isOver) return new Promise((resolve, reject) => this.readers.push({ resolve, reject }))
    const { failure } = this
    this.failure = null
    return failure ? Promise.reject(failure) : Promise.resolve({ value: undefined, done: true })
  }

  return(): Promise<Result> {
    this.buffer.length = 0
    this.end(null)
    return Promise.resolve({ value: undefined, done: true })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  private take(event: LogEvent, bufferMax: number): void {
    const reader = this.readers.shift()
    if (reader) {
      this.lastSeq = event.id
      return reader.resolve({ value: event, done: false })
    }
    if (this.buffer.length >= bufferMax) {
      this.end(new ReaderTooSlowError(this.buffer[this.buffer.length - 1]?.id ?? this.lastSeq))
    } else this.buffer.push(event)
  }

  private end(failure: Error | null): void {
    if (this.isOver) return
    this.isOver = true
    this.failure = failure
    for (const unhook of this.unhook) unhook()
    for (const reader of this.readers.splice(0)) {
      if (this.failure) reader.reject(this.failure)
      else reader.resolve({ value: undefined, done: true })
      this.failure = null
    }
  }
}
