import { useEffect, useRef } from 'preact/hooks'
import type { Member } from '../state/members'
import type { OpenRoom } from '../state/open_room'
import { isMe } from '../state/session'

/** So many are shown; a room may have thousands. */
const SHOWN_MAX = 300

function words(online: boolean | null): string {
  if (online === null) return 'not known'
  return online ? 'online' : 'away'
}

function MemberLine({ member, isOwner }: { member: Member; isOwner: boolean }) {
  const about = [isMe(member) ? 'you' : '', isOwner ? 'owner' : ''].filter(Boolean).join(', ')
  return (
    <li class={`member member-${words(member.online).replace(' ', '-')}`}>
      <span class="member-dot" aria-hidden="true" />
      <span class={`member-name hue-${member.id % 8}${member.online ? ' present' : ''}`} dir="auto">
        {member.username}
      </span>
      {about && <span class="member-about">{about}</span>}
      <span class="unseen">({words(member.online)})</span>
    </li>
  )
}

export function MemberList({ room, onClose }: { room: OpenRoom; onClose(): void }) {
  const ref = useRef<HTMLElement>(null)
  room.membersVersion.value
  const isStale = room.link.value.name !== 'live'
  const creator = room.room.value?.creator_id
  const { sorted } = room.members
  const online = sorted.filter((member) => member.online).length

  // Where it lies over the conversation, it is what one asked to read.
  useEffect(() => {
    if (!matchMedia('(min-width: 70rem)').matches) ref.current?.focus()
  }, [])

  return (
    <aside
      ref={ref}
      id="members"
      class={isStale ? 'members stale' : 'members'}
      aria-label="Members"
      tabIndex={-1}
      onKeyDown={(event) => {
        if (event.key === 'Escape') onClose()
      }}
    >
      <header>
        <h2>Members</h2>
        <button type="button" class="quiet members-close" onClick={onClose}>
          Close
        </button>
      </header>
      <p class="hint">{isStale ? 'As last known.' : `${online} of ${sorted.length} online`}</p>
      <ul>
        {sorted.slice(0, SHOWN_MAX).map((member) => (
          <MemberLine key={member.id} member={member} isOwner={member.id === creator} />
        ))}
      </ul>
      {sorted.length > SHOWN_MAX && <p class="hint">{sorted.length - SHOWN_MAX} more.</p>}
    </aside>
  )
}
