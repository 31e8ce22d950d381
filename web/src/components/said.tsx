import { useMemo } from 'preact/hooks'
import { isFewEmoji } from '../text/emoji'
import { partsOf } from '../text/links'

/** The text of a message: text nodes, and links to where it is safe to go. */
export function Said({ text }: { text: string }) {
  const parts = useMemo(() => partsOf(text), [text])
  return (
    <p class={isFewEmoji(text) ? 'said said-large' : 'said'} dir="auto">
      <span class="ink">
        {parts.map((part) =>
          part.kind === 'text' ? (
            part.text
          ) : (
            <a
              href={part.href}
              target="_blank"
              rel="noopener noreferrer"
              {...(part.href === part.text ? {} : { title: part.href })}
            >
              {part.text}
            </a>
          ),
        )}
      </span>
    </p>
  )
}
