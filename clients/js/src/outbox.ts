import { backoffMs } from './backoff.js'
import { newClientId, Timer } from './clock.js'
import { BanterError, QueueFullError, SendError } from './errors.js'
import type { Clock, Outgoing, SendOptions, SentMessage } from './types.js'

/** Longer than the server takes to say that it does not know (10 s): then the frame is lost. */
export const ANSWER_MS = 20_000
const POSTS_MAX = 4
const TEXT_CHARACTERS_MAX = 4_000
const CLIENT_ID_CHARACTERS_MAX = 64

interface Entry {
  room_id: number
  client_id: string
  text: string
  state: Outgoing['state']
  tries: number
  id: number | null
  error: Error | null
  /** By which way it is under way. */
  way: 'frame' | 'post' | null
  /** Not before; in state sending: the answer is given up. */
  due: number
  failures: number
  cut: AbortController | null
  resolve(sent: SentMessage): void
  reject(error: Error): void
  promise: Promise<SentMessage>
  unhook(): void
}

/** How messages leave, as it stands now. */
export interface Ways {
  /** null: not now. */
  wayOf(roomId: number): 'frame' | 'post' | null
  frame(roomId: number, clientId: string, text: string): void
  post(roomId: number, clientId: string, text: string, signal: AbortSignal): Promise<SentMessage>
  /** Frames without an answer, at most. */
  framesMax(): number
}

export interface OutboxOptions {
  clock: Clock
  queueMax: number
  backoffMaxMs: number
  onChange(outgoing: Outgoing): void
  onResend(): void
}

const keyOf = (roomId: number, clientId: string) => `${roomId} ${clientId}`

const characters = (text: string) => [...text].length

/** What the server would refuse is refused here, before it can wait in a queue. */
function check(text: string, clientId: string): SendError | null {
  const length = characters(text)
  if (length === 0) return new SendError('bad_frame', 'The text is empty.', clientId)
  if (length > TEXT_CHARACTERS_MAX) {
    return new SendError('message_too_long', 'The text is longer than 4,000 characters.', clientId)
  }
  const idLength = characters(clientId)
  if (idLength > 0 && idLength <= CLIENT_ID_CHARACTERS_MAX) return null
  return new SendError('bad_frame', 'A clientId has 1 to 64 characters.', clientId)
}

/**
 * Messages on their way out, in order within their room. Each keeps its client_id through all tries,
 * so the server stores it once; each is tried until it is settled.
 */
export class Outbox {
  private readonly entries = new Map<string, Entry>()
  private readonly timer: Timer

  constructor(
    private readonly options: OutboxOptions,
    private readonly ways: Ways,
  ) {
    this.timer = new Timer(options.clock)
  }

  get outgoing(): readonly Outgoing[] {
    return [...this.entries.values()].map(view)
  }

  send(roomId: number, text: string, options: SendOptions = {}): Promise<SentMessage> {
    const { queueMax } = this.options
    const clientId = options.clientId ?? newClientId()
    const known = this.entries.get(keyOf(roomId, clientId))
    if (known) return known.promise
    const fault = check(text, clientId)
    if (fault) return Promise.reject(fault)
    if (this.entries.size >= queueMax) return Promise.reject(new QueueFullError(queueMax))
    const entry = createEntry(roomId, clientId, text)
    const { signal } = options
    const onAbort = () => {
      this.fail(entry, sendError('aborted', 'The caller gave up.', entry, { cause: signal?.reason }))
    }
    entry.unhook = () => signal?.removeEventListener('abort', onAbort)
    this.entries.set(keyOf(roomId, clientId), entry)
    if (signal?.aborted) onAbort()
    else {
      signal?.addEventListener('abort', onAbort)
      this.options.onChange(view(entry))
      this.flush()
    }
    return entry.promise
  }

  /** Lets go what can go now. */
  flush(): void {
    const now = this.options.clock.now()
    const blocked = new Set<string>()
    let frames = 0
    let posts = 0
    for (const entry of this.entries.values()) {
      if (entry.way === 'frame') frames++
      if (entry.way === 'post') posts++
    }
    for (const entry of [...this.entries.values()]) {
      if (this.entries.get(keyOf(entry.room_id, entry.client_id)) !== entry) continue
      const way = this.ways.wayOf(entry.room_id)
      // Within a room nothing overtakes: a post is one at a time, and who waits for another try
      // holds up the others.
      const line = `${entry.room_id}`
      if (blocked.has(line)) continue
      if (entry.state === 'sending' && (entry.way === 'post' || entry.due > now)) {
        if (entry.way === 'post') blocked.add(line)
        continue
      }
      if (way === null || entry.due > now) blocked.add(line)
      else if (way === 'frame' && (entry.way === 'frame' || frames < this.ways.framesMax())) {
        if (entry.way !== 'frame') frames++
        this.sendFrame(entry)
      } else if (way === 'post' && posts < POSTS_MAX) {
        posts++
        blocked.add(line)
        this.sendPost(entry)
      } else blocked.add(line)
    }
    this.armTimer()
  }

