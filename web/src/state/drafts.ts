import { readStored, writeStored } from './storage'

/** What was begun in each room and not sent: it is there after a reload, for the same person only. */
const keyOf = (username: string) => `banter.drafts.${username}`

type Texts = Record<string, string>

const textsOf = (username: string): Texts => (readStored(keyOf(username)) as Texts | null) ?? {}

export function draftOf(username: string, roomId: number): string {
  const text: unknown = textsOf(username)[roomId]
  return typeof text === 'string' ? text : ''
}

export function keepDraft(username: string, roomId: number, text: string): void {
  const texts = textsOf(username)
  if (text === '') delete texts[roomId]
  else texts[roomId] = text
  writeStored(keyOf(username), Object.keys(texts).length === 0 ? null : texts)
}

/** Whoever signs out leaves nothing unsent behind for who uses the browser next. */
export function forgetDrafts(username: string): void {
  writeStored(keyOf(username), null)
}
