/** A message cut into what is text and what is a link. Only ever text: nothing here makes HTML. */
export type Part = { kind: 'text'; text: string } | { kind: 'link'; text: string; href: string }

const SAFE = new Set(['http:', 'https:', 'mailto:'])

/** Up to white space, quotes, and characters that turn the direction of text, which could make an
 * address read as another one. */
const CANDIDATE = /\b(?:https?:\/\/|mailto:)[^\s<>"'`\u200e\u200f\u202a-\u202e\u2066-\u2069]+/giu

const OPENING: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' }

/** How many more of each bracket are closed than opened. */
function surplus(text: string): Record<string, number> {
  const found: Record<string, number> = { ')': 0, ']': 0, '}': 0 }
  for (const [closing, opening] of Object.entries(OPENING)) {
    found[closing] = text.split(closing).length - text.split(opening).length
  }
  return found
}

/** Without the punctuation of the sentence around it; a bracket stays if it was opened inside. */
function withoutTail(text: string): string {
  const tooMany = surplus(text)
  let end = text.length
  while (end > 0) {
    const last = text[end - 1] as string
    if (last in OPENING) {
      const left = (tooMany[last] ?? 0) - 1
      if (left < 0) break
      tooMany[last] = left
    } else if (!/[.,;:!?…،؟。]/u.test(last)) break
    end--
  }
  return text.slice(0, end)
}

/** Where a text leads, if it may: no scripts, and no user names that look like hosts. */
export function safeHref(text: string): string | null {
  let url: URL
  try {
    url = new URL(text)
  } catch {
    return null
  }
  if (!SAFE.has(url.protocol) || url.username !== '' || url.password !== '') return null
  return url.href
}

export function partsOf(text: string): Part[] {
  const parts: Part[] = []
  let from = 0
  const add = (piece: string) => {
    if (piece !== '') parts.push({ kind: 'text', text: piece })
  }
  for (const found of text.matchAll(CANDIDATE)) {
    const shown = withoutTail(found[0])
    const href = safeHref(shown)
    if (href === null) continue
    add(text.slice(from, found.index))
    parts.push({ kind: 'link', text: shown, href })
    from = found.index + shown.length
  }
  add(text.slice(from))
  return parts
}
