import type { Entry } from '../src/state/event'

export const entry = (id: number, fields: Partial<Entry> = {}): Entry => ({
  id,
  type: 'new_message',
  created_at: '2026-01-02T12:00:00.000000Z',
  text: `text ${id}`,
  user_id: 1,
  username: 'a',
  ...fields,
})

export const entries = (from: number, to: number): Entry[] =>
  Array.from({ length: to - from + 1 }, (_, index) => entry(from + index))
