import { AbortedError, ApiError, BanterError, NetworkError } from './errors.js'
import type { Fields } from './frames.js'
import type { CallOptions, Clock } from './types.js'

export interface Answer<Body> {
  body: Body
  /** The address of the next page, from the Link header; null on the last. */
  next: string | null
}

/** The target of rel="next" in a Link header (RFC 8288), or null. */
export function nextLink(header: string | null): string | null {
  for (const part of (header ?? '').split(/,(?=\s*<)/)) {
    const match = /^\s*<([^>]*)>(.*)$/.exec(part)
    if (match?.[2] && /;\s*rel="?next"?/i.test(match[2])) return match[1] ?? null
  }
  return null
}

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null

/** What the server would call temporary; of other answers, those that a proxy in front makes up
 * while the server is away. */
const TEMPORARY_STATUS = new Set([408, 425, 429, 502, 503, 504])

function retryAfterMs(header: string | null): number | null {
  const seconds = header === null ? NaN : Number(header)
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : null
}

export function errorOf(status: number, headers: Headers, body: unknown): ApiError {
  const fields = isFields(body) ? body : {}
  const code = typeof fields.code === 'string' ? fields.code : 'unknown'
  const sentence = typeof fields.message === 'string' ? fields.message : `The server answered ${status}.`
  const field = isFields(fields.data) && typeof fields.data.field === 'string' ? fields.data.field : null
  return new ApiError(code, sentence, {
    status,
    field,
    temporary: TEMPORARY_STATUS.has(status),
    retryAfterMs: retryAfterMs(headers.get('Retry-After')),
  })
}

export interface RestOptions {
  url: string
  fetch: typeof fetch
  clock: Clock
  timeoutMs: number
  token(): string | null | Promise<string | null>
  /** The server does not know the token (any more). */
  onInvalidToken(token: string): void
}

export interface RequestOptions extends CallOptions {
  body?: unknown
  /** Without a token, as for a login. */
  anonymous?: boolean
}

const JSON_TYPE = 'application/json'

/** Calls the HTTP API. Rejects with ApiError, NetworkError or AbortedError. */
export class Rest {
  constructor(private readonly options: RestOptions) {}

  async call<Body>(method: string, path: string, options: RequestOptions = {}): Promise<Answer<Body>> {
    const { signal } = options
    const cut = new AbortController()
    let isLate = false
    const timer = this.options.clock.setTimeout(() => {
      isLate = true
      cut.abort()
    }, this.options.timeoutMs)
    const onAbort = () => cut.abort()
    if (signal?.aborted) onAbort()
    signal?.addEventListener('abort', onAbort)
    try {
      const response = await this.open(method, path, cut.signal, JSON_TYPE, options)
      const body = (await response.json()) as Body
      return { body, next: nextLink(response.headers.get('Link')) }
    } catch (error) {
      if (signal?.aborted) throw new AbortedError(signal.reason)
      if (isLate) throw new NetworkError('timeout', 'The server did not answer in time.', error)
      if (error instanceof BanterError) throw error
      throw new NetworkError('network', 'The server cannot be reached.', error)
    } finally {
      this.options.clock.clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  /** The answer of success, whose body is to be read; what fetch itself throws goes through. */
  async open(
    method: string,
    path: string,
    signal: AbortSignal,
    accept: string,
    options: RequestOptions = {},
  ): Promise<Response> {
    const headers: Record<string, string> = { Accept: accept }
    const token = options.anonymous ? null : await this.options.token()
    if (token !== null) headers.Authorization = `Bearer ${token}`
    if (options.body !== undefined) headers['Content-Type'] = JSON_TYPE
    const response = await this.options.fetch(this.options.url + path, {
      method,
      headers,
      signal,
      cache: 'no-store',
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    })
    if (response.ok) return response
    const error = errorOf(response.status, response.headers, await response.json().catch(() => null))
    const isTokens = error.code === 'invalid_token' || error.code === 'unauthenticated'
    if (isTokens && token !== null) this.options.onInvalidToken(token)
    throw error
  }
}
