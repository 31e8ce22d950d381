/* The page of the live protocol: frames to copy, and a console that speaks it. */
import { copyFrom } from './copy.js'
import { onSession, session } from './session.js'

const LOG_MAX = 200
const connect = document.getElementById('connect')
const send = document.getElementById('send')
const disconnect = document.getElementById('disconnect')
const state = document.getElementById('state')
const log = document.getElementById('log')
const { address, room, since } = connect.elements
/* What is open: { send, close }, send null where one can only listen. */
let line = null

for (const frame of document.querySelectorAll('[data-frame]')) {
  frame.querySelector('.copy').addEventListener('click', (event) =>
    copyFrom(event.currentTarget, frame.querySelector('code').textContent),
  )
  frame.querySelector('.use')?.addEventListener('click', () => {
    send.elements.frame.value = frame.querySelector('code').textContent
    send.elements.frame.focus()
  })
}

function write(kind, text) {
  const entry = document.createElement('li')
  entry.className = kind
  const label = document.createElement('span')
  label.textContent = { out: 'sent', in: 'received', note: '' }[kind]
  const code = document.createElement('code')
  code.textContent = text
  entry.append(label, code)
  log.append(entry)
  while (log.childElementCount > LOG_MAX) log.firstElementChild.remove()
  log.scrollTop = log.scrollHeight
}

function show(text) {
  state.textContent = text
  const isOpen = line !== null
  connect.querySelector('[type=submit]').disabled = isOpen
  address.disabled = room.disabled = since.disabled = isOpen
  disconnect.disabled = !isOpen
  send.querySelector('[type=submit]').disabled = !line?.send
}

function ended(which, text) {
  if (line !== which) return
  line = null
  write('note', text)
  show('Not connected')
}

function openSocket(url, token) {
  const socket = new WebSocket(url, ['banter.v1', `banter.token.${token}`])
  const mine = { send: null, close: () => socket.close(1000) }
  socket.onopen = () => {
    mine.send = (text) => socket.send(text)
    show('Connected')
  }
  socket.onmessage = ({ data }) => write('in', data)
  socket.onclose = ({ code, reason }) => ended(mine, `closed: ${code} ${reason}`)
  return mine
}

function openStream(url) {
  const source = new EventSource(url)
  const mine = {
    send: null,
    close: () => {
      source.close()
      ended(mine, 'closed')
    },
  }
  source.onopen = () => show('Connected, to listen only')
  source.onmessage = ({ data }) => write('in', data)
  source.onerror = () => {
    source.close()
    ended(mine, 'ended by the server, or not taken: the token and the room are checked before')
  }
  return mine
}

connect.addEventListener('submit', (event) => {
  event.preventDefault()
  const now = session()
  if (!now) {
    state.textContent = 'Log in first'
    return
  }
  const url = new URL(address.value.replace('ROOM', room.value), location.href)
  const isStream = url.pathname.startsWith('/api/')
  if (address.value.includes('ROOM') && since.value !== '') url.searchParams.set('since', since.value)
  write('note', `${url.pathname}${url.search}`)
  if (isStream) url.searchParams.set('token', now.token) // an EventSource has no other way
  else url.protocol = url.protocol.replace('http', 'ws')
  line = isStream ? openStream(url) : openSocket(url, now.token)
  show('Connecting …')
})

disconnect.addEventListener('click', () => line?.close())

send.addEventListener('submit', (event) => {
  event.preventDefault()
  const text = send.elements.frame.value
  if (!line?.send) return
  line.send(text)
  write('out', text)
})

/* Enter sends, as in a chat; a frame seldom has more than one line. */
send.elements.frame.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
  event.preventDefault()
  send.requestSubmit()
})

address.addEventListener('change', () => {
  for (const label of connect.querySelectorAll('[data-room]')) {
    label.hidden = !address.value.includes('ROOM')
  }
})

let token = session()?.token
onSession((now) => {
  if (now?.token !== token) line?.close()
  token = now?.token
})
address.dispatchEvent(new Event('change'))
show('Not connected')
