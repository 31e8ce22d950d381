import type { Client, Session } from '@banter/client'
import { signal } from '@preact/signals'
import { sentenceOf } from '../text/sentences'
import { answerOf, client } from './session'

/** One's own logins, the newest first; null until they are known. */
export const sessions = signal<readonly Session[] | null>(null)
export const sessionsError = signal<string | null>(null)

async function asked<Value>(call: (signedIn: Client) => Promise<Value>): Promise<Value> {
  const signedIn = client.peek()
  if (!signedIn) throw new Error('Please sign in first.')
  return answerOf(call(signedIn))
}

export async function loadSessions(): Promise<void> {
  const of = client.peek()
  try {
    const found = await asked((signedIn) => signedIn.listSessions())
    if (of !== client.peek()) return
    sessions.value = found
    sessionsError.value = null
  } catch (error) {
    if (of === client.peek()) sessionsError.value = sentenceOf(error)
  }
}

export function forgetSessions(): void {
  sessions.value = null
  sessionsError.value = null
}

/** Each of these shows what is left, whatever came of it. */
async function andLook<Value>(change: Promise<Value>): Promise<Value> {
  try {
    return await change
  } finally {
    await loadSessions()
  }
}

export function endSession(id: string): Promise<void> {
  return andLook(asked((signedIn) => signedIn.endSession(id)))
}

/** Gives how many have ended; as the next. */
export function endOtherSessions(): Promise<number> {
  return andLook(asked((signedIn) => signedIn.endOtherSessions()))
}

export function changePassword(current: string, next: string): Promise<number> {
  const passwords = { current_password: current, new_password: next }
  return andLook(asked((signedIn) => signedIn.changePassword(passwords)))
}
