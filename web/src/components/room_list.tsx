import { useSignal } from '@preact/signals'
import { useLayoutEffect, useRef } from 'preact/hooks'
import type { Room } from '@banter/client'
import { moveAmong, oneTabStop } from '../keyboard/roving'
import { desk } from '../state/current'
import { hashOfRoom, openRoomId } from '../state/route'
import { myRooms, otherRooms, roomsLoaded } from '../state/rooms'

/** So many rooms of a kind are shown; a search finds the others. */
const SHOWN_MAX = 200
const LINK = '.room-link'

function RoomLink({ room }: { room: Room }) {
  const isOpen = openRoomId.value === room.id
  const counts = desk.value?.unread
  const unread = counts && counts.version.value >= 0 ? counts.of(room.id) : 0
  const members = room.member_count === 1 ? '1 member' : `${room.member_count} members`
  return (
    <li>
      <a
        class={unread > 0 ? 'room-link has-news' : 'room-link'}
        href={hashOfRoom(room.id)}
        {...(isOpen ? { 'aria-current': 'page' } : {})}
      >
        <span class="room-name" dir="auto">
          {room.name}
        </span>
        {unread > 0 ? (
          <span class="room-unread">
            {unread > 99 ? '99+' : unread}
            <span class="unseen"> new</span>
          </span>
        ) : (
          <span class="room-count" title={members}>
            {room.member_count}
            <span class="unseen"> {room.member_count === 1 ? 'member' : 'members'}</span>
          </span>
        )}
      </a>
    </li>
  )
}

function RoomGroup({ title, rooms, empty }: { title: string; rooms: Room[]; empty: string }) {
  const hidden = rooms.length - SHOWN_MAX
  return (
    <section class="room-group">
      <h2>{title}</h2>
      {rooms.length === 0 && <p class="hint">{empty}</p>}
      {rooms.length > 0 && (
        <ul>
          {rooms.slice(0, SHOWN_MAX).map((room) => (
            <RoomLink key={room.id} room={room} />
          ))}
        </ul>
      )}
      {hidden > 0 && <p class="hint">{hidden} more: search for a part of the name.</p>}
    </section>
  )
}

const folded = (text: string) => text.normalize('NFC').toLowerCase()

/** All rooms, with a search; the arrows go from one to the next, and only one is a tab stop. */
export function RoomList() {
  const ref = useRef<HTMLDivElement>(null)
  const search = useSignal('')
  const words = folded(search.value.trim())
  const matching = (rooms: Room[]) =>
    words === '' ? rooms : rooms.filter((room) => folded(room.name).includes(words))
  const mine = matching(myRooms.value)
  const others = matching(otherRooms.value)
  const isFruitless = words !== '' && mine.length + others.length === 0

  useLayoutEffect(() => {
    if (ref.current) oneTabStop(ref.current, LINK, document.activeElement)
  })

  const onKeyDown = (event: KeyboardEvent) => {
    const container = ref.current
    const target = event.target as HTMLElement
    if (!container || event.altKey) return
    const isSearch = target.matches('input')
    const from = isSearch ? null : target.closest(LINK)
    if (event.key === 'ArrowDown' && (isSearch || from)) moveAmong(container, LINK, from, 1)
    else if (event.key === 'ArrowUp' && from) {
      const isFirst = container.querySelector(LINK) === from
      if (isFirst) container.querySelector('input')?.focus()
      else moveAmong(container, LINK, from, -1)
    } else if (event.key === 'Enter' && isSearch) {
      container.querySelector<HTMLElement>(LINK)?.click()
      search.value = ''
    } else if (event.key === 'Escape' && (isSearch || from)) {
      search.value = ''
      document.querySelector<HTMLElement>('.composer textarea')?.focus()
    } else return
    event.preventDefault()
  }

  return (
    <div
      ref={ref}
      class="room-list"
      onKeyDown={onKeyDown}
      onFocusCapture={(event) => {
        if (ref.current) oneTabStop(ref.current, LINK, event.target as Element)
      }}
    >
      <input
        id="room-search"
        type="search"
        aria-label="Search rooms"
        placeholder="Search rooms"
        value={search.value}
        onInput={(event) => (search.value = event.currentTarget.value)}
      />
      <p class="unseen" role="status">
        {words === '' ? '' : `${mine.length + others.length} found`}
      </p>
      {!roomsLoaded.value ? null : isFruitless ? (
        <p class="hint">No room has “{search.value.trim()}” in its name.</p>
      ) : (
        <>
          {(words === '' || mine.length > 0) && (
            <RoomGroup title="Your rooms" rooms={mine} empty="None yet." />
          )}
          {(words === '' || others.length > 0) && (
            <RoomGroup title="Rooms to join" rooms={others} empty={mine.length > 0 ? 'None: you are in all of them.' : 'Nobody has made one yet.'} />
          )}
        </>
      )}
    </div>
  )
}
