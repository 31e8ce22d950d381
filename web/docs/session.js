/* The session of the API pages: a form that logs in or makes an account, once for both pages. The
 * chat's own session is another one, so that trying calls out never signs anybody out of the chat. */
import { copyFrom } from './copy.js'

const KEY = 'banter.docs.session'
const listeners = new Set()
const by = (id) => document.getElementById(id)

export function session() {
  try {
    return JSON.parse(localStorage.getItem(KEY))
  } catch {
    return null
  }
}

/** Calls fn with the session, or null, now and whenever that changes, in another tab as well. */
export function onSession(fn) {
  listeners.add(fn)
  fn(session())
}

/** The session is over, or another one: says so everywhere. */
export function setSession(next, message = '') {
  if (next) localStorage.setItem(KEY, JSON.stringify(next))
  else localStorage.removeItem(KEY)
  show(message)
}

function show(message) {
  const now = session()
  by('sign-in').hidden = now !== null
  by('signed-in').hidden = now === null
  by('who').textContent = now?.username ?? ''
  by('session-message').textContent = message
  for (const fn of listeners) fn(now)
}

async function post(path, body, token) {
  const answer = await fetch(path, {
    method: 'POST',
    headers: {
      'Content-Type': 'application/json',
      ...(token && { Authorization: `Bearer ${token}` }),
    },
    body: body && JSON.stringify(body),
  })
  const said = await answer.json()
  if (!answer.ok) throw new Error(said.message)
  return said
}

async function enter(form, isNew) {
  const { username, password, email } = Object.fromEntries(new FormData(form))
  if (isNew) await post('/api/register', { username, password, email })
  const { data } = await post('/api/login', { username, password })
  form.reset()
  setSession({ username, token: data.access_token }, 'Logged in.')
}

by('sign-in').addEventListener('submit', (event) => {
  event.preventDefault()
  by('session-message').textContent = 'One moment …'
  enter(event.target, event.submitter?.value === 'register').catch((error) => {
    by('session-message').textContent = error.message
  })
})

by('sign-out').addEventListener('click', async () => {
  const { token } = session() ?? {}
  // A session that has ended already is as good.
  await post('/api/logout', undefined, token).catch(() => {})
  setSession(null, 'Logged out.')
  by('sign-in').elements.username.focus()
})

by('copy-token').addEventListener('click', (event) => copyFrom(event.currentTarget, session()?.token))

addEventListener('storage', ({ key }) => {
  if (key === KEY) show('')
})
show('')
