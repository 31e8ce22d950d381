import { useSignal } from '@preact/signals'
import type { Room } from '../api/types'
import { desk } from '../state/current'
import { goToRoom, hashOfRoom, openRoomId } from '../state/route'
import {
  createRoom,
  loadRooms,
  myRooms,
  otherRooms,
  roomsError,
  roomsLoaded,
} from '../state/rooms'
import { AccountBar } from './account_bar'
import { Dialog } from './dialog'
import { Field } from './field'
import { Mark } from './mark'

function RoomLink({ room }: { room: Room }) {
  const isOpen = openRoomId.value === room.id
  const counts = desk.value?.unread
  const unread = counts && counts.version.value >= 0 ? counts.of(room.id) : 0
  const members = room.member_count === 1 ? '1 member' : `${room.member_count} members`
  return (
    <li>
      <a class="room-link" href={hashOfRoom(room.id)} {...(isOpen ? { 'aria-current': 'page' } : {})}>
        <span class="room-name" dir="auto">
          {room.name}
        </span>
        {unread > 0 ? (
          <span class="room-unread">
            {unread > 99 ? '99+' : unread}
            <span class="unseen"> new</span>
          </span>
        ) : (
          <span class="room-count">{members}</span>
        )}
      </a>
    </li>
  )
}

function RoomGroup({ title, rooms, empty }: { title: string; rooms: Room[]; empty: string }) {
  return (
    <section class="room-group">
      <h2>{title}</h2>
      {rooms.length === 0 ? (
        <p class="hint">{empty}</p>
      ) : (
        <ul>
          {rooms.map((room) => (
            <RoomLink key={room.id} room={room} />
          ))}
        </ul>
      )}
    </section>
  )
}

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
        <h1>Banter</h1>
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
        {roomsLoaded.value ? (
          <>
            <RoomGroup title="Your rooms" rooms={myRooms.value} empty="None yet." />
            <RoomGroup title="Other rooms" rooms={otherRooms.value} empty="None." />
          </>
        ) : (
          !roomsError.value && <p class="hint">Loading the rooms …</p>
        )}
      </div>
      <AccountBar />
      {isCreating.value && <NewRoomDialog onClose={() => (isCreating.value = false)} />}
    </nav>
  )
}
