import { AbortedError } from './errors.js'
import type { Clock } from './types.js'

export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
  random: () => Math.random(),
}

/** One timer that is started, started anew and stopped; it leaves nothing behind. */
export class Timer {
  private handle: unknown = null

  constructor(private readonly clock: Clock) {}

  get isRunning(): boolean {
    return this.handle !== null
  }

  start(ms: number, run: () => void): void {
    this.stop()
    this.handle = this.clock.setTimeout(() => {
      this.handle = null
      run()
    }, ms)
  }

  stop(): void {
    if (this.handle !== null) this.clock.clearTimeout(this.handle)
    this.handle = null
  }
}

/** Rejects with AbortedError as soon as the signal says so. */
export function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = new Timer(clock)
    const onAbort = () => {
      timer.stop()
      reject(new AbortedError(signal.reason))
    }
    if (signal.aborted) return onAbort()
    timer.start(ms, () => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    })
    signal.addEventListener('abort', onAbort, { once: true })
  })
}

let names = 0

/** A name that no other message of this sender has, ever: so not by the clock of the options, which
 * may stand still. Neither crypto nor randomUUID is everywhere: Node 18 lacks the one, pages without
 * https the other. */
export function newClientId(): string {
  const crypto = (globalThis as { crypto?: Crypto }).crypto
  if (crypto?.randomUUID) return crypto.randomUUID()
  const part = () => Math.floor(Math.random() * 2 ** 32).toString(36)
  names++
  return `${Date.now().toString(36)}-${part()}${part()}-${names.toString(36)}`
}
