import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { sentenceOf } from '../api/errors'
import type { OpenRoom } from '../state/open_room'
import { goToRoom } from '../state/route'
import { rooms } from '../state/rooms'
import { isMe } from '../state/session'
import { sentenceOfTypists } from '../state/typists'
import { Composer } from './composer'
import { ConnectionBar } from './connection_bar'
import { Dialog } from './dialog'
import { MemberList } from './member_list'
import { MessageList } from './message_list'

function BackLink() {
  return (
    <a class="quiet back" href="#/" aria-label="Back to the rooms">
      <span aria-hidden="true">←</span>
    </a>
  )
}

function Plain({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <main class="welcome">
      <BackLink />
      <h2 dir="auto">{title}</h2>
      {children}
    </main>
  )
}

function Outsider({ room, notice }: { room: OpenRoom; notice: string | null }) {
  const error = useSignal<string | null>(null)
  const busy = useSignal(false)
  const name = rooms.value.find((listed) => listed.id === room.id)?.name ?? 'This room'
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
  return (
    <Plain title={name}>
      <p>{notice ?? 'Only members can read and write here.'}</p>
      {error.value && (
        <p class="form-error" role="alert">
          {error.value}
        </p>
      )}
      <button type="button" class="primary" disabled={busy.value} onClick={() => void join()}>
        Join this room
      </button>
    </Plain>
  )
}

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

function RoomHeader({ room, onMembers, areMembersShown }: {
  room: OpenRoom
  areMembersShown: boolean
  onMembers(): void
}) {
  const isLeaving = useSignal(false)
  const about = room.room.value
  room.membersVersion.value
  // Who created the room cannot leave it.
  const isOwner = about !== null && isMe({
    id: about.creator_id,
    username: room.members.nameOf(about.creator_id),
  })
  return (
    <header class="room-header">
      <BackLink />
      <h2 dir="auto">{about?.name}</h2>
      <div class="room-actions">
        <button
          type="button"
          class="quiet"
          aria-expanded={areMembersShown}
          aria-controls="members"
          onClick={onMembers}
        >
          Members
        </button>
        {!isOwner && (
          <button type="button" class="quiet" onClick={() => (isLeaving.value = true)}>
            Leave
          </button>
        )}
      </div>
      {isLeaving.value && <LeaveDialog room={room} onClose={() => (isLeaving.value = false)} />}
    </header>
  )
}

export function RoomView({ room }: { room: OpenRoom }) {
  const areMembersShown = useSignal(matchMedia('(min-width: 70rem)').matches)
  const phase = room.phase.value
  switch (phase.name) {
    case 'loading':
      return <Plain title="One moment …">{null}</Plain>
    case 'outsider':
      return <Outsider room={room} notice={phase.notice} />
    case 'gone':
      return (
        <Plain title="This room is gone">
          <p>It does not exist, or not any more.</p>
        </Plain>
      )
    case 'error':
      return (
        <Plain title="This room could not be opened">
          <p role="alert">{phase.message}</p>
          <button type="button" class="primary" onClick={() => void room.load()}>
            Try again
          </button>
        </Plain>
      )
    case 'open':
      return (
        <main class={areMembersShown.value ? 'room with-members' : 'room'}>
          <RoomHeader
            room={room}
            areMembersShown={areMembersShown.value}
            onMembers={() => (areMembersShown.value = !areMembersShown.value)}
          />
          <div class="room-talk">
            <ConnectionBar room={room} />
            {room.trouble.value && (
              <p class="notice" role="alert">
                {room.trouble.value}
              </p>
            )}
            <MessageList room={room} />
            <p class="typists" dir="auto">
              {sentenceOfTypists(room.typists.names.value)}
            </p>
            <Composer
              name={room.room.value?.name ?? 'the room'}
              onSend={(text) => room.send(text)}
              onWriting={() => room.writing()}
            />
          </div>
          {areMembersShown.value && <MemberList room={room} />}
        </main>
      )
  }
}
