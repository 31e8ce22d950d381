/**
 * Messages on their way out.
 *
 *   waiting ──transmit──▶ sending ──ack──▶ sent ──its event arrives──▶ (gone: it is in the log)
 *      ▲                     │ error, timeout
 *      └──retry── failed ◀───┘            connection lost: sending ──▶ waiting
 *
 * A message keeps its client_id through all tries, so the server stores it once.
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
  sentAt: number
}

export class Outbox {
  private list: Outgoing[] = []

  /** What is to be shown: not what the log shows already. */
  get visible(): readonly Outgoing[] {
    return this.list.filter((entry) => entry.echo === null)
  }

  get isEmpty(): boolean {
    return this.list.length === 0
  }

  add(clientId: string, text: string): void {
    this.list.push({
      clientId,
      text,
      state: 'waiting',
      error: null,
      isUncertain: false,
      id: null,
      echo: null,
      sentAt: 0,
    })
  }

  /** Hands what waits to transmit, in order, until it says that it cannot. */
  flush(now: number, transmit: (clientId: string, text: string) => boolean): void {
    for (const entry of this.list) {
      if (entry.state !== 'waiting') continue
      if (!transmit(entry.clientId, entry.text)) return
      entry.state = 'sending'
      entry.sentAt = now
    }
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
        (entry.state === 'sending' || entry.state === 'waiting' || entry.isUncertain),
    )
    if (alike?.state === 'failed') this.discard(alike.clientId)
    else if (alike) alike.echo = id
  }

  acknowledged(clientId: string, id: number, isInLog: boolean): void {
    const entry = this.find(clientId)
    if (!entry) return
    if (isInLog) return this.discard(clientId)
    entry.state = 'sent'
    entry.error = null
    entry.id = id
    entry.echo = null
  }

  failed(clientId: string, sentence: string, isUncertain: boolean): void {
    const entry = this.find(clientId)
    if (!entry || entry.state === 'sent') return
    entry.state = 'failed'
    entry.error = sentence
    entry.isUncertain = isUncertain
    entry.echo = null
  }

  retry(clientId: string): void {
    const entry = this.find(clientId)
    if (entry?.state !== 'failed') return
    entry.state = 'waiting'
    entry.error = null
    entry.isUncertain = false
  }

  discard(clientId: string): void {
    this.list = this.list.filter((entry) => entry.clientId !== clientId)
  }

  /** The socket is gone: what it carried without an answer goes out again on the next. */
  connectionLost(): void {
    for (const entry of this.list) if (entry.state === 'sending') entry.state = 'waiting'
  }

  /** Fails what has had no answer for timeoutMs; true if there was any. */
  expire(now: number, timeoutMs: number, sentence: string): boolean {
    const late = this.list.filter(
      (entry) => entry.state === 'sending' && now - entry.sentAt >= timeoutMs,
    )
    for (const entry of late) this.failed(entry.clientId, sentence, true)
    return late.length > 0
  }

  private find(clientId: string): Outgoing | undefined {
    return this.list.find((entry) => entry.clientId === clientId)
  }
}
