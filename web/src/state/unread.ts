import { signal } from '@preact/signals'
import { readStored, writeStored } from './storage'

type Marks = Record<string, number>

const SAVE_MS = 1_000

/**
 * How much of each room one has not seen: its last event's number less that of the last one that
 * was on the screen. Numbers have no gaps, so there is nothing to count.
 */
export class Unread {
  /** Changes with the numbers: who shows them reads it. */
  readonly version = signal(0)
  private readonly heads = new Map<number, number>()
  private readonly marks: Marks
  private timer: ReturnType<typeof setTimeout> | null = null

  constructor(private readonly key: string) {
    this.marks = (readStored(key) as Marks | null) ?? {}
  }

  of(roomId: number): number {
    const head = this.heads.get(roomId) ?? 0
    return Math.max(0, head - (this.marks[roomId] ?? head))
  }

  /** Of all rooms together. */
  get total(): number {
    let sum = 0
    for (const roomId of this.heads.keys()) sum += this.of(roomId)
    return sum
  }

  isKnown(roomId: number): boolean {
    return this.heads.has(roomId)
  }

  /** The last event that was read; null: the room is new here. */
  markOf(roomId: number): number | null {
    return this.marks[roomId] ?? null
  }

  /** What does not count (somebody came or went) makes nothing unread where all was read. */
  headIs(roomId: number, head: number, counts = true): void {
    const mark = this.marks[roomId]
    const wasRead = mark !== undefined && mark === this.heads.get(roomId)
    this.heads.set(roomId, head)
    if (!counts && wasRead) this.setMark(roomId, head)
    // A room that is new here begins read; a log that is shorter than what one saw is another one.
    if (mark === undefined || mark > head) this.setMark(roomId, head)
    this.version.value++
  }

  read(roomId: number): void {
    const head = this.heads.get(roomId)
    if (head === undefined || this.marks[roomId] === head) return
    this.setMark(roomId, head)
    this.version.value++
  }

  forget(roomId: number): void {
    this.heads.delete(roomId)
    delete this.marks[roomId]
    this.saveSoon()
  }

  /** What is not written down yet; for when the page goes. */
  save(): void {
    if (this.timer === null) return
    clearTimeout(this.timer)
    this.timer = null
    // Another tab may have read further in other rooms.
    const stored = (readStored(this.key) as Marks | null) ?? {}
    for (const [roomId, mark] of Object.entries(stored)) {
      this.marks[roomId] = Math.max(mark, this.marks[roomId] ?? 0)
    }
    writeStored(this.key, this.marks)
  }

  private setMark(roomId: number, seq: number): void {
    this.marks[roomId] = seq
    this.saveSoon()
  }

  private saveSoon(): void {
    this.timer ??= setTimeout(() => this.save(), SAVE_MS)
  }
}
