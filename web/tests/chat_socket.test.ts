import { beforeEach, expect, test } from 'vitest'
import {
  ChatSocket,
  type LinkState,
  type RoomListener,
  type SocketLike,
} from '../src/live/chat_socket'
import { roomEndOf, verdictOf } from '../src/live/closing'
import type { Frame } from '../src/live/frames'

/** The far end of a socket, in the test's hands. */
class FarEnd implements SocketLike {
  onmessage: ((event: { data: unknown }) => void) | null = null
  onclose: ((event: { code: number }) => void) | null = null
  sent: any[] = []
  isClosed = false

  send(data: string) {
    const frame = JSON.parse(data)
    if (frame.type !== 'ping') this.sent.push(frame)
  }
  close() {
    this.isClosed = true
  }
  say(frame: object) {
    this.onmessage?.({ data: JSON.stringify(frame) })
  }
  hello(rooms = 500) {
    this.say({ type: 'hello', heartbeat_ms: 25_000, limits: { rooms } })
  }
  subscribed(room_id: number, head: number, more: object = {}) {
    this.say({ type: 'subscribed', room_id, head, epoch: 5, ...more })
  }
  event(room_id: number, id: number) {
    this.say({ type: 'new_message', room_id, id, text: `text ${id}`, sender_id: 1, sender_username: 'a' })
  }
  /** Answers to subscribe with since. */
  resumed(room_id: number, since: number, head = since) {
    this.subscribed(room_id, head, { recovered: true })
    for (let id = since + 1; id <= head; id++) this.event(room_id, id)
    this.say({ type: 'caught_up', room_id, seq: head })
  }
  drop(code = 1006) {
    this.onclose?.({ code })
  }
}

class Listener implements RoomListener {
  states: LinkState[] = []
  frames: Frame[] = []
  changes = 0

  onState(state: LinkState) {
    this.states.push(state)
  }
  onFrame(frame: Frame) {
    this.frames.push(frame)
  }
  onLogChanged() {
    this.changes++
  }
  get state() {
    return this.states[this.states.length - 1]?.name
  }
  get ids() {
    return this.frames.flatMap((frame) => (frame.kind === 'event' ? [frame.event.id] : []))
  }
}

let ends: FarEnd[]
let log: string[]
let timers: Map<number, { run: () => void; ms: number }>
let nextTimer: number
let chat: ChatSocket

const end = (): FarEnd => ends[ends.length - 1] as FarEnd

/** Runs the one timer that is set. */
function elapse(): number {
  expect(timers.size).toBe(1)
  const [[key, timer]] = [...timers.entries()] as [[number, { run: () => void; ms: number }]]
  timers.delete(key)
  timer.run()
  return timer.ms
}

function listenTo(roomId: number): Listener {
  const listener = new Listener()
  chat.listen(roomId, listener)
  return listener
}

beforeEach(() => {
  ends = []
  log = []
  timers = new Map()
  nextTimer = 0
  chat = new ChatSocket({
    address: 'here',
    open: () => {
      ends.push(new FarEnd())
      return end()
    },
    onHead: (roomId, head) => log.push(`${roomId} at ${head}`),
    onRoomEnd: (roomId, reason) => log.push(`${roomId} ${reason}`),
    onSessionEnd: () => log.push('signed out'),
    now: () => 1000,
    random: () => 1,
    setTimer: (run, ms) => {
      timers.set(++nextTimer, { run, ms })
      return nextTimer
    },
    clearTimer: (timer) => timers.delete(timer),
  })
  chat.connect()
})

test('a room with since: connects, catches up, is live', () => {
  const seven = listenTo(7)
  chat.hearFrom(7, 41)
  expect(seven.state).toBe('connecting')
  expect(end().sent).toEqual([])
  end().hello()
  expect(end().sent).toEqual([{ type: 'subscribe', room_id: 7, since: 41 }])
  end().subscribed(7, 43, { recovered: true })
  expect(seven.state).toBe('catching_up')
  end().event(7, 42)
  end().event(7, 43)
  end().say({ type: 'caught_up', room_id: 7, seq: 43 })
  expect(seven.state).toBe('live')
  end().event(7, 44)
  expect(seven.ids).toEqual([42, 43, 44])
})

test('a room without since begins at its head, and tells it', () => {
  chat.hear(7)
  end().hello()
  expect(end().sent).toEqual([{ type: 'subscribe', room_id: 7 }])
  end().subscribed(7, 30)
  end().event(7, 31)
  expect(log).toEqual(['7 at 30', '7 at 31'])
  expect(chat.positionOf(7)).toBe(31)
  chat.hear(7)
  expect(end().sent.length).toBe(1)
})

