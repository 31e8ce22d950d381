import { expect, test } from 'vitest'
import { isFewEmoji } from '../src/text/emoji'
import { emojiGroups } from '../src/text/emoji_table'
import { partsOf, safeHref } from '../src/text/links'
import { dayOf } from '../src/text/time'

const links = (text: string) =>
  partsOf(text).flatMap((part) => (part.kind === 'link' ? [part.text] : []))
const whole = (text: string) => partsOf(text).map((part) => part.text).join('')

test('links are found, without the punctuation around them', () => {
  expect(links('see https://a.example/x?y=1#z, then http://b.example.')).toEqual([
    'https://a.example/x?y=1#z',
    'http://b.example',
  ])
  expect(links('(https://en.example/wiki/C_(language))')).toEqual(['https://en.example/wiki/C_(language)'])
  expect(links('mailto:ada@example.org!')).toEqual(['mailto:ada@example.org'])
  expect(links('"https://a.example/" <https://b.example/>')).toEqual([
    'https://a.example/',
    'https://b.example/',
  ])
})

test('nothing is lost or added', () => {
  for (const text of [
    '',
    'plain',
    'https://a.example',
    'x https://a.example, y https://b.example/) z',
    'https:// http://. javascript:alert(1)',
  ]) {
    expect(whole(text)).toBe(text)
  }
})

test('what could run, or pretends, is no link', () => {
  for (const text of [
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    'data:text/html,<script>alert(1)</script>',
    'vbscript:x',
    'file:///etc/passwd',
    'https://bank.example@evil.example/',
    'https://user:secret@a.example/',
    'xhttps://a.example',
    'https://',
  ]) {
    expect(links(text), text).toEqual([])
  }
  expect(safeHref('javascript:alert(1)')).toBe(null)
  expect(safeHref('//a.example')).toBe(null)
})

test('an address ends where the direction of the text is turned', () => {
  expect(links('https://a.example/\u202egpj.exe')).toEqual(['https://a.example/'])
})

test('no text takes long, however it is made', () => {
  const from = performance.now()
  for (const text of ['https://a.example/' + ')'.repeat(3900), '('.repeat(4000), 'http://'.repeat(570), '👍'.repeat(2000)]) {
    expect(whole(text)).toBe(text)
    isFewEmoji(text)
  }
  expect(performance.now() - from).toBeLessThan(500)
})

test('a few emoji and nothing else are shown large', () => {
  for (const text of ['👍', '👏👏', '👩‍🚀', '🏳️‍🌈', '👍🏽', '🇩🇪', '❤️ ❤️', '1️⃣']) {
    expect(isFewEmoji(text), text).toBe(true)
  }
  for (const text of ['', ' ', 'ok 👍', '1', '12', '#', '👍'.repeat(7)]) {
    expect(isFewEmoji(text), text).toBe(false)
  }
})

test('every emoji of the picker is one, once, with words to find it', () => {
  const all = emojiGroups.flatMap(({ list }) => list)
  expect(new Set(all.map(([emoji]) => emoji)).size).toBe(all.length)
  for (const [emoji, words] of all) {
    expect(isFewEmoji(emoji), emoji).toBe(true)
    expect(words).toMatch(/^[a-z ]+$/)
  }
})

test('days, in words while they are near', () => {
  const now = new Date(2026, 10, 22, 0, 5)
  expect(dayOf(new Date(2026, 10, 22, 0, 1), now)).toBe('today')
  expect(dayOf(new Date(2026, 10, 21, 23, 59), now)).toBe('yesterday')
  expect(dayOf(new Date(2026, 10, 20), now)).toMatch(/20/)
  expect(dayOf(new Date(2026, 10, 20), now)).not.toMatch(/2026/)
  expect(dayOf(new Date(2025, 10, 20), now)).toMatch(/2025/)
  expect(dayOf(new Date('nonsense'), now)).toBe('')
})
