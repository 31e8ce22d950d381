import { expect, test } from 'vitest'
import { errorFrom, nextLink } from '../src/api/http'
import type { LogEvent } from '../src/live/frames'
import { RoomLog } from '../src/state/log'
import { Members } from '../src/state/members'
import { roomOfHash } from '../src/state/route'
import { rowsOf } from '../src/state/rows'
import { sentenceOfTypists } from '../src/state/typists'
import { Unread } from '../src/state/unread'

const event = (id: number, fields: Partial<LogEvent> = {}): LogEvent => ({
  id,
  type: 'new_message',
  created_at: '2026-01-02T12:00:00.000000Z',
  text: `text ${id}`,
  user_id: 1,
  username: 'a',
  ...fields,
})

test('the log keeps events by id, each once, in whatever order they come', () => {
  const log = new RoomLog()
  for (const id of [5, 7, 6, 5, 1, 3, 7, 2]) log.add(event(id))
  expect(log.events.map((entry) => entry.id)).toEqual([1, 2, 3, 5, 6, 7])
  expect(log.has(6)).toBe(true)
  expect(log.has(4)).toBe(false)
  expect([log.firstId, log.lastId]).toEqual([1, 7])
})

test('100,000 live events are added in a moment', () => {
  const log = new RoomLog()
  const from = performance.now()
  for (let id = 1; id <= 100_000; id++) log.add(event(id))
  expect(performance.now() - from).toBeLessThan(1000)
})

test('rows: a day line, names only where the sender changes or time passed', () => {
  const rows = rowsOf([
    event(1),
    event(2, { created_at: '2026-01-02T12:01:00.000000Z' }),
    event(3, { user_id: 2 }),
    event(4, { user_id: 2, created_at: '2026-01-02T12:30:00.000000Z' }),
    event(5, { type: 'member_joined', text: null }),
    event(6, { type: 'something_new', text: null }),
    event(7, { created_at: '2026-01-05T12:00:00.000000Z' }),
  ])
  expect(rows.map((row) => (row.kind === 'message' ? row.isFirst : row.kind))).toEqual([
    'day', true, false, true, true, 'notice', 'day', true,
  ])
})

test('presence news that comes while the list is under way counts for more', () => {
  const members = new Members()
  members.listRequested()
  members.activity(2, true)
  members.listArrived([
    { id: 1, username: 'a', is_online: true },
    { id: 2, username: 'b', is_online: false },
  ])
  expect(members.sorted.map((member) => member.online)).toEqual([true, true])
  members.activity(1, false)
  expect(members.sorted.map((member) => member.username)).toEqual(['b', 'a'])
  members.presenceUnknown([])
  expect(members.sorted.map((member) => member.online)).toEqual([null, null])
  members.left(1)
  expect(members.size).toBe(1)
})

test('the Link header', () => {
  expect(nextLink(null)).toBe(null)
  expect(nextLink('</a?limit=1&after=2>; rel="next"')).toBe('/a?limit=1&after=2')
  expect(nextLink('</a>; rel="prev", </b>; rel=next')).toBe('/b')
  expect(nextLink('</a>; rel="prev"')).toBe(null)
})

test('errors, whatever the body', () => {
  const body = { success: false, message: 'No.', code: 'validation_failed', data: { field: 'name' } }
  expect(errorFrom(422, body)).toMatchObject({ code: 'validation_failed', field: 'name' })
  expect(errorFrom(502, undefined)).toMatchObject({ code: 'unknown', status: 502, field: null })
  expect(errorFrom(401, { code: 'invalid_token' }).endsSession).toBe(true)
  expect(errorFrom(401, { code: 'invalid_credentials' }).endsSession).toBe(false)
})

test('the address names a room', () => {
  expect(roomOfHash('#/rooms/12')).toBe(12)
  for (const hash of ['', '#/', '#/rooms/', '#/rooms/0', '#/rooms/1x', '#/rooms/9999999999999999']) {
    expect(roomOfHash(hash)).toBe(null)
  }
})

test('unread is how far the head is from what was on the screen', () => {
  const unread = new Unread('key')
  expect(unread.of(7)).toBe(0)
  unread.headIs(7, 40)
  expect(unread.of(7)).toBe(0)
  unread.headIs(7, 43)
  expect(unread.of(7)).toBe(3)
  unread.read(7)
  expect(unread.of(7)).toBe(0)
  unread.headIs(7, 44)
  unread.headIs(7, 2)
  expect(unread.of(7)).toBe(0)
  unread.headIs(7, 3)
  unread.forget(7)
  expect(unread.of(7)).toBe(0)
})

test('who is writing, in words', () => {
  expect(sentenceOfTypists([])).toBe('')
  expect(sentenceOfTypists(['Ada'])).toBe('Ada is writing …')
  expect(sentenceOfTypists(['Ada', 'Grace'])).toBe('Ada and Grace are writing …')
  expect(sentenceOfTypists(['Ada', 'Grace', 'Mary'])).toBe('Several people are writing …')
})
