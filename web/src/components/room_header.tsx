import { useSignal } from '@preact/signals'
import type { OpenRoom } from '../state/open_room'
import { goToRoom } from '../state/route'
import { isMe } from '../state/session'
import { ConnectionState } from './connection'
import { Dialog } from './dialog'
import { BackLink } from './plain_page'

function LeaveDialog({ room, onClose }: { room: OpenRoom; onClose(): void }) {
  return (
    <Dialog
      title="Leave this room?"
      action="Leave"
      onClose={onClose}
      onConfirm={async () => {
        await room.leave()
        goToRoom(null)
      }}
    >
      <p>What you wrote stays. You can join again whenever you like.</p>
    </Dialog>
  )
}

interface RoomHeaderProps {
  room: OpenRoom
  areMembersShown: boolean
  onMembers(): void
}

export function RoomHeader({ room, onMembers, areMembersShown }: RoomHeaderProps) {
  const isLeaving = useSignal(false)
  const about = room.room.value
  room.membersVersion.value
  // Who created the room cannot leave it.
  const isOwner =
    about !== null && isMe({ id: about.creator_id, username: room.members.nameOf(about.creator_id) })
  return (
    <header class="room-header">
      <BackLink />
      <div class="room-title">
        <h1 dir="auto">{about?.name}</h1>
        <ConnectionState link={room.link.value} />
      </div>
      <div class="room-actions">
        <button
          type="button"
          class="quiet members-button"
          aria-expanded={areMembersShown}
          {...(areMembersShown ? { 'aria-controls': 'members' } : {})}
          onClick={onMembers}
        >
          Members
        </button>
        {!isOwner && (
          <button
            type="button"
            class="quiet"
            onClick={() => (isLeaving.value = true)}
          >
            Leave
          </button>
        )}
      </div>
      {isLeaving.value && <LeaveDialog room={room} onClose={() => (isLeaving.value = false)} />}
    </header>
  )
}
