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

test('presence, acknowledgements and errors', () => {
  expect(parse({ type: 'user_activity', room_id: 7, user_id: 2, action: 'left' })).toEqual({
    kind: 'activity',
    userId: 2,
    online: false,
  })
  expect(parse({ type: 'ack', client_id: 'x', id: 5 })).toEqual({
    kind: 'ack',
    clientId: 'x',
    id: 5,
  })
  expect(parse({ type: 'error', code: 'bad_frame', message: 'No.' })).toEqual({
    kind: 'error',
    clientId: null,
    code: 'bad_frame',
    message: 'No.',
    temporary: false,
  })
})
