/**
 * What a call can fail with. `code` is the server's stable word (src/common/errors.def), or one of
 * ours, each in its class; `temporary` says whether the same call may succeed later.
 */
export class BanterError extends Error {
  /** Stable and machine-readable: switch on it. */
  readonly code: string
  /** The HTTP status of the answer; 0 where there was none. */
  readonly status: number
  readonly temporary: boolean

  constructor(
    code: string,
    message: string,
    options: { status?: number; temporary?: boolean; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.name = new.target.name
    this.code = code
    this.status = options.status ?? 0
    this.temporary = options.temporary ?? false
  }
}

/** The server answered with an error: its code, its sentence, its status. */
export class ApiError extends BanterError {
  /** The field of the body that did not fit (`validation_failed`), if the server named one. */
  readonly field: string | null
  /** What `Retry-After`, or `retry_after_ms` of an error frame, asked for; null if neither did. */
  readonly retryAfterMs: number | null

  constructor(
    code: string,
    message: string,
    options: {
      status?: number
      temporary?: boolean
      cause?: unknown
      field?: string | null
      retryAfterMs?: number | null
    } = {},
  ) {
    super(code, message, options)
    this.field = options.field ?? null
    this.retryAfterMs = options.retryAfterMs ?? null
  }
}

/** `network`: no answer at all; `timeout`: none in time. */
export class NetworkError extends BanterError {
  constructor(code: 'network' | 'timeout', message: string, cause?: unknown) {
    super(code, message, { temporary: true, cause })
  }
}

/** `aborted`: the caller's AbortSignal ended the wait. */
export class AbortedError extends BanterError {
  constructor(cause?: unknown) {
    super('aborted', 'The caller gave up.', { cause })
  }
}

/** `signed_out`: there is no session (any more): log in again. */
export class SignedOutError extends BanterError {
  constructor(message = 'The session has ended.') {
    super('signed_out', message, { status: 401 })
  }
}

/** `closed`: this client was closed, by `close()` or because the server said not to come back. */
export class ClosedError extends BanterError {
  constructor(message = 'The client is closed.') {
    super('closed', message)
  }
}

/**
 * A message was not stored, or it is not known whether it was. `code` says why: the server's own
 * (`message_too_long`, `not_a_member`, `room_not_found` …), or `aborted`, `signed_out`, `closed`.
 */
export class SendError extends BanterError {
  /** True when it left this client without an answer: it may be stored nevertheless. To settle
   * that, send it again with the same `client_id`. */
  readonly uncertain: boolean

  constructor(
    code: string,
    message: string,
    /** The name of the message, for another try. */
    readonly clientId: string,
    options: { status?: number; temporary?: boolean; cause?: unknown; uncertain?: boolean } = {},
  ) {
    super(code, message, options)
    this.uncertain = options.uncertain ?? false
  }
}

/** `queue_full`: as many messages wait as may; this one was not taken. */
export class QueueFullError extends BanterError {
  constructor(readonly limit: number) {
    super('queue_full', `${limit} messages are waiting already.`, { temporary: true })
  }
}

/** `reader_too_slow`: an iterator over events was not read for so long that its buffer is full. */
export class ReaderTooSlowError extends BanterError {
  constructor(
    /** The last event that the iterator gave: begin again with it as `since`. */
    readonly seq: number,
  ) {
    super('reader_too_slow', 'The events were not read as fast as they came.', { temporary: true })
  }
}
