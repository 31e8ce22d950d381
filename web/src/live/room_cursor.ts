import type { Frame } from './frames'

type SubscribedFrame = Extract<Frame, { kind: 'subscribed' }>

/** idle: the socket does not hear the room; asked: it was asked to, without an answer yet. */
export type CursorState = 'idle' | 'asked' | 'catching_up' | 'live'

/**
 * Where one is in a room's log, over all the sockets that hear it: it remembers the id of the last
 * event, and each new socket asks for what follows. So none is lost or seen twice.
 */
export class RoomCursor {
  state: CursorState = 'idle'
  private epoch: number | null = null
  private askedSince: number | null = null

  /** last is the id of the last event that is known; null: begin with what happens from now on. */
  constructor(
    readonly roomId: number,
    public last: number | null,
  ) {}

  /** The frame that asks for the room on a socket. */
  subscribe(): object {
    this.state = 'asked'
    this.askedSince = this.last
    const since = this.last === null ? {} : { since: this.last }
    const epoch = this.last === null || this.epoch === null ? {} : { epoch: this.epoch }
    return { type: 'subscribe', room_id: this.roomId, ...since, ...epoch }
  }

  /** The numbers are of a log that is no more. */
  forget(): void {
    this.last = this.epoch = null
  }

  /** False when the log is not the one that was known: it goes on from its head. */
  subscribed(frame: SubscribedFrame): boolean {
    // Not the answer to the last question, which was asked with since, or without.
    if (this.state !== 'asked' || (frame.recovered === null) !== (this.askedSince === null)) return true
    this.epoch = frame.epoch
    if (frame.recovered) {
      this.state = 'catching_up'
      return true
    }
    this.last = frame.head
    this.state = 'live'
    return frame.recovered === null
  }

  caughtUp(): void {
    if (this.state === 'catching_up') this.state = 'live'
  }

  /** Numbers have no gaps: one here means that the socket cannot be relied on. */
  event(id: number): 'next' | 'known' | 'gap' {
    if (this.state === 'idle' || this.state === 'asked' || this.last === null) return 'known'
    if (id <= this.last) return 'known'
    if (id !== this.last + 1) return 'gap'
    this.last = id
    return 'next'
  }
}
