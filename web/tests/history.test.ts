import { expect, test } from 'vitest'
import { History, type HistoryPage, type Wanted } from '../src/state/history'
import { entries, entry } from './entries'

const PAGE = 10

/** A room whose log grows, and answers that come when they are let. */
class Server {
  head: number
  private readonly waiting: (() => void)[] = []

  constructor(head: number) {
    this.head = head
  }

  fetch = (wanted: Wanted): Promise<HistoryPage> => {
    const all = entries(1, this.head)
    const found =
      'before' in wanted
        ? all.filter((each) => each.id < wanted.before).slice(-PAGE)
        : 'after' in wanted
          ? all.filter((each) => each.id > wanted.after).slice(0, PAGE)
          : all.slice(-PAGE)
    const isLast =
      'after' in wanted
        ? (found[found.length - 1]?.id ?? this.head) === this.head
        : (found[0]?.id ?? 1) === 1
    return new Promise((resolve) => this.waiting.push(() => resolve({ events: found, isLast })))
  }

  async answer(): Promise<void> {
    for (const let_ of this.waiting.splice(0)) let_()
    await new Promise((resolve) => setTimeout(resolve, 0))
  }
}

const ids = (history: History) => history.log.events.map((each) => each.id)
const range = (from: number, to: number) => entries(from, to).map((each) => each.id)

async function opened(head: number): Promise<{ server: Server; history: History }> {
  const server = new Server(head)
  const history = new History(server.fetch)
  const loading = history.loadNewest()
  await server.answer()
  expect(await loading).toBe(head)
  return { server, history }
}

test('begins with the newest page, and what happens follows', async () => {
  const { history } = await opened(100)
  history.arrived(entry(101))
  expect(ids(history)).toEqual(range(91, 101))
})

test('what happens while the first page is under way comes after it', async () => {
  const server = new Server(100)
  const history = new History(server.fetch)
  const loading = history.loadNewest()
  history.arrived(entry(101))
  history.arrived(entry(102))
  await server.answer()
  await loading
  expect(ids(history)).toEqual(range(91, 102))
})

test('older pages come before it, to the beginning; one at a time', async () => {
  const { server, history } = await opened(25)
  void history.loadOlder()
  void history.loadOlder()
  expect(history.busy.value).toBe('older')
  await server.answer()
  expect(ids(history)).toEqual(range(6, 25))
  void history.loadOlder()
  await server.answer()
  expect(ids(history)).toEqual(range(1, 25))
  expect(history.log.hasBeginning).toBe(true)
  await history.loadOlder()
  expect(history.busy.value).toBe(null)
})

test('around a message, and from there back to the end, without a hole', async () => {
  const { server, history } = await opened(100)
  void history.loadAround(30)
  await server.answer()
  expect(ids(history)).toEqual(range(21, 40))
  history.arrived(entry(101))
  server.head = 101
  expect(ids(history)).toEqual(range(21, 40))
  while (!history.log.hasEnd) {
    void history.loadNewer()
    if (history.log.lastId >= 90) {
      server.head += 1
      history.arrived(entry(server.head))
    }
    await server.answer()
  }
  expect(ids(history)).toEqual(range(21, server.head))
  history.arrived(entry(server.head + 1))
  expect(history.log.lastId).toBe(server.head + 1)
})

test('an answer that is too late counts for nothing', async () => {
  const { server, history } = await opened(100)
  void history.loadOlder()
  history.clear()
  await server.answer()
  expect(ids(history)).toEqual([])
})

test('what goes wrong is said, and can be tried again', async () => {
  let fails = true
  const server = new Server(30)
  const history = new History((wanted) =>
    fails ? Promise.reject(new Error('No.')) : server.fetch(wanted),
  )
  await expect(history.loadNewest()).rejects.toThrow('No.')
  await history.loadAround(5)
  expect(history.trouble.value).toBe('No.')
  expect(history.busy.value).toBe(null)
  fails = false
  const loading = history.loadAround(5)
  await server.answer()
  await loading
  expect(history.trouble.value).toBe(null)
  expect(history.log.has(5)).toBe(true)
})
