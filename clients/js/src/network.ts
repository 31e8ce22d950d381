interface Target {
  addEventListener(name: string, listener: () => void): void
  removeEventListener(name: string, listener: () => void): void
}

interface Surroundings extends Partial<Target> {
  navigator?: { onLine?: boolean }
  document?: Target & { visibilityState?: string }
}

/**
 * What a browser says about the network and the page. It is a hint only: "online" means that there
 * is some network, and "offline" does not concern a server on the same machine. Elsewhere: nothing.
 */
export class Network {
  private isWatching = false

  constructor(
    private readonly onBack: () => void,
    private readonly onDoubt: () => void,
    private readonly around: Surroundings = globalThis as unknown as Surroundings,
  ) {}

  get isOffline(): boolean {
    return this.around.navigator?.onLine === false
  }

  watch(): void {
    if (this.isWatching || !this.around.addEventListener) return
    this.isWatching = true
    this.around.addEventListener('online', this.onBack)
    this.around.addEventListener('offline', this.onDoubt)
    // A page that comes back from the background may have slept through its timers.
    this.around.document?.addEventListener('visibilitychange', this.onVisible)
  }

  unwatch(): void {
    if (!this.isWatching || !this.around.removeEventListener) return
    this.isWatching = false
    this.around.removeEventListener('online', this.onBack)
    this.around.removeEventListener('offline', this.onDoubt)
    this.around.document?.removeEventListener('visibilitychange', this.onVisible)
  }

  private readonly onVisible = () => {
    if (this.around.document?.visibilityState === 'visible') this.onBack()
  }
}
