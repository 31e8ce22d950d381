import type { ConnectionState, RoomState } from '@banter/client'

/** Where the connection stands, as one room sees it. */
export type LinkState =
  | { name: 'connecting' }
  | { name: 'catching_up' }
  | { name: 'live' }
  | { name: 'waiting'; retryAt: number }
  | { name: 'closed' }

export function linkOf(connection: ConnectionState, room: RoomState): LinkState {
  switch (connection.name) {
    case 'open':
      return { name: room === 'live' || room === 'catching_up' ? room : 'connecting' }
    case 'waiting':
      return { name: 'waiting', retryAt: connection.retryAt }
    case 'idle':
    case 'connecting':
      return { name: 'connecting' }
    default:
      return { name: 'closed' }
  }
}
