import { myRooms, roomsLoaded } from '../state/rooms'
import { PlainPage } from './plain_page'

export function Welcome() {
  const isNew = roomsLoaded.value && myRooms.value.length === 0
  return (
    <PlainPage title={isNew ? 'Nobody has heard you yet' : 'Where were you?'}>
      <p>
        {isNew
          ? 'Create a room, or join one of the others, to start talking.'
          : 'Choose a room to go on talking.'}
      </p>
    </PlainPage>
  )
}
