import { expect, test } from 'vitest'
import { EVENTS_MAX, RoomLog } from '../src/state/log'
import { Pane, PANE_MAX } from '../src/state/pane'
import { entries, entry } from './entries'

const ids = (log: RoomLog) => log.events.map((each) => each.id)

test('keeps events by id, each once, in whatever order they come', () => {
  const log = new RoomLog()
  for (const id of [5, 7, 6, 5, 1, 3, 7, 2]) log.add(entry(id))
  expect(ids(log)).toEqual([1, 2, 3, 5, 6, 7])
  expect([log.has(6), log.has(4), log.firstId, log.lastId]).toEqual([true, false, 1, 7])
})

test('grows at both ends', () => {
  const log = new RoomLog()
  log.replace(entries(50, 60), { hasEnd: false, hasBeginning: false })
  log.prepend(entries(40, 52), false)
  log.append(entries(58, 70), true)
  expect(ids(log)).toEqual(entries(40, 70).map((each) => each.id))
  expect([log.hasBeginning, log.hasEnd]).toEqual([false, true])
})

test('lets go at the other end of what is too much', () => {
  const log = new RoomLog()
  log.replace(entries(10_001, 10_000 + EVENTS_MAX), { hasEnd: true, hasBeginning: false })
  log.prepend(entries(9_901, 10_000), false)
  expect([log.events.length, log.firstId, log.lastId]).toEqual([EVENTS_MAX, 9_901, 9_900 + EVENTS_MAX])
  expect(log.hasEnd).toBe(false)
  log.append(entries(log.lastId + 1, log.lastId + 100), true)
  expect([log.events.length, log.firstId, log.hasEnd]).toEqual([EVENTS_MAX, 10_001, true])
})

test('100,000 live events are added in a moment', () => {
  const log = new RoomLog()
  const from = performance.now()
  for (let id = 1; id <= 100_000; id++) log.add(entry(id))
  expect(performance.now() - from).toBeLessThan(1000)
})

/** Where a pane stands over a log, as ids. */
function shown(pane: Pane, log: RoomLog): [number, number] {
  const [start, end] = pane.bounds(log.events.length, (id) => log.placeOf(id))
  return [log.events[start]?.id ?? 0, log.events[end - 1]?.id ?? 0]
}

test('a pane is bounded, follows the end, and moves both ways', () => {
  const log = new RoomLog()
  log.replace(entries(1001, 2000), { hasEnd: true, hasBeginning: false })
  const pane = new Pane()
  const at = () => pane.bounds(log.events.length, (id) => log.placeOf(id))
  expect(shown(pane, log)).toEqual([2001 - PANE_MAX, 2000])
  log.add(entry(2001))
  expect(shown(pane, log)).toEqual([2002 - PANE_MAX, 2001])
  for (let step = 0; step < 20; step++) {
    pane.older(log.events, at())
    const [start, end] = at()
    expect(end - start).toBeLessThanOrEqual(PANE_MAX)
  }
  expect(shown(pane, log)).toEqual([1001, 1000 + PANE_MAX])
  for (let step = 0; step < 20; step++) pane.newer(log.events, at())
  expect(shown(pane, log)[1]).toBe(2001)
  log.add(entry(2002))
  expect(shown(pane, log)[1]).toBe(2002)
})

test('a pane that is held stays, whatever is added at either end', () => {
  const log = new RoomLog()
  log.replace(entries(1001, 1200), { hasEnd: true, hasBeginning: false })
  const pane = new Pane()
  pane.hold(log.events, pane.bounds(log.events.length, (id) => log.placeOf(id)))
  for (const each of entries(1201, 1300)) log.add(each)
  log.prepend(entries(901, 1000), false)
  expect(shown(pane, log)).toEqual([1001, 1200])
  pane.around(log.events, log.placeOf(950))
  expect(shown(pane, log)[0]).toBeLessThanOrEqual(950)
  expect(shown(pane, log)[1]).toBeGreaterThanOrEqual(950)
  pane.toEnd()
  expect(shown(pane, log)[1]).toBe(1300)
})
