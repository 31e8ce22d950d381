/** Events that are laid out at most; each makes a row, and some a line above it. */
export const PANE_MAX = 240
const STEP = 80

/**
 * Which part of a run of events is laid out: a stretch of bounded length that is moved along as one
 * scrolls, so that a room of 100,000 messages costs what one of 300 does. It is kept by ids, which
 * stay when events are added or dropped at either end.
 */
export class Pane {
  /** null: from the beginning, or to the end, of what there is. */
  private first: number | null = null
  private last: number | null = null

  /** The indices of the stretch, the second one excluded; placeOf finds the index of an id. */
  bounds(length: number, placeOf: (id: number) => number): [number, number] {
    const end = this.last === null ? length : Math.min(length, placeOf(this.last) + 1)
    const start = this.first === null ? 0 : placeOf(this.first)
    return [Math.max(0, Math.min(start, end), end - PANE_MAX), end]
  }

  toEnd(): void {
    this.first = this.last = null
  }

  /** Keeps the stretch where it is while more is added to the run's end. */
  hold(ids: readonly { id: number }[], at: [number, number]): void {
    this.first = ids[at[0]]?.id ?? null
    this.last = ids[at[1] - 1]?.id ?? null
  }

  /** From start to end of the ids, as far as there are any. */
  private set(ids: readonly { id: number }[], start: number, end: number): void {
    this.first = ids[Math.max(0, start)]?.id ?? null
    this.last = end >= ids.length ? null : (ids[end - 1]?.id ?? null)
  }

  older(ids: readonly { id: number }[], at: [number, number]): void {
    const start = Math.max(0, at[0] - STEP)
    this.set(ids, start, Math.min(at[1], start + PANE_MAX))
  }

  newer(ids: readonly { id: number }[], at: [number, number]): void {
    const end = Math.min(ids.length, at[1] + STEP)
    this.set(ids, Math.max(at[0], end - PANE_MAX), end)
  }

  around(ids: readonly { id: number }[], index: number): void {
    const start = Math.max(0, index - STEP)
    this.set(ids, start, start + 2 * STEP)
  }
}
