import type { Ending, RoomEnd } from './types.js'

/**
 * What the server's codes ask for: the rows of src/gateway/close_reasons.def, with which a test
 * compares them. `now`: come back, after a random time of up to afterMs; `back_off`: after that
 * time, and later with each failure; `never`: the same request cannot succeed.
 */
export type Verdict = 'now' | 'back_off' | 'never'

export const CLOSES: readonly (readonly [code: number, verdict: Verdict, afterMs: number])[] = [
  [1008, 'never', 0],
  [4001, 'never', 0],
  [4003, 'never', 0],
  [4004, 'never', 0],
  [4010, 'back_off', 1000],
  [4012, 'now', 1000],
  [1012, 'now', 3000],
  [1013, 'back_off', 1000],
  [1011, 'back_off', 5000],
]

export const LOG_RESTORED = 4012
export const CONNECTION_LOST = 1006
const SESSION_ENDED = 4001
/** Of RFC 6455: what was sent is at fault, so it would happen again at once. */
const MEND_THE_CLIENT = [1002, 1003, 1007, 1009]

/** The server's last words on a connection. */
export interface Bye extends Ending {
  reconnect: boolean
  afterMs: number
}

export type WhatNow =
  | { name: 'sign_out' }
  | { name: 'stop' }
  /** After waitMs, and the back-off on top of it if laterEachTime. */
  | { name: 'come_back'; waitMs: number; laterEachTime: boolean }

function isSessionEnd(ending: Ending): boolean {
  return ending.code === SESSION_ENDED || (ending.code === 1008 && /token/i.test(ending.reason))
}

/** `bye` counts for more than the table: it knows how long the others were told to wait. */
export function whatNow(
  ending: Ending,
  bye: Bye | null,
  random: () => number,
  backoffMaxMs: number,
): WhatNow {
  const said = bye ?? ending
  const row = CLOSES.find(([code]) => code === said.code)
  const mayReturn = bye ? bye.reconnect : row?.[1] !== 'never'
  if (!mayReturn) return isSessionEnd(said) ? { name: 'sign_out' } : { name: 'stop' }
  if (MEND_THE_CLIENT.includes(said.code)) {
    return { name: 'come_back', waitMs: backoffMaxMs, laterEachTime: true }
  }
  if (bye) return { name: 'come_back', waitMs: bye.afterMs, laterEachTime: row?.[1] !== 'now' }
  if (!row) return { name: 'come_back', waitMs: 0, laterEachTime: true }
  const isNow = row[1] === 'now'
  return {
    name: 'come_back',
    waitMs: isNow ? Math.round(random() * row[2]) : row[2],
    laterEachTime: !isNow,
  }
}

/** Why a room is heard no more, by the code of `unsubscribed`, of a `bye` on its stream, or of an
 * error; null: it may be asked for again. */
export function roomEndOf(code: number | string, isTemporary: boolean): RoomEnd['reason'] | null {
  switch (code) {
    case 4003:
      return 'removed'
    case 4004:
      return 'room_removed'
    case 'not_a_member':
    case 'room_not_found':
    case 'too_many_rooms':
      return code
    case 'already_subscribed':
    case 'not_subscribed':
      return null // two frames that crossed
    default:
      return typeof code === 'number' || isTemporary ? null : 'refused'
  }
}
