import { useSignalEffect } from '@preact/signals'
import { areShortcutsShown } from '../keyboard/shortcuts'
import { currentRoom, desk } from '../state/current'
import { session } from '../state/session'
import { Announcer } from './announcer'
import { AuthPage } from './auth_page'
import { RoomView } from './room_view'
import { ShortcutsDialog } from './shortcuts_dialog'
import { Sidebar } from './sidebar'
import { Welcome } from './welcome'

/** "(3) Lighthouse · Banter": what is new, where one is. */
function followTitle(): void {
  const at = session.value ? desk.value : null
  const name = at ? currentRoom.value?.room.value?.name : undefined
  const unread = at && at.unread.version.value >= 0 ? at.unread.total : 0
  const count = unread > 0 ? `(${unread > 99 ? '99+' : unread}) ` : ''
  document.title = `${count}${name ? `${name} · ` : ''}Banter`
}

/** The address is used for rooms, so the link moves the focus itself. */
function SkipLink() {
  return (
    <a
      class="skip"
      href="#main"
      onClick={(event) => {
        event.preventDefault()
        const find = (selector: string) => document.querySelector<HTMLElement>(selector)
        const target = find('.composer textarea') ?? find('main')
        target?.focus()
      }}
    >
      Skip to the conversation
    </a>
  )
}

export function App() {
  useSignalEffect(followTitle)
  if (!session.value) return <AuthPage />
  const room = currentRoom.value
  return (
    <div class={room ? 'shell shell-room' : 'shell'}>
      <SkipLink />
      <Sidebar />
      {room ? <RoomView key={room.id} room={room} /> : <Welcome />}
      <Announcer />
      {areShortcutsShown.value && <ShortcutsDialog />}
    </div>
  )
}
