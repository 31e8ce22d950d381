import { useSignal } from '@preact/signals'
import { draftOf, keepDraft } from '../state/drafts'
import type { OpenRoom } from '../state/open_room'
import { place } from '../state/route'
import { session } from '../state/session'
import { sentenceOfTypists } from '../state/typists'
import { Composer } from './composer'
import { OfflineBar } from './connection'
import { MemberList } from './member_list'
import { MessageList } from './message_list'
import { OutsiderPage } from './outsider_page'
import { PlainPage } from './plain_page'
import { RoomHeader } from './room_header'

function Talk({ room }: { room: OpenRoom }) {
  const me = session.value?.username ?? ''
  const trouble = room.trouble.value ?? room.history.trouble.value
  return (
    <div class="room-talk">
      <OfflineBar room={room} />
      {trouble && (
        <p class="notice" role="alert">
          {trouble}
        </p>
      )}
      <MessageList room={room} />
      <p class="typists" dir="auto">
        {sentenceOfTypists(room.typists.names.value)}
      </p>
      <Composer
        name={room.room.value?.name ?? 'the room'}
        draft={draftOf(me, room.id)}
        isFirst={place.peek()?.messageId == null}
        onDraft={(text) => keepDraft(me, room.id, text)}
        onSend={(text) => room.send(text)}
        onWriting={() => room.writing()}
      />
    </div>
  )
}

function Conversation({ room }: { room: OpenRoom }) {
  const areMembersShown = useSignal(matchMedia('(min-width: 70rem)').matches)
  return (
    <main id="main" class={areMembersShown.value ? 'room with-members' : 'room'} tabIndex={-1}>
      <RoomHeader
        room={room}
        areMembersShown={areMembersShown.value}
        onMembers={() => (areMembersShown.value = !areMembersShown.value)}
      />
      <Talk room={room} />
      {areMembersShown.value && (
        <MemberList
          room={room}
          onClose={() => {
            areMembersShown.value = false
            document.querySelector<HTMLElement>('.members-button')?.focus()
          }}
        />
      )}
    </main>
  )
}

export function RoomView({ room }: { room: OpenRoom }) {
  const phase = room.phase.value
  switch (phase.name) {
    case 'loading':
      return <PlainPage title="One moment …">{null}</PlainPage>
    case 'outsider':
      return <OutsiderPage room={room} notice={phase.notice} />
    case 'gone':
      return (
        <PlainPage title="This room is gone">
          <p>It does not exist, or not any more.</p>
        </PlainPage>
      )
    case 'error':
      return (
        <PlainPage title="This room could not be opened">
          <p role="alert">{phase.message}</p>
          <button type="button" class="primary" onClick={() => void room.load()}>
            Try again
          </button>
        </PlainPage>
      )
    case 'open':
      return <Conversation room={room} />
  }
}
