import { expect, test } from 'vitest'
import { Outbox } from '../src/state/outbox'

const states = (outbox: Outbox) => outbox.visible.map((each) => each.state)

function filled(...texts: string[]): Outbox {
  const outbox = new Outbox()
  texts.forEach((text, index) => {
    outbox.add(`c${index}`, text)
    outbox.moved(`c${index}`, 'sending')
  })
  return outbox
}

test('waits, is sent, waits again: as the client says', () => {
  const outbox = filled('one')
  expect(states(outbox)).toEqual(['sending'])
  outbox.moved('c0', 'waiting')
  expect(states(outbox)).toEqual(['waiting'])
})

test('acknowledged first, then its event: shown as sent in between, once', () => {
  const outbox = filled('hi')
  outbox.stored('c0', 5, false)
  expect(states(outbox)).toEqual(['sent'])
  outbox.moved('c0', 'waiting')
  expect(states(outbox)).toEqual(['sent'])
  outbox.arrived(5, 'hi')
  expect(states(outbox)).toEqual([])
  expect(outbox.textOf('c0')).toBe(null)
})

test('its event first, then the acknowledgement: never shown twice', () => {
  const outbox = filled('hi')
  outbox.arrived(5, 'hi')
  expect(states(outbox)).toEqual([])
  outbox.stored('c0', 5, true)
  expect(outbox.textOf('c0')).toBe(null)
})

test('the same text from another tab does not swallow a message', () => {
  const outbox = filled('hi')
  outbox.arrived(5, 'hi')
  outbox.stored('c0', 6, false)
  expect(states(outbox)).toEqual(['sent'])
  outbox.arrived(6, 'hi')
  expect(states(outbox)).toEqual([])
})

test('two messages of one text are two', () => {
  const outbox = filled('hi', 'hi')
  outbox.arrived(5, 'hi')
  expect(states(outbox)).toEqual(['sending'])
  outbox.arrived(6, 'hi')
  expect(states(outbox)).toEqual([])
})

test('what failed is tried again under its name, or discarded', () => {
  const outbox = filled('one', 'two')
  outbox.failed('c0', 'No.', false)
  outbox.failed('c1', 'No.', false)
  expect(outbox.visible[0]).toMatchObject({ state: 'failed', error: 'No.' })
  outbox.add('c0', 'one')
  expect(outbox.visible[0]).toMatchObject({ state: 'waiting', error: null })
  outbox.discard('c1')
  expect(states(outbox)).toEqual(['waiting'])
})

test('what may have been stored goes when its event comes; what was refused does not', () => {
  const outbox = filled('one', 'two')
  outbox.failed('c0', 'Perhaps.', true)
  outbox.failed('c1', 'Too long.', false)
  outbox.arrived(5, 'one')
  outbox.arrived(6, 'two')
  expect(states(outbox)).toEqual(['failed'])
})

test('what is stored does not fail any more', () => {
  const outbox = filled('one')
  outbox.stored('c0', 5, false)
  outbox.failed('c0', 'Late.', true)
  expect(states(outbox)).toEqual(['sent'])
})

test('a log that is read anew shows what was stored meanwhile', () => {
  const outbox = filled('one', 'two', 'three')
  outbox.stored('c0', 5, false)
  outbox.stored('c1', 9, false)
  outbox.logReaches(7)
  expect(states(outbox)).toEqual(['sent', 'sending'])
})
