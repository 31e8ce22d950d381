import { readStored, writeStored } from './storage'

/** A message that the server has not confirmed. */
export interface UnsentMessage {
  roomId: number
  clientId: string
  text: string
}

const keyOf = (username: string) => `banter.unsent.${username}`

/**
 * Messages without a confirmation, kept over a reload. They go out again under their client ids, so
 * one that was stored after all is not stored twice, not even from two tabs.
 */
export class Unsent {
  constructor(private readonly username: string) {}

  get all(): UnsentMessage[] {
    const stored = readStored(keyOf(this.username))
    return Array.isArray(stored) ? (stored as UnsentMessage[]) : []
  }

  add(message: UnsentMessage): void {
    this.write([...this.all.filter((each) => each.clientId !== message.clientId), message])
  }

  remove(clientId: string): void {
    this.write(this.all.filter((each) => each.clientId !== clientId))
  }

  private write(list: UnsentMessage[]): void {
    writeStored(keyOf(this.username), list.length === 0 ? null : list)
  }
}

export function forgetUnsent(username: string): void {
  writeStored(keyOf(username), null)
}