test('all rooms go on where they were, each once, on the next socket', () => {
  const [seven, eight] = [listenTo(7), listenTo(8)]
  chat.hearFrom(7, 0)
  chat.hear(8)
  end().hello()
  end().resumed(7, 0, 2)
  end().subscribed(8, 9)
  end().drop()
  expect([seven.state, eight.state]).toEqual(['waiting', 'waiting'])
  elapse()
  end().hello()
  expect(end().sent).toEqual([
    { type: 'subscribe', room_id: 7, since: 2, epoch: 5 },
    { type: 'subscribe', room_id: 8, since: 9, epoch: 5 },
  ])
  end().resumed(8, 9, 10)
  end().resumed(7, 2, 3)
  expect([seven.ids, eight.ids]).toEqual([[1, 2, 3], [10]])
})

test('a gap is never passed on: the socket is replaced', () => {
  const seven = listenTo(7)
  chat.hearFrom(7, 0)
  end().hello()
  end().resumed(7, 0, 1)
  const broken = end()
  broken.event(7, 3)
  expect(broken.isClosed).toBe(true)
  expect(seven.ids).toEqual([1])
  elapse()
  end().hello()
  expect(end().sent).toEqual([{ type: 'subscribe', room_id: 7, since: 1, epoch: 5 }])
})

test('an unknown event moves the cursor; an unknown frame, and a repeat, do not', () => {
  const seven = listenTo(7)
  chat.hearFrom(7, 0)
  end().hello()
  end().resumed(7, 0)
  end().say({ type: 'something_new', room_id: 7, id: 1 })
  end().say({ type: 'something_else', room_id: 7 })
  end().event(7, 1)
  end().event(7, 2)
  end().event(99, 1)
  expect(seven.ids).toEqual([1, 2])
})

test('a room that is heard without since is asked for anew with it', () => {
  const seven = listenTo(7)
  chat.hear(7)
  end().hello()
  chat.hearFrom(7, 3)
  expect(end().sent).toEqual([
    { type: 'subscribe', room_id: 7 },
    { type: 'unsubscribe', room_id: 7 },
    { type: 'subscribe', room_id: 7, since: 3 },
  ])
  end().subscribed(7, 5)
  end().event(7, 6)
  end().say({ type: 'unsubscribed', room_id: 7 })
  end().resumed(7, 3, 6)
  expect(seven.ids).toEqual([4, 5, 6])
  expect(log.filter((line) => line.includes('member'))).toEqual([])
})

test('waits longer after each failure, and starts afresh once a room was live', () => {
  chat.hearFrom(7, 0)
  const waits = [0, 1, 2].map(() => {
    end().drop(1013)
    return elapse()
  })
  expect(waits).toEqual([500, 1000, 2000])
  end().hello()
  end().resumed(7, 0)
  end().drop(1006)
  expect(elapse()).toBe(500)
})

test('waits for as long as bye says', () => {
  const seven = listenTo(7)
  chat.hearFrom(7, 0)
  end().hello()
  end().resumed(7, 0)
  end().say({ type: 'bye', code: 1012, reason: 'Server restarting', reconnect: true, after_ms: 1830 })
  end().drop(1012)
  expect(seven.states[seven.states.length - 1]).toEqual({ name: 'waiting', retryAt: 1000 + 2330 })
  expect(elapse()).toBe(2330)
  end().drop()
  expect(elapse()).toBe(1000)
})

test('a server that says nothing is given up, before hello and after', () => {
  const silent = end()
  expect(elapse()).toBe(10_000)
  expect(silent.isClosed).toBe(true)
  elapse()
  end().hello()
  end().say({ type: 'pong' })
  expect(elapse()).toBe(25_000)
  expect(end().isClosed).toBe(false)
  expect(elapse()).toBe(25_000)
  expect(end().isClosed).toBe(true)
})

test('hurry ends the wait; on a socket it does nothing', () => {
  end().drop()
  chat.hurry()
  expect(ends.length).toBe(2)
  chat.hurry()
  expect(ends.length).toBe(2)
})

