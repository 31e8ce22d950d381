import { signal } from '@preact/signals'
import { desk } from '../state/current'
import { goToRoom, openRoomId } from '../state/route'
import { myRooms } from '../state/rooms'

export const areShortcutsShown = signal(false)

/** What the keyboard does, as it is shown to people; what happens is below and in the components. */
export const shortcutList: readonly { keys: string; what: string }[] = [
  { keys: 'Ctrl K', what: 'Search the rooms' },
  { keys: 'Alt ↑ / Alt ↓', what: 'The room before, the next room' },
  { keys: 'Alt Shift ↑ / ↓', what: 'The same, among rooms with something new' },
  { keys: 'F6', what: 'From part to part: rooms, conversation, writing, members' },
  { keys: 'Enter', what: 'Send; Shift Enter begins a new line' },
  { keys: '↑ ↓', what: 'In the conversation or the rooms: from one to the next' },
  { keys: 'Home / End', what: 'In the conversation: its beginning, the newest' },
  { keys: 'Enter', what: 'On a message: its link, in the address bar' },
  { keys: 'Esc', what: 'Back to writing; close what is open' },
  { keys: '? or Ctrl /', what: 'This list' },
]

const PARTS = ['.sidebar', '.log', '.composer textarea', '.members']

const isWriting = (target: EventTarget | null) =>
  target instanceof HTMLElement && target.matches('input, textarea, select')

function focusIn(part: HTMLElement): void {
  const inside = part.matches('.sidebar') ? part.querySelector<HTMLElement>('.room-link[tabindex="0"], a, button') : part
  inside?.focus()
}

function nextPart(step: 1 | -1): void {
  const parts = PARTS.flatMap((selector) => {
    const part = document.querySelector<HTMLElement>(selector)
    return part && part.getClientRects().length > 0 ? [part] : []
  })
  const at = parts.findIndex((part) => part.contains(document.activeElement))
  const next = parts[(at + step + parts.length) % parts.length]
  if (next) focusIn(next)
}

function nextRoom(step: 1 | -1, onlyNew: boolean): void {
  const open = openRoomId.peek()
  const unread = desk.peek()?.unread
  const list = myRooms
    .peek()
    .filter((room) => !onlyNew || room.id === open || (unread?.of(room.id) ?? 0) > 0)
  if (list.length === 0) return
  const at = list.findIndex((room) => room.id === open)
  const from = at < 0 && step < 0 ? 0 : at
  const next = list[(from + step + list.length) % list.length]
  if (next && next.id !== open) goToRoom(next.id)
}

/** True if the key was one of ours. */
function pressed(event: KeyboardEvent): boolean {
  const withCommand = event.ctrlKey || event.metaKey
  if (withCommand && event.key.toLowerCase() === 'k') {
    document.querySelector<HTMLElement>('#room-search')?.focus()
  } else if ((withCommand && event.key === '/') || (event.key === '?' && !isWriting(event.target))) {
    areShortcutsShown.value = true
  } else if (event.altKey && (event.key === 'ArrowUp' || event.key === 'ArrowDown')) {
    nextRoom(event.key === 'ArrowUp' ? -1 : 1, event.shiftKey)
  } else if (event.key === 'F6') {
    nextPart(event.shiftKey ? -1 : 1)
  } else return false
  return true
}

export function followShortcuts(): void {
  addEventListener('keydown', (event) => {
    if (event.isComposing || !desk.peek() || document.querySelector('dialog[open]')) return
    if (pressed(event)) event.preventDefault()
  })
}
