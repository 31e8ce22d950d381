import { expect, test } from 'vitest'
import { BACKOFF_FIRST_MS, BACKOFF_MAX_MS, backoffMs } from '../src/live/backoff'

test('the ceiling doubles up to its bound', () => {
  const ceilings = [0, 1, 2, 3, 4, 5, 6, 1000].map((failures) => backoffMs(failures, () => 1))
  expect(ceilings.slice(0, 5)).toEqual([500, 1000, 2000, 4000, 8000])
  expect(ceilings.slice(5)).toEqual([BACKOFF_MAX_MS, BACKOFF_MAX_MS, BACKOFF_MAX_MS])
})

test('the wait is anything below the ceiling', () => {
  expect(backoffMs(0, () => 0)).toBe(0)
  expect(backoffMs(0, () => 0.5)).toBe(BACKOFF_FIRST_MS / 2)
})
