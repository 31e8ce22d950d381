/** What the codes ask for with which the server closes a socket, or ends a room on it: see the table
 * at /ws/chat in openapi.json. */

export type SocketVerdict = 'reconnect' | 'sign_out' | 'log_restored'
export type RoomEnd = 'not_a_member' | 'room_gone'

export function verdictOf(code: number): SocketVerdict {
  if (code === 1008 || code === 4001) return 'sign_out'
  return code === 4012 ? 'log_restored' : 'reconnect'
}

/** Of the code in `unsubscribed`, or in the error that answers `subscribe`; null: it may come back. */
export function roomEndOf(code: number | string | null): RoomEnd | null {
  if (code === 4003 || code === 'not_a_member') return 'not_a_member'
  return code === 4004 || code === 'room_not_found' ? 'room_gone' : null
}
