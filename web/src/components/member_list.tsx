import type { OpenRoom } from '../state/open_room'
import { isMe } from '../state/session'

function words(online: boolean | null): string {
  if (online === null) return 'not known'
  return online ? 'online' : 'away'
}

export function MemberList({ room }: { room: OpenRoom }) {
  room.membersVersion.value
  const isStale = room.link.value.name !== 'live'
  const creator = room.room.value?.creator_id
  return (
    <aside id="members" class={isStale ? 'members stale' : 'members'} aria-label="Members">
      <h3>Members</h3>
      {isStale && <p class="hint">As last known.</p>}
      <ul>
        {room.members.sorted.map((member) => (
          <li key={member.id} class={`member member-${words(member.online).replace(' ', '-')}`}>
            <span class="member-dot" aria-hidden="true" />
            <span class="member-name" dir="auto">
              {member.username}
            </span>
            <span class="member-about">
              {[isMe(member) ? 'you' : '', member.id === creator ? 'owner' : '']
                .filter(Boolean)
                .join(', ')}
            </span>
            <span class="unseen">({words(member.online)})</span>
          </li>
        ))}
      </ul>
    </aside>
  )
}
