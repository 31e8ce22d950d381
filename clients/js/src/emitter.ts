import type { Listener, Unlisten } from './types.js'

/** What a listener throws is the program's own fault: it is told as such, and nobody else misses
 * the event. */
function report(error: unknown): void {
  queueMicrotask(() => {
    throw error
  })
}

export class Emitter<Events extends object> {
  private readonly listeners = new Map<keyof Events, Set<Listener<never>>>()

  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): Unlisten {
    const all = this.listeners.get(name) ?? new Set()
    this.listeners.set(name, all)
    // Its own function, so that the same listener may be added twice.
    const own: Listener<never> = (value) => listener(value)
    all.add(own)
    return () => void all.delete(own)
  }

  emit<Name extends keyof Events>(name: Name, value: Events[Name]): void {
    for (const listener of [...(this.listeners.get(name) ?? [])]) {
      try {
        ;(listener as Listener<Events[Name]>)(value)
      } catch (error) {
        report(error)
      }
    }
  }

  clear(): void {
    this.listeners.clear()
  }
}
