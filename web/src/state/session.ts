import { ApiError, BanterClient, SignedOutError, type User } from '@banter/client'
import { computed, signal } from '@preact/signals'
import { forgetDrafts } from './drafts'
import { readStored, writeStored } from './storage'
import { forgetUnsent } from './unsent'

/** Who is signed in. One's own id is told at registration, or when the connection is open. */
export interface Session {
  token: string
  username: string
  id: number | null
}

const KEY = 'banter.session'
const ENDED = 'Your session has ended. Please sign in again.'

function stored(): Session | null {
  const value = readStored(KEY) as Partial<Session> | null
  if (typeof value?.token !== 'string' || typeof value.username !== 'string') return null
  return { token: value.token, username: value.username, id: value.id ?? null }
}

export const session = signal<Session | null>(stored())
/** Why one has to sign in again, if that was not one's own wish. */
export const sessionNotice = signal<string | null>(null)

const token = computed(() => session.value?.token ?? null)
/** Of whoever is signed in; what makes it disposes of it (current.ts). */
export const client = computed(() =>
  token.value === null ? null : new BanterClient({ token: token.value }),
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

/** The answer of a call that needs a session; where there is none any more, it ends here, too. */
export async function answerOf<Value>(call: Promise<Value>): Promise<Value> {
  try {
    return await call
  } catch (error) {
    const isOver =
      error instanceof SignedOutError || (error instanceof ApiError && error.code === 'invalid_token')
    if (isOver) sessionOver()
    throw error
  }
}

export async function signIn(username: string, password: string, id: number | null = null) {
  const guest = new BanterClient()
  try {
    const fresh = await guest.login({ username, password })
    sessionNotice.value = null
    setSession({ token: fresh, username, id })
  } finally {
    guest.close()
  }
}

export async function signUp(username: string, email: string, password: string): Promise<void> {
  const guest = new BanterClient()
  try {
    const account = await guest.register({ username, email, password })
    await signIn(account.username, password, account.id)
  } finally {
    guest.close()
  }
}

/** The server says that the session is over. */
export function sessionOver(): void {
  if (!session.peek()) return
  sessionNotice.value = ENDED
  setSession(null)
}

function leave(notice: string | null): void {
  const me = session.peek()
  if (me) {
    forgetDrafts(me.username)
    forgetUnsent(me.username)
  }
  sessionNotice.value = notice
  setSession(null)
}

/** Ends the session here at once, and on the server if it can be reached. */
export async function signOut(): Promise<void> {
  const leaving = token.peek()
  leave(null)
  const guest = new BanterClient({ token: leaving })
  try {
    await guest.logout()
  } catch (error) {
    if (error instanceof SignedOutError) return
    sessionNotice.value =
      'You are signed out here, but the server could not be told: the session may live on there.'
  } finally {
    guest.close()
  }
}

export async function deleteAccount(): Promise<void> {
  const guest = new BanterClient({ token: token.peek() })
  try {
    await guest.deleteAccount()
  } finally {
    guest.close()
  }
  // The socket may have brought the end of the session before.
  leave('Your account is deleted.')
}

/** Signing in or out in one tab counts in all. */
export function followOtherTabs(): void {
  addEventListener('storage', (event) => {
    if (event.key === KEY || event.key === null) session.value = stored()
  })
}
