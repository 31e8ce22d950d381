import { useSignal } from '@preact/signals'
import { sentenceOf } from '../text/sentences'
import type { OpenRoom } from '../state/open_room'
import { rooms } from '../state/rooms'
import { PlainPage } from './plain_page'

/** A room that one is not a member of. */
export function OutsiderPage({ room, notice }: { room: OpenRoom; notice: string | null }) {
  const error = useSignal<string | null>(null)
  const busy = useSignal(false)
  const listed = rooms.value.find((each) => each.id === room.id)
  const join = async () => {
    busy.value = true
    error.value = null
    try {
      await room.join()
    } catch (caught) {
      error.value = sentenceOf(caught)
    } finally {
      busy.value = false
    }
  }
  const count = listed?.member_count ?? 0
  const people = count === 1 ? 'One person is' : `${count} people are`
  return (
    <PlainPage title={listed?.name ?? 'This room'}>
      <p>{notice ?? 'Only members can read and write here.'}</p>
      {listed && <p>{people} in this room.</p>}
      {error.value && (
        <p class="form-error" role="alert">
          {error.value}
        </p>
      )}
      <button type="button" class="primary" disabled={busy.value} onClick={() => void join()}>
        Join this room
      </button>
    </PlainPage>
  )
}
