import { numberOf, type Frame } from './frames.js'
import type { LogEvent, Position, RoomReset, RoomState } from './types.js'

/** Who is told what a feed makes of the frames. */
export interface FeedOutlet {
  onEvent(event: LogEvent): void
  onDuplicate(): void
  onReset(reset: RoomReset): void
  onState(state: RoomState): void
}

/**
 * A room's log as it comes in, over all the connections that bring it: it remembers the last event,
 * asks each new connection for what follows, and lets every number pass once and in order. Pure: no
 * clock, no socket.
 */
export class RoomFeed {
  state: RoomState = 'idle'
  /** It is to be heard, now and over every connection to come. */
  wanted = false
  position: Position | null = null
  head: number | null = null
  /** A subscription was answered on the present connection: events count, messages may be sent. */
  isAnswered = false
  /** How often in a row it could not be subscribed. */
  failures = 0
  /** A subscribe was sent and has no answer. */
  isAsked = false
  /** Unsubscribes without an answer: what comes before it is of a given-up subscription. */
  private leaving = 0
  private askedSince: number | null = null
  private forgot: { previous: Position | null } | null = null

  constructor(
    readonly roomId: number,
    private readonly outlet: FeedOutlet,
  ) {}

  begin(since: number | null, epoch: number | null): void {
    this.wanted = true
    if (since !== null) {
      this.position = { seq: since, epoch }
      this.forgot = null
    }
    if (this.state !== 'live' && this.state !== 'catching_up') this.setState('waiting')
  }

  /** What goes with a subscribe; from here on its answer is awaited. */
  ask(): { since?: number; epoch?: number } {
    this.isAsked = true
    this.isAnswered = false
    this.setState('waiting')
    this.askedSince = this.position?.seq ?? null
    if (!this.position) return {}
    const { seq, epoch } = this.position
    return epoch === null ? { since: seq } : { since: seq, epoch }
  }

  /** The connection is gone: answers and events of it count no more. */
  disconnected(): void {
    this.leaving = 0
    this.interrupted()
  }

  /** The connection brings the room no more, until it is asked for again. */
  interrupted(): void {
    this.isAsked = this.isAnswered = false
    if (this.wanted) this.setState('waiting')
  }

  /** An unsubscribe was sent. */
  leave(): void {
    this.leaving++
    this.isAsked = this.isAnswered = false
  }

  /** The answer to an unsubscribe; false: it is none. */
  left(): boolean {
    if (this.leaving === 0) return false
    this.leaving--
    return true
  }

  end(state: 'idle' | 'ended'): void {
    this.wanted = false
    this.isAsked = this.isAnswered = false
    this.setState(state)
  }

  /** The numbers are of a log that is no more. */
  forget(): void {
    if (!this.position) return
    this.forgot = { previous: this.position }
    this.position = null
  }

  /** A subscribe was refused; false: it was none that counts. */
  refused(): boolean {
    if (!this.isAsked || this.leaving > 0) return false
    this.isAsked = false
    return true
  }

  subscribed(frame: Frame): void {
    if (!this.isAsked || this.leaving > 0) return
    this.isAsked = false
    const head = numberOf(frame.head) ?? 0
    const epoch = numberOf(frame.epoch)
    const previous = this.forgot ? this.forgot.previous : this.position
    const isRestored = this.forgot !== null
    this.forgot = null
    this.head = head
    this.isAnswered = true
    this.failures = 0
    if (frame.recovered === true && this.askedSince !== null) {
      this.position = { seq: this.askedSince, epoch }
      return this.setState('catching_up')
    }
    this.position = { seq: head, epoch }
    if (frame.recovered === false || isRestored) {
      const reason = isRestored
        ? 'log_restored'
        : frame.reason === 'since_beyond_head'
          ? frame.reason
          : 'epoch_changed'
      this.outlet.onReset({ room_id: this.roomId, reason, head, epoch, previous })
    }
    if (this.isAnswered) this.setState('live')
  }

  caughtUp(): void {
    if (this.isAnswered && this.state === 'catching_up') this.setState('live')
  }

  /** False: a number is missing, so the connection cannot be relied on. */
  event(event: LogEvent): boolean {
    if (!this.isAnswered || !this.position) return true // of a subscription that was given up
    const { seq, epoch } = this.position
    if (event.id <= seq) {
      this.outlet.onDuplicate()
      return true
    }
    if (event.id !== seq + 1) return false
    this.position = { seq: event.id, epoch }
    this.head = Math.max(this.head ?? 0, event.id)
    this.outlet.onEvent(event)
    return true
  }

  private setState(state: RoomState): void {
    if (this.state === state) return
    this.state = state
    this.outlet.onState(state)
  }
}
