/**
 * One's own messages that are not in the log yet. The client keeps sending them until the server has
 * said where they are; here is what of them is to be shown.
 *
 *   waiting ◀──▶ sending ──▶ sent ──its event arrives──▶ (gone: it is in the log)
 *                   └─────▶ failed ──again──▶ waiting
 *
 * A message keeps its client id through all tries, so the server stores it once.
 */
export type SendState = 'waiting' | 'sending' | 'sent' | 'failed'

export interface Outgoing {
  readonly clientId: string
  readonly text: string
  state: SendState
  /** Why it failed, for people. */
  error: string | null
  /** It failed without a word on whether it is stored: its event may still arrive. */
  isUncertain: boolean
  /** Its number in the log, once acknowledged. */
  id: number | null
  /** The number of an event that looks like it, until the acknowledgement tells. */
  echo: number | null
}

export class Outbox {
  private list: Outgoing[] = []

  /** What is to be shown: not what the log shows already. */
  get visible(): readonly Outgoing[] {
    return this.list.filter((entry) => entry.echo === null)
  }

  textOf(clientId: string): string | null {
    return this.find(clientId)?.text ?? null
  }

  /** A new message, or an old one that is tried again. */
  add(clientId: string, text: string): void {
    const known = this.find(clientId)
    if (known) {
      known.state = 'waiting'
      known.error = null
      known.isUncertain = false
      return
    }
    this.list.push({
      clientId,
      text,
      state: 'waiting',
      error: null,
      isUncertain: false,
      id: null,
      echo: null,
    })
  }

  moved(clientId: string, state: 'waiting' | 'sending'): void {
    const entry = this.find(clientId)
    if (entry && entry.state !== 'sent') entry.state = state
  }

  /** Stored as this event of the log, which may be here already. */
  stored(clientId: string, id: number, isInLog: boolean): void {
    const entry = this.find(clientId)
    if (!entry) return
    if (isInLog) return this.discard(clientId)
    entry.state = 'sent'
    entry.error = null
    entry.id = id
    entry.echo = null
  }

  /** The log was read up to this event: what is stored up to there needs no row of its own. */
  logReaches(lastId: number): void {
    this.list = this.list.filter((entry) => entry.id === null || entry.id > lastId)
  }

  failed(clientId: string, sentence: string, isUncertain: boolean): void {
    const entry = this.find(clientId)
    if (!entry || entry.state === 'sent') return
    entry.state = 'failed'
    entry.error = sentence
    entry.isUncertain = isUncertain
    entry.echo = null
  }

  /** An event of one's own came in: most likely the oldest unacknowledged message of this text. */
  arrived(id: number, text: string): void {
    const known = this.list.find((entry) => entry.id === id)
    if (known) return this.discard(known.clientId)
    const alike = this.list.find(
      (entry) =>
        entry.text === text &&
        entry.id === null &&
        entry.echo === null &&
        (entry.state !== 'failed' || entry.isUncertain),
    )
    if (alike?.state === 'failed') this.discard(alike.clientId)
    else if (alike) alike.echo = id
  }

  discard(clientId: string): void {
    this.list = this.list.filter((entry) => entry.clientId !== clientId)
  }

  private find(clientId: string): Outgoing | undefined {
    return this.list.find((entry) => entry.clientId === clientId)
  }
}
