import { ApiError, BanterError } from '@banter/client'

/** What went wrong, for people. The codes are the server's (src/common/errors.def) and the client's. */
const sentences: Record<string, string> = {
  network: 'The server cannot be reached. Check your connection and try again.',
  timeout: 'The server does not answer. Try again in a moment.',
  signed_out: 'Your session has ended. Please sign in again.',
  invalid_credentials: 'There is no account with this name and password.',
  account_disabled: 'This account is disabled. Ask whoever runs this chat.',
  username_taken: 'Somebody else has this name already. Try another.',
  email_taken: 'There is an account with this e-mail address already.',
  password_too_short: 'A password has at least 8 characters.',
  password_too_common: 'This password is one of those that are tried first. Choose another.',
  wrong_password: 'This is not your current password.',
  session_not_found: 'This session had ended already.',
  room_not_found: 'This room does not exist (any more).',
  not_a_member: 'You are not a member of this room.',
  creator_cannot_leave: 'You created this room, so you cannot leave it.',
  message_too_long: 'The message is longer than 4,000 characters.',
  bad_frame: 'The server could not read this message.',
  database_unavailable: 'The server cannot reach its database. Try again in a moment.',
  broker_unavailable: 'A part of the server is away. Try again in a moment.',
  overloaded: 'The server is busy. Try again in a moment.',
  draining: 'The server is restarting. Try again in a moment.',
  outcome_unknown: 'The server did not confirm in time. Trying again is safe.',
  queue_full: 'Too many messages are waiting already.',
  rate_limited: 'Too many requests. Wait a moment.',
  internal_error: 'Something went wrong on the server.',
}

/** A sentence for people: ours where we know the code, else the server's. */
export function sentenceFor(code: string, message: string): string {
  return sentences[code] ?? (message || 'Something went wrong.')
}

export function sentenceOf(error: unknown): string {
  if (error instanceof ApiError && error.code === 'rate_limited' && error.retryAfterMs !== null) {
    const seconds = Math.ceil(error.retryAfterMs / 1000)
    return `Too many requests. Try again in ${seconds === 1 ? 'a second' : `${seconds} seconds`}.`
  }
  if (error instanceof BanterError) return sentenceFor(error.code, error.message)
  return error instanceof Error ? error.message : 'Something went wrong.'
}
