import { signal } from '@preact/signals'

/** A note stands so long unless it is repeated: people stop without saying so. */
const SHOWN_MS = 4_000

/** Who is writing in a room just now. */
export class Typists {
  readonly names = signal<readonly string[]>([])
  private readonly list = new Map<number, { name: string; timer: ReturnType<typeof setTimeout> }>()

  wrote(id: number, name: string): void {
    clearTimeout(this.list.get(id)?.timer)
    this.list.set(id, { name, timer: setTimeout(() => this.stopped(id), SHOWN_MS) })
    this.update()
  }

  stopped(id: number): void {
    const known = this.list.get(id)
    if (!known) return
    clearTimeout(known.timer)
    this.list.delete(id)
    this.update()
  }

  clear(): void {
    for (const id of [...this.list.keys()]) this.stopped(id)
  }

  private update(): void {
    this.names.value = [...this.list.values()].map((typist) => typist.name)
  }
}

/** What is said of them, or nothing. */
export function sentenceOfTypists(names: readonly string[]): string {
  const [first, second] = names
  if (first === undefined) return ''
  if (second === undefined) return `${first} is writing …`
  return names.length === 2 ? `${first} and ${second} are writing …` : 'Several people are writing …'
}
