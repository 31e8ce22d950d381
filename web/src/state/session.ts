import { computed, signal } from '@preact/signals'
import { Client, login, register } from '../api/client'
import type { User } from '../api/types'
import { readStored, writeStored } from './storage'

/** Who is signed in. The API tells one's own id only at registration: null until it is seen. */
export interface Session {
  token: string
  username: string
  id: number | null
}

const KEY = 'banter.session'

function stored(): Session | null {
  const value = readStored(KEY) as Partial<Session> | null
  if (typeof value?.token !== 'string' || typeof value.username !== 'string') return null
  return { token: value.token, username: value.username, id: value.id ?? null }
}

export const session = signal<Session | null>(stored())
/** Why one has to sign in again, if that was not one's own wish. */
export const sessionNotice = signal<string | null>(null)

const token = computed(() => session.value?.token ?? null)
export const client = computed(() =>
  token.value === null
    ? null
    : new Client(token.value, () => endSession('Your session has ended. Please sign in again.')),
)

function setSession(next: Session | null): void {
  writeStored(KEY, next)
  session.value = next
}

/** User names are the same whatever their letter case, as on the server. */
function folded(name: string): string {
  return name.normalize('NFC').toLowerCase()
}

export function isMe(user: { id: number; username: string | null }): boolean {
  const me = session.value
  if (!me) return false
  if (me.id !== null) return me.id === user.id
  return user.username !== null && folded(me.username) === folded(user.username)
}

/** Learns one's own id from a list that one is in. */
export function recognise(users: readonly User[]): void {
  const me = session.peek()
  if (!me || me.id !== null) return
  const self = users.find((user) => folded(user.username) === folded(me.username))
  if (self) setSession({ ...me, id: self.id, username: self.username })
}

export async function signIn(username: string, password: string, id: number | null = null) {
  const fresh = await login(username, password)
  sessionNotice.value = null
  setSession({ token: fresh, username, id })
}

export async function signUp(username: string, email: string, password: string): Promise<void> {
  const account = await register(username, email, password)
  await signIn(account.username, password, account.id)
}

export function endSession(notice: string | null): void {
  if (!session.peek()) return
  sessionNotice.value = notice
  setSession(null)
}

/** Ends the session here at once, and on the server if it can be reached. */
export async function signOut(): Promise<void> {
  const leaving = client.peek()
  endSession(null)
  try {
    await leaving?.logout()
  } catch {
    sessionNotice.value =
      'You are signed out here, but the server could not be told: the session may live on there.'
  }
}

export async function deleteAccount(): Promise<void> {
  await client.peek()?.deleteAccount()
  // The socket may have brought the end of the session before.
  setSession(null)
  sessionNotice.value = 'Your account is deleted.'
}

/** Signing in or out in one tab counts in all. */
export function followOtherTabs(): void {
  addEventListener('storage', (event) => {
    if (event.key === KEY || event.key === null) session.value = stored()
  })
}
