import { ApiError } from './errors'

export interface Answer<Body> {
  body: Body
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

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

/** The error that an answer with this status and body stands for. */
export function errorFrom(status: number, body: unknown): ApiError {
  if (!isRecord(body)) return new ApiError(status, 'unknown', `The server answered ${status}.`)
  const code = typeof body.code === 'string' ? body.code : 'unknown'
  const message = typeof body.message === 'string' ? body.message : `The server answered ${status}.`
  const field = isRecord(body.data) && typeof body.data.field === 'string' ? body.data.field : null
  return new ApiError(status, code, message, field)
}

/** Calls the API and gives the answer's body; throws an ApiError for anything but success. */
export async function request<Body>(
  method: string,
  path: string,
  token: string | null,
  body?: unknown,
): Promise<Answer<Body>> {
  const headers: Record<string, string> = { Accept: 'application/json' }
  if (token) headers.Authorization = `Bearer ${token}`
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  let response: Response
  try {
    response = await fetch(path, {
      method,
      headers,
      cache: 'no-store',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
  } catch {
    throw new ApiError(0, 'network', 'no answer')
  }
  let parsed: unknown
  try {
    parsed = await response.json()
  } catch {
    parsed = undefined
  }
  if (!response.ok) throw errorFrom(response.status, parsed)
  return { body: parsed as Body, next: nextLink(response.headers.get('Link')) }
}
