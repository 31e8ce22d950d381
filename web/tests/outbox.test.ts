import { expect, test } from 'vitest'
import { Outbox } from '../src/state/outbox'

const states = (outbox: Outbox) => outbox.visible.map((entry) => entry.state)

function filled(...texts: string[]): Outbox {
  const outbox = new Outbox()
  texts.forEach((text, index) => outbox.add(`c${index}`, text))
  return outbox
}

test('goes out in order once there is a connection', () => {
  const outbox = filled('one', 'two')
  outbox.flush(0, () => false)
  expect(states(outbox)).toEqual(['waiting', 'waiting'])
  const sent: string[] = []
  outbox.flush(0, (id, text) => sent.push(`${id} ${text}`) > 0)
  expect(sent).toEqual(['c0 one', 'c1 two'])
  outbox.flush(0, () => {
    throw new Error('nothing waits')
  })
})

test('acknowledged first, then its event: shown as sent in between, once', () => {
  const outbox = filled('hi')
  outbox.flush(0, () => true)
  outbox.acknowledged('c0', 5, false)
  expect(states(outbox)).toEqual(['sent'])
  outbox.arrived(5, 'hi')
  expect(outbox.isEmpty).toBe(true)
})

test('its event first, then the acknowledgement: never shown twice', () => {
  const outbox = filled('hi')
  outbox.flush(0, () => true)
  outbox.arrived(5, 'hi')
  expect(states(outbox)).toEqual([])
  outbox.acknowledged('c0', 5, true)
  expect(outbox.isEmpty).toBe(true)
})

test('the same text from another tab does not swallow a message', () => {
  const outbox = filled('hi')
  outbox.flush(0, () => true)
  outbox.arrived(5, 'hi')
  outbox.acknowledged('c0', 6, false)
  expect(states(outbox)).toEqual(['sent'])
  outbox.arrived(6, 'hi')
  expect(outbox.isEmpty).toBe(true)
})

test('two messages of one text are two', () => {
  const outbox = filled('hi', 'hi')
  outbox.flush(0, () => true)
  outbox.arrived(5, 'hi')
  expect(states(outbox)).toEqual(['sending'])
  outbox.arrived(6, 'hi')
  expect(states(outbox)).toEqual([])
})

test('a lost connection sends again what had no answer, under the same client_id', () => {
  const outbox = filled('one', 'two')
  outbox.flush(0, () => true)
  outbox.acknowledged('c0', 5, false)
  outbox.connectionLost()
  expect(states(outbox)).toEqual(['sent', 'waiting'])
  const sent: string[] = []
  outbox.flush(0, (id) => sent.push(id) > 0)
  expect(sent).toEqual(['c1'])
})

test('fails with a reason, is tried again or discarded', () => {
  const outbox = filled('one', 'two')
  outbox.flush(0, () => true)
  outbox.failed('c0', 'No.', false)
  expect(outbox.visible[0]).toMatchObject({ state: 'failed', error: 'No.' })
  outbox.retry('c0')
  expect(states(outbox)).toEqual(['waiting', 'sending'])
  outbox.discard('c0')
  expect(states(outbox)).toEqual(['sending'])
  outbox.failed('unknown', 'No.', false)
})

test('an error after the event looked like it shows the failure', () => {
  const outbox = filled('hi')
  outbox.flush(0, () => true)
  outbox.arrived(5, 'hi')
  outbox.failed('c0', 'No.', false)
  expect(states(outbox)).toEqual(['failed'])
})

test('a late answer settles a message that was given up', () => {
  const outbox = filled('hi')
  outbox.flush(0, () => true)
  expect(outbox.expire(14_999, 15_000, 'Late.')).toBe(false)
  expect(outbox.expire(15_000, 15_000, 'Late.')).toBe(true)
  expect(states(outbox)).toEqual(['failed'])
  outbox.acknowledged('c0', 5, true)
  expect(outbox.isEmpty).toBe(true)
})

test('a message that failed without certainty is settled by its event', () => {
  const outbox = filled('hi', 'ho')
  outbox.flush(0, () => true)
  outbox.failed('c0', 'Unknown.', true)
  outbox.failed('c1', 'No.', false)
  outbox.arrived(5, 'hi')
  outbox.arrived(6, 'ho')
  expect(outbox.visible.map((entry) => entry.text)).toEqual(['ho'])
})
