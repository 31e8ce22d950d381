import { beforeEach, expect, test } from 'vitest'
import type { Frame } from '../src/live/frames'
import {
  endReasonOf,
  RoomSocket,
  type EndReason,
  type LinkState,
  type SocketLike,
} from '../src/live/room_socket'

/** The far end of a socket, in the test's hands. */
class FarEnd implements SocketLike {
  onmessage: ((event: { data: unknown }) => void) | null = null
  onclose: ((event: { code: number; reason: string }) => void) | null = null
  sent: unknown[] = []
  isClosed = false

  constructor(readonly address: string) {}

  send(data: string) {
    this.sent.push(JSON.parse(data))
  }
  close() {
    this.isClosed = true
  }
  say(frame: object) {
    this.onmessage?.({ data: JSON.stringify(frame) })
  }
  event(id: number) {
    this.say({ type: 'new_message', id, text: `text ${id}`, sender_id: 1, sender_username: 'a' })
  }
  goLive(epoch = 5) {
    this.say({ type: 'subscribed', room_id: 7, head: 0, epoch, recovered: true })
    this.say({ type: 'caught_up', seq: 0 })
  }
  drop(code = 1006, reason = '') {
    this.onclose?.({ code, reason })
  }
}

let ends: FarEnd[]
let states: LinkState[]
let ids: number[]
let frames: Frame[]
let reasons: EndReason[]
let timers: Map<number, { run: () => void; ms: number }>
let nextTimer: number

function make(since: number): RoomSocket {
  return new RoomSocket(
    {
      address: (from, epoch) => `since=${from} epoch=${epoch}`,
      open: (address) => {
        ends.push(new FarEnd(address))
        return end()
      },
      onState: (state) => states.push(state),
      onFrame: (frame) => {
        frames.push(frame)
        if (frame.kind === 'event') ids.push(frame.event.id)
      },
      onEnd: (reason) => reasons.push(reason),
      now: () => 1000,
      random: () => 1,
      setTimer: (run, ms) => {
        timers.set(++nextTimer, { run, ms })
        return nextTimer
      },
      clearTimer: (timer) => timers.delete(timer),
    },
    since,
  )
}

const end = (): FarEnd => ends[ends.length - 1] as FarEnd
const state = () => states[states.length - 1]?.name

/** Runs the one timer that is set. */
function elapse(): number {
  expect(timers.size).toBe(1)
  const [[key, timer]] = [...timers.entries()] as [[number, { run: () => void; ms: number }]]
  timers.delete(key)
  timer.run()
  return timer.ms
}

beforeEach(() => {
  ends = []
  states = []
  ids = []
  frames = []
  reasons = []
  timers = new Map()
  nextTimer = 0
})

test('connects, catches up, is live', () => {
  const socket = make(41)
  socket.connect()
  expect(end().address).toBe('since=41 epoch=null')
  expect(state()).toBe('connecting')
  end().say({ type: 'subscribed', room_id: 7, head: 43, epoch: 5, recovered: true })
  expect(state()).toBe('catching_up')
  end().event(42)
  end().event(43)
  end().say({ type: 'caught_up', seq: 43 })
  expect(state()).toBe('live')
  end().event(44)
  expect(ids).toEqual([42, 43, 44])
  expect(timers.size).toBe(0)
})

test('resumes after the last event, without gap or repeat', () => {
  const socket = make(0)
  socket.connect()
  end().goLive()
  end().event(1)
  end().event(2)
  end().drop()
  expect(state()).toBe('waiting')
  elapse()
  expect(end().address).toBe('since=2 epoch=5')
  end().say({ type: 'subscribed', room_id: 7, head: 3, epoch: 5, recovered: true })
  end().event(2)
  end().event(3)
  end().say({ type: 'caught_up', seq: 3 })
  expect(ids).toEqual([1, 2, 3])
  expect(socket.cursor).toBe(3)
})

test('a gap is never passed on: the socket is replaced', () => {
  const socket = make(0)
  socket.connect()
  end().goLive()
  end().event(1)
  const broken = end()
  broken.event(3)
  expect(broken.isClosed).toBe(true)
  expect(ids).toEqual([1])
  elapse()
  expect(end().address).toBe('since=1 epoch=5')
})

test('an unknown event moves the cursor; an unknown frame does not', () => {
  const socket = make(0)
  socket.connect()
  end().goLive()
  end().say({ type: 'something_new', id: 1 })
  end().say({ type: 'something_else' })
  end().event(2)
  expect(ids).toEqual([1, 2])
})

test('waits longer after each failure, and starts afresh once it was live', () => {
  const socket = make(0)
  socket.connect()
  const waits = [0, 1, 2].map(() => {
    end().drop(1013)
    return elapse()
  })
  expect(waits).toEqual([500, 1000, 2000])
  end().goLive()
  end().drop(1012)
  expect(elapse()).toBe(500)
})

test('a server that says nothing is given up', () => {
  make(0).connect()
  const silent = end()
  expect(elapse()).toBe(10_000)
  expect(silent.isClosed).toBe(true)
  expect(state()).toBe('waiting')
})

test('hurry ends the wait; on a socket it does nothing', () => {
  const socket = make(0)
  socket.connect()
  end().drop()
  socket.hurry()
  expect(ends.length).toBe(2)
  socket.hurry()
  expect(ends.length).toBe(2)
})

test('sends only when live', () => {
  const socket = make(0)
  socket.connect()
  expect(socket.send('a', 'hello')).toBe(false)
  end().goLive()
  expect(socket.send('a', 'hello')).toBe(true)
  expect(end().sent).toEqual([{ text: 'hello', client_id: 'a' }])
  end().drop()
  expect(socket.send('a', 'hello')).toBe(false)
})

test('close codes that are for good end it', () => {
  expect(endReasonOf(1008, 'Invalid token')).toBe('session')
  expect(endReasonOf(1008, 'Session ended')).toBe('session')
  expect(endReasonOf(1008, 'Removed from the room')).toBe('not_a_member')
  expect(endReasonOf(1008, 'Not a member of this room')).toBe('not_a_member')
  expect(endReasonOf(1008, 'Room not found')).toBe('room_gone')
  expect(endReasonOf(1008, 'Room removed')).toBe('room_gone')
  for (const code of [1000, 1001, 1006, 1009, 1011, 1012, 1013]) {
    expect(endReasonOf(code, '')).toBe(null)
  }
  const socket = make(0)
  socket.connect()
  end().drop(1008, 'Session ended')
  expect(reasons).toEqual(['session'])
  expect(timers.size).toBe(0)
  socket.connect()
  expect(ends.length).toBe(1)
})

test('a log that is another one is said so', () => {
  make(9).connect()
  end().say({ type: 'subscribed', room_id: 7, head: 2, epoch: 6, recovered: false, reason: 'epoch' })
  expect(reasons).toEqual(['log_changed'])
  expect(end().isClosed).toBe(true)
})

test('a socket that was replaced is not listened to', () => {
  const socket = make(0)
  socket.connect()
  const old = end()
  old.goLive()
  const listener = old.onmessage
  socket.restart()
  listener?.({ data: JSON.stringify({ type: 'new_message', id: 1 }) })
  expect(ids).toEqual([])
})
