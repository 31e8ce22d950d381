import { useSignal } from '@preact/signals'
import { goToRoom } from '../state/route'
import { createRoom, loadRooms, roomsError, roomsLoaded } from '../state/rooms'
import { AccountBar } from './account_bar'
import { Dialog } from './dialog'
import { Field } from './field'
import { Mark } from './mark'
import { RoomList } from './room_list'

function NewRoomDialog({ onClose }: { onClose(): void }) {
  const name = useSignal('')
  return (
    <Dialog
      title="New room"
      action="Create"
      onClose={onClose}
      onConfirm={async () => {
        const room = await createRoom(name.value.trim())
        goToRoom(room.id)
      }}
    >
      <Field label="Name of the room" name="room" value={name} maxLength={100} autofocus />
    </Dialog>
  )
}

export function Sidebar() {
  const isCreating = useSignal(false)
  return (
    <nav class="sidebar" aria-label="Rooms">
      <header class="brand">
        <Mark />
        <p class="brand-name">Banter</p>
        <button type="button" class="primary" onClick={() => (isCreating.value = true)}>
          New room
        </button>
      </header>
      <div class="sidebar-rooms">
        {roomsError.value && (
          <div class="notice" role="alert">
            <p>{roomsError.value}</p>
            <button type="button" class="quiet" onClick={() => void loadRooms()}>
              Try again
            </button>
          </div>
        )}
        <RoomList />
        {!roomsLoaded.value && !roomsError.value && <p class="hint">Loading the rooms …</p>}
      </div>
      <AccountBar />
      {isCreating.value && <NewRoomDialog onClose={() => (isCreating.value = false)} />}
    </nav>
  )
}
