import { myRooms, roomsLoaded } from '../state/rooms'

export function Welcome() {
  return (
    <main class="welcome">
      <h2>No room is open</h2>
      <p>
        {roomsLoaded.value && myRooms.value.length === 0
          ? 'Create a room, or join one of the others, to start talking.'
          : 'Choose a room to go on talking.'}
      </p>
    </main>
  )
}