test('sends and types only in a room that is live', () => {
  chat.hearFrom(7, 0)
  end().hello()
  expect(chat.send(7, 'a', 'hello')).toBe(false)
  end().resumed(7, 0)
  expect(chat.send(7, 'a', 'hello')).toBe(true)
  chat.typing(7)
  expect(chat.send(8, 'b', 'hello')).toBe(false)
  chat.typing(8)
  expect(end().sent.slice(1)).toEqual([
    { type: 'message', room_id: 7, text: 'hello', client_id: 'a' },
    { type: 'typing', room_id: 7 },
  ])
  end().drop()
  expect(chat.send(7, 'a', 'hello')).toBe(false)
})

test('one room ends alone', () => {
  const seven = listenTo(7)
  chat.hearFrom(7, 0)
  chat.hearFrom(8, 0)
  chat.hearFrom(9, 0)
  end().hello()
  end().resumed(7, 0)
  end().say({ type: 'unsubscribed', room_id: 7, code: 4003, reason: 'Removed from the room' })
  end().say({ type: 'error', room_id: 8, code: 'room_not_found', message: 'No.' })
  end().resumed(9, 0)
  expect(log).toEqual(['7 at 0', '7 not_a_member', '8 room_gone', '9 at 0'])
  expect(end().isClosed).toBe(false)
  expect(seven.frames).toEqual([])
  end().drop()
  elapse()
  end().hello()
  expect(end().sent).toEqual([{ type: 'subscribe', room_id: 9, since: 0, epoch: 5 }])
})

test('a room that cannot be had now is asked for again, later', () => {
  chat.hearFrom(7, 0)
  end().hello()
  end().say({ type: 'error', room_id: 7, code: 'overloaded', message: 'Busy.', temporary: true })
  expect(elapse()).toBe(500)
  end().hello()
  end().say({ type: 'error', room_id: 7, code: 'overloaded', message: 'Busy.', temporary: true })
  expect(elapse()).toBe(1000)
})

test('errors about a message are for who shows the room', () => {
  const seven = listenTo(7)
  chat.hearFrom(7, 0)
  end().hello()
  end().resumed(7, 0)
  end().say({ type: 'error', room_id: 7, client_id: 'a', code: 'not_a_member', message: 'No.' })
  expect(seven.frames).toMatchObject([{ kind: 'error', clientId: 'a' }])
  expect(log).toEqual(['7 at 0'])
})

test('no more rooms than the server takes, those that are shown first', () => {
  for (const id of [1, 2, 3]) chat.hear(id)
  listenTo(3)
  end().hello(2)
  expect(end().sent.map((frame) => frame.room_id)).toEqual([3, 1])
})

test('a log that is another one is told, and heard from its head on', () => {
  const seven = listenTo(7)
  chat.hearFrom(7, 9)
  end().hello()
  end().subscribed(7, 2, { recovered: false, reason: 'since_beyond_head', epoch: 6 })
  expect(seven.changes).toBe(1)
  end().event(7, 3)
  expect(seven.ids).toEqual([3])
  expect(chat.positionOf(7)).toBe(3)
})

test('a log that was restored is begun again without since', () => {
  const seven = listenTo(7)
  chat.hearFrom(7, 9)
  end().hello()
  end().resumed(7, 9)
  end().drop(4012)
  expect(seven.changes).toBe(1)
  elapse()
  end().hello()
  expect(end().sent).toEqual([{ type: 'subscribe', room_id: 7 }])
})

test('a session that ends signs out, for good', () => {
  for (const code of [4001, 1008]) expect(verdictOf(code)).toBe('sign_out')
  end().hello()
  end().drop(4001)
  expect(log).toEqual(['signed out'])
  expect(timers.size).toBe(0)
  chat.connect()
  chat.hurry()
  expect(ends.length).toBe(1)
})

test('every other close is come back from', () => {
  for (const code of [1000, 1001, 1006, 1009, 1011, 1012, 1013, 4010]) {
    expect(verdictOf(code)).toBe('reconnect')
  }
  expect(verdictOf(4012)).toBe('log_restored')
  expect(roomEndOf(4003)).toBe('not_a_member')
  expect(roomEndOf(4004)).toBe('room_gone')
  expect(roomEndOf(1011)).toBe(null)
})

test('a socket that was replaced is not listened to', () => {
  const seven = listenTo(7)
  chat.hearFrom(7, 0)
  const old = end()
  old.hello()
  old.resumed(7, 0)
  const listener = old.onmessage
  chat.restart()
  listener?.({ data: JSON.stringify({ type: 'new_message', room_id: 7, id: 1 }) })
  expect(seven.ids).toEqual([])
})