  acknowledged(sent: SentMessage): void {
    const entry = this.entries.get(keyOf(sent.room_id, sent.client_id))
    if (!entry) return
    this.remove(entry)
    entry.id = sent.id
    entry.error = null
    this.setState(entry, 'sent')
    entry.resolve(sent)
    this.flush()
  }

  /** The server would not have it: for good, or not now. */
  refused(roomId: number, clientId: string, error: BanterError): void {
    const entry = this.entries.get(keyOf(roomId, clientId))
    if (entry) this.trouble(entry, error)
    this.flush()
  }

  /** The socket is gone: what it carried without an answer goes out again. */
  connectionLost(): void {
    for (const entry of this.entries.values()) {
      if (entry.way === 'frame') this.wait(entry, 0)
    }
    this.armTimer()
  }

  failAll(code: string, message: string): void {
    for (const entry of [...this.entries.values()]) this.fail(entry, sendError(code, message, entry))
    this.armTimer()
  }

  // ---- inside ----

  private sendFrame(entry: Entry): void {
    this.leaves(entry, 'frame')
    entry.due = this.options.clock.now() + ANSWER_MS
    this.ways.frame(entry.room_id, entry.client_id, entry.text)
  }

  private sendPost(entry: Entry): void {
    this.leaves(entry, 'post')
    const cut = new AbortController()
    entry.cut = cut
    this.ways.post(entry.room_id, entry.client_id, entry.text, cut.signal).then(
      (sent) => this.acknowledged(sent),
      (error: unknown) => {
        if (entry.cut !== cut) return
        entry.cut = null
        this.trouble(entry, error)
        this.flush()
      },
    )
  }

  private leaves(entry: Entry, way: 'frame' | 'post'): void {
    entry.way = way
    entry.tries++
    if (entry.tries > 1) this.options.onResend()
    this.setState(entry, 'sending')
  }

  private trouble(entry: Entry, error: unknown): void {
    const { clock, backoffMaxMs } = this.options
    const known = error instanceof BanterError ? error : new BanterError('unknown', String(error))
    if (known.temporary || known.code === 'not_subscribed') {
      const asked = 'retryAfterMs' in known ? Number(known.retryAfterMs) || 0 : 0
      return this.wait(entry, asked + backoffMs(entry.failures++, backoffMaxMs, clock.random))
    }
    const code = known.code === 'invalid_token' || known.code === 'unauthenticated' ? 'signed_out' : known.code
    // An answer that says no means that this try stored nothing; an earlier one may have.
    const uncertain = entry.tries > 1
    this.fail(entry, sendError(code, known.message, entry, { status: known.status, cause: known, uncertain }))
  }

  private wait(entry: Entry, ms: number): void {
    entry.way = null
    entry.due = ms === 0 ? 0 : this.options.clock.now() + ms
    this.setState(entry, 'waiting')
  }

  private fail(entry: Entry, error: SendError): void {
    if (!this.remove(entry)) return
    entry.error = error
    this.setState(entry, 'failed')
    entry.reject(error)
    this.flush()
  }

  private remove(entry: Entry): boolean {
    entry.unhook()
    const cut = entry.cut
    entry.cut = null
    cut?.abort()
    return this.entries.delete(keyOf(entry.room_id, entry.client_id))
  }

  private setState(entry: Entry, state: Outgoing['state']): void {
    if (entry.state === state) return
    entry.state = state
    this.options.onChange(view(entry))
  }

  /** For the next that has to be tried again, or whose answer is late. */
  private armTimer(): void {
    const now = this.options.clock.now()
    let next = Infinity
    for (const entry of this.entries.values()) {
      if (entry.way !== 'post' && entry.due > now) next = Math.min(next, entry.due)
    }
    if (next === Infinity) this.timer.stop()
    else this.timer.start(next - now, () => this.flush())
  }
}

function createEntry(roomId: number, clientId: string, text: string): Entry {
  const entry = {
    room_id: roomId,
    client_id: clientId,
    text,
    state: 'waiting',
    tries: 0,
    id: null,
    error: null,
    way: null,
    due: 0,
    failures: 0,
    cut: null,
    unhook: () => {},
  } as unknown as Entry
  entry.promise = new Promise((resolve, reject) => {
    entry.resolve = resolve
    entry.reject = reject
  })
  return entry
}

/** A copy, so that who keeps it can compare. */
function view({ room_id, client_id, text, state, tries, id, error }: Entry): Outgoing {
  return { room_id, client_id, text, state, tries, id, error }
}

function sendError(
  code: string,
  message: string,
  entry: Entry,
  more: { status?: number; cause?: unknown; uncertain?: boolean } = {},
): SendError {
  return new SendError(code, message, entry.client_id, { uncertain: entry.tries > 0, ...more })
}
