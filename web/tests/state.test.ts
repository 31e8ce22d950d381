import type { ConnectionState } from '@banter/client'
import { beforeEach, expect, test } from 'vitest'
import { draftOf, forgetDrafts, keepDraft } from '../src/state/drafts'
import { linkOf } from '../src/state/link'
import { Members } from '../src/state/members'
import { placeOfHash } from '../src/state/route'
import { rowsOf } from '../src/state/rows'
import { sentenceOfTypists } from '../src/state/typists'
import { Unread } from '../src/state/unread'
import { forgetUnsent, Unsent } from '../src/state/unsent'
import { sentenceFor } from '../src/text/sentences'
import { entry } from './entries'

/** As much of a browser as these modules ask for. */
beforeEach(() => {
  const kept = new Map<string, string>()
  const storage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  }
  Object.defineProperty(globalThis, 'localStorage', { value: storage, configurable: true })
})

const kinds = (rows: ReturnType<typeof rowsOf>) =>
  rows.map((row) => (row.kind === 'message' ? row.isFirst : row.kind))

test('rows: a day line, names only where the sender changes or time passed', () => {
  const rows = rowsOf([
    entry(1),
    entry(2, { created_at: '2026-01-02T12:01:00.000000Z' }),
    entry(3, { user_id: 2 }),
    entry(4, { user_id: 2, created_at: '2026-01-02T12:30:00.000000Z' }),
    entry(5, { type: 'member_joined', text: null }),
    entry(6, { type: 'other:something', text: null }),
    entry(7, { created_at: '2026-01-05T12:00:00.000000Z' }),
  ])
  expect(kinds(rows)).toEqual(['day', true, false, true, true, 'notice', 'day', true])
})

test('rows: one line above what is new', () => {
  expect(kinds(rowsOf([entry(1), entry(2), entry(3), entry(4)], 2))).toEqual([
    'day', true, false, 'new', true, false,
  ])
  expect(kinds(rowsOf([entry(1), entry(2)], 2))).toEqual(['day', true, false])
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

test('the address names a room, or a message of it', () => {
  expect(placeOfHash('#/rooms/12')).toEqual({ roomId: 12, messageId: null })
  expect(placeOfHash('#/rooms/12/345')).toEqual({ roomId: 12, messageId: 345 })
  for (const hash of ['', '#/', '#/rooms/', '#/rooms/0', '#/rooms/1x', '#/rooms/9999999999999999', '#/rooms/1/0', '#/rooms/1/2/3']) {
    expect(placeOfHash(hash), hash).toBe(null)
  }
})

test('unread is how far the head is from what was on the screen', () => {
  const unread = new Unread('key')
  expect(unread.of(7)).toBe(0)
  unread.headIs(7, 40)
  expect(unread.of(7)).toBe(0)
  unread.headIs(7, 43)
  unread.headIs(8, 1)
  unread.headIs(8, 2)
  expect([unread.of(7), unread.total, unread.markOf(7)]).toEqual([3, 4, 40])
  unread.read(7)
  expect(unread.of(7)).toBe(0)
  unread.headIs(7, 44)
  unread.headIs(7, 2)
  expect(unread.of(7)).toBe(0)
  unread.headIs(7, 3)
  unread.forget(7)
  expect(unread.of(7)).toBe(0)
})

test('who comes and goes is nothing to read', () => {
  const unread = new Unread('key')
  unread.headIs(7, 40)
  unread.headIs(7, 41, false)
  expect(unread.of(7)).toBe(0)
  unread.headIs(7, 42)
  unread.headIs(7, 43, false)
  expect(unread.of(7)).toBe(2)
})

test('drafts are kept for each person and room', () => {
  keepDraft('ada', 1, 'half a sen')
  keepDraft('ada', 2, 'other')
  keepDraft('bob', 1, 'his')
  expect([draftOf('ada', 1), draftOf('ada', 3), draftOf('bob', 1)]).toEqual(['half a sen', '', 'his'])
  keepDraft('ada', 1, '')
  expect([draftOf('ada', 1), draftOf('ada', 2)]).toEqual(['', 'other'])
  forgetDrafts('ada')
  expect([draftOf('ada', 2), draftOf('bob', 1)]).toEqual(['', 'his'])
})

test('what was not confirmed is kept, each once', () => {
  const unsent = new Unsent('ada')
  unsent.add({ roomId: 1, clientId: 'x', text: 'one' })
  unsent.add({ roomId: 1, clientId: 'y', text: 'two' })
  unsent.add({ roomId: 1, clientId: 'x', text: 'one' })
  expect(new Unsent('ada').all.map((each) => each.clientId)).toEqual(['y', 'x'])
  unsent.remove('y')
  expect(unsent.all).toEqual([{ roomId: 1, clientId: 'x', text: 'one' }])
  forgetUnsent('ada')
  expect(unsent.all).toEqual([])
})

test('where the connection stands, for a room', () => {
  const last = { code: 1006, reason: '' }
  const waiting: ConnectionState = { name: 'waiting', retryAt: 5, attempt: 1, last, offline: false }
  expect(linkOf({ name: 'open', transport: 'websocket' }, 'live')).toEqual({ name: 'live' })
  expect(linkOf({ name: 'open', transport: 'websocket' }, 'waiting')).toEqual({ name: 'connecting' })
  expect(linkOf(waiting, 'live')).toEqual({ name: 'waiting', retryAt: 5 })
  expect(linkOf({ name: 'signed-out', last }, 'live')).toEqual({ name: 'closed' })
})

test('who is writing, in words', () => {
  expect(sentenceOfTypists([])).toBe('')
  expect(sentenceOfTypists(['Ada'])).toBe('Ada is writing …')
  expect(sentenceOfTypists(['Ada', 'Grace'])).toBe('Ada and Grace are writing …')
  expect(sentenceOfTypists(['Ada', 'Grace', 'Mary'])).toBe('Several people are writing …')
})

test('errors in words: ours, else the server’s', () => {
  expect(sentenceFor('username_taken', 'x')).toMatch(/Somebody else/)
  expect(sentenceFor('brand_new_code', 'The server says so.')).toBe('The server says so.')
  expect(sentenceFor('brand_new_code', '')).toBe('Something went wrong.')
})
