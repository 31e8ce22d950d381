import { batch, signal } from '@preact/signals'
import { sentenceOf } from '../text/sentences'
import type { Entry } from './event'
import { RoomLog } from './log'

export type Wanted = { before: number } | { after: number } | Record<string, never>

export interface HistoryPage {
  /** Oldest first. */
  events: Entry[]
  /** There is nothing beyond it, on the side on which it was asked for. */
  isLast: boolean
}

export type FetchPage = (wanted: Wanted) => Promise<HistoryPage>

/**
 * The part of a room's history that is here: it grows at both ends by pages from the server, and by
 * what happens. What happens while a page that reaches to the end is under way is added after it.
 */
export class History {
  readonly log = new RoomLog()
  /** The log is mutable, so that a thousand events cost a thousand steps; who shows it reads the
   * version to hear of changes. */
  readonly version = signal(0)
  readonly busy = signal<'older' | 'newer' | 'other' | null>(null)
  readonly trouble = signal<string | null>(null)

  private run = 0
  private arrivals: Entry[] = []

  constructor(private readonly fetchPage: FetchPage) {}

  /** Begins anew with the newest page; throws what went wrong. Gives the id of its last message. */
  async loadNewest(): Promise<number | null> {
    const run = this.begin('other')
    try {
      const page = await this.fetchPage({})
      if (run !== this.run) return null
      this.log.replace(page.events, { hasEnd: true, hasBeginning: page.isLast })
      this.addArrivals()
      return page.events[page.events.length - 1]?.id ?? 0
    } finally {
      this.end(run)
    }
  }

  /** The same for whoever reads already: what went wrong is shown. */
  async toNewest(): Promise<void> {
    try {
      await this.loadNewest()
    } catch (error) {
      this.trouble.value = sentenceOf(error)
    }
  }

  async loadOlder(): Promise<void> {
    const { firstId, hasBeginning } = this.log
    if (hasBeginning || firstId === null) return
    await this.extend('older', { before: firstId }, (page) =>
      this.log.prepend(page.events, page.isLast),
    )
  }

  async loadNewer(): Promise<void> {
    if (this.log.hasEnd) return
    await this.extend('newer', { after: this.log.lastId }, (page) => {
      this.log.append(page.events, page.isLast)
      if (page.isLast) this.addArrivals()
    })
  }

  /** Makes sure that the surroundings of a message are here. */
  async loadAround(id: number): Promise<void> {
    if (this.log.has(id)) return
    const run = this.begin('other')
    try {
      const [before, after] = await Promise.all([
        this.fetchPage({ before: id + 1 }),
        this.fetchPage({ after: id }),
      ])
      if (run !== this.run) return
      const bounds = { hasEnd: after.isLast, hasBeginning: before.isLast }
      this.log.replace([...before.events, ...after.events], bounds)
      if (after.isLast) this.addArrivals()
    } catch (error) {
      if (run === this.run) this.trouble.value = sentenceOf(error)
    } finally {
      this.end(run)
    }
  }

  /** An event of the end of the log; each once, in order. */
  arrived(event: Entry): void {
    if (this.busy.peek() !== null) this.arrivals.push(event)
    if (!this.log.hasEnd || !this.log.add(event)) return
    this.version.value++
  }

  clear(): void {
    this.run++
    this.log.clear()
    this.arrivals = []
    this.version.value++
  }

  private async extend(
    side: 'older' | 'newer',
    wanted: Wanted,
    take: (page: HistoryPage) => void,
  ): Promise<void> {
    if (this.busy.peek() !== null) return
    const run = this.begin(side)
    try {
      const page = await this.fetchPage(wanted)
      if (run === this.run) take(page)
    } catch (error) {
      if (run === this.run) this.trouble.value = sentenceOf(error)
    } finally {
      this.end(run)
    }
  }

  private begin(side: 'older' | 'newer' | 'other'): number {
    this.run++
    this.arrivals = []
    batch(() => {
      this.busy.value = side
      this.trouble.value = null
    })
    return this.run
  }

  private end(run: number): void {
    if (run !== this.run) return
    batch(() => {
      this.busy.value = null
      this.version.value++
    })
  }

  private addArrivals(): void {
    for (const event of this.arrivals) this.log.add(event)
    this.arrivals = []
  }
}
