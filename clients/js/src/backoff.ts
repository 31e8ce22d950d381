export const BACKOFF_FIRST_MS = 500

/**
 * How long to wait before the next try: anything up to a ceiling that doubles ("full jitter"), so
 * that the clients of a server that went away do not all come back in the same moment.
 */
export function backoffMs(failures: number, maxMs: number, random: () => number): number {
  const ceiling = Math.min(maxMs, BACKOFF_FIRST_MS * 2 ** Math.min(failures, 16))
  return Math.round(random() * ceiling)
}
