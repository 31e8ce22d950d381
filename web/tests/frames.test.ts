import { expect, test } from 'vitest'
import { parseFrame } from '../src/live/frames'

const parse = (value: unknown) => parseFrame(JSON.stringify(value))

test('a message is an event with a text', () => {
  const frame = parse({
    type: 'new_message',
    id: 4,
    text: '<b>hi</b>',
    sender_id: 1,
    sender_username: null,
    room_id: 7,
    created_at: '2026-01-02T03:05:14.218733Z',
  })
  expect(frame).toEqual({
    kind: 'event',
    roomId: 7,
    event: {
      id: 4,
      type: 'new_message',
      text: '<b>hi</b>',
      user_id: 1,
      username: null,
      created_at: '2026-01-02T03:05:14.218733Z',
    },
  })
})

test('an event of an unknown type still moves the cursor', () => {
  expect(parse({ type: 'reaction_added', id: 9, user_id: 2 })).toMatchObject({
    kind: 'event',
    event: { id: 9, type: 'reaction_added', text: null },
  })
})

test('what is no frame is unknown, never an exception', () => {
  for (const data of ['', 'nonsense', '[]', 'null', '7', '{}', '{"type":7}', undefined]) {
    expect(parseFrame(data)).toEqual({ kind: 'unknown' })
  }
  for (const id of [0, -1, 1.5, '4', 2 ** 53, null]) {
    expect(parse({ type: 'new_message', id })).toEqual({ kind: 'unknown' })
  }
})

test('presence, typing, acknowledgements and errors', () => {
  expect(parse({ type: 'user_activity', room_id: 7, user_id: 2, action: 'left' })).toEqual({
    kind: 'activity',
    roomId: 7,
    userId: 2,
    online: false,
  })
  expect(parse({ type: 'typing', room_id: 7, user_id: 2, username: 'b' })).toEqual({
    kind: 'typing',
    roomId: 7,
    userId: 2,
    username: 'b',
  })
  expect(parse({ type: 'ack', client_id: 'x', room_id: 7, id: 5 })).toEqual({
    kind: 'ack',
    roomId: 7,
    clientId: 'x',
    id: 5,
  })
  expect(parse({ type: 'error', code: 'bad_frame', message: 'No.' })).toEqual({
    kind: 'error',
    roomId: 0,
    clientId: null,
    code: 'bad_frame',
    message: 'No.',
    temporary: false,
  })
})

test('hello, and what is heard, no more heard, and why it ends', () => {
  expect(parse({ type: 'hello', heartbeat_ms: 9000, limits: { rooms: 3 } })).toEqual({
    kind: 'hello',
    heartbeatMs: 9000,
    roomsMax: 3,
  })
  expect(parse({ type: 'hello', limits: null })).toMatchObject({ heartbeatMs: 25_000, roomsMax: 500 })
  const subscribed = { type: 'subscribed', room_id: 7, head: 6, epoch: 5 }
  expect(parse(subscribed)).toMatchObject({ roomId: 7, head: 6, epoch: 5, recovered: null })
  expect(parse({ ...subscribed, recovered: false })).toMatchObject({ recovered: false })
  expect(parse({ type: 'unsubscribed', room_id: 7 })).toMatchObject({ roomId: 7, code: null })
  expect(parse({ type: 'unsubscribed', room_id: 7, code: 4003 })).toMatchObject({ code: 4003 })
  expect(parse({ type: 'bye', code: 1012, reconnect: true, after_ms: 70 })).toEqual({
    kind: 'bye',
    code: 1012,
    reconnect: true,
    afterMs: 70,
  })
})
