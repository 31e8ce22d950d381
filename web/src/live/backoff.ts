/**
 * How long to wait before the next try: anything up to a ceiling that doubles ("full jitter"), so
 * that the clients of a server that went away do not all come back in the same moment.
 */
export const BACKOFF_FIRST_MS = 500
export const BACKOFF_MAX_MS = 15_000

export function backoffMs(failures: number, random: () => number): number {
  const ceiling = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(failures, 10))
  return Math.round(random() * ceiling)
}
