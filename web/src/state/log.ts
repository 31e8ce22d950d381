import type { Entry } from './event'

/** So many events of a room are kept in memory at most; scrolling fetches the others again. */
export const EVENTS_MAX = 5_000

/**
 * A run of a room's log without a hole: by id, each once. While it reaches to the log's end, what
 * happens is added to it; a run in the middle, where a link led or one scrolled far back, is not.
 */
export class RoomLog {
  private list: Entry[] = []
  /** Whether the run reaches to the end of the log, and to its beginning. */
  hasEnd = true
  hasBeginning = false

  get events(): readonly Entry[] {
    return this.list
  }

  get firstId(): number | null {
    return this.list[0]?.id ?? null
  }

  get lastId(): number {
    return this.list[this.list.length - 1]?.id ?? 0
  }

  has(id: number): boolean {
    return this.list[this.placeOf(id)]?.id === id
  }

  /** False for an event that is known already. */
  add(event: Entry): boolean {
    const place = this.placeOf(event.id)
    if (this.list[place]?.id === event.id) return false
    this.list.splice(place, 0, event)
    return true
  }

  /** Puts another run in the place of this one. */
  replace(events: readonly Entry[], bounds: { hasEnd: boolean; hasBeginning: boolean }): void {
    this.list = [...events]
    this.hasEnd = bounds.hasEnd
    this.hasBeginning = bounds.hasBeginning
  }

  /** Older events, oldest first. What is most likely not looked at again is let go at the other end. */
  prepend(events: readonly Entry[], hasBeginning: boolean): void {
    const first = this.firstId ?? Infinity
    this.list = [...events.filter((event) => event.id < first), ...this.list]
    this.hasBeginning = hasBeginning
    if (this.list.length <= EVENTS_MAX) return
    this.list.length = EVENTS_MAX
    this.hasEnd = false
  }

  /** Newer events, oldest first. */
  append(events: readonly Entry[], hasEnd: boolean): void {
    for (const event of events) this.add(event)
    this.hasEnd = hasEnd
    this.trimBeginning()
  }

  /** Lets the oldest go, where nobody reads them. */
  trimBeginning(): void {
    if (this.list.length <= EVENTS_MAX) return
    this.list = this.list.slice(-EVENTS_MAX)
    this.hasBeginning = false
  }

  clear(): void {
    this.replace([], { hasEnd: true, hasBeginning: false })
  }

  /** The first index whose event has an id that is not less. */
  placeOf(id: number): number {
    if (id > this.lastId) return this.list.length
    let low = 0
    let high = this.list.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.list[middle] as Entry).id < id) low = middle + 1
      else high = middle
    }
    return low
  }
}
