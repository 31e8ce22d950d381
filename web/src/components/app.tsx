import { useSignalEffect } from '@preact/signals'
import { currentRoom } from '../state/current'
import { session } from '../state/session'
import { AuthPage } from './auth_page'
import { RoomView } from './room_view'
import { Sidebar } from './sidebar'
import { Welcome } from './welcome'

export function App() {
  useSignalEffect(() => {
    const name = session.value ? currentRoom.value?.room.value?.name : undefined
    document.title = name ? `${name} · Banter` : 'Banter'
  })
  if (!session.value) return <AuthPage />
  const room = currentRoom.value
  return (
    <div class={room ? 'shell shell-room' : 'shell'}>
      <Sidebar />
      {room ? <RoomView key={room.id} room={room} /> : <Welcome />}
    </div>
  )
}
