/** A few lines of a play, in the manner of the conversations: what this is, before one has seen it. */
const lines = [
  { name: 'Ada', hue: 1, text: 'Is anybody there?' },
  { name: 'Grace', hue: 4, text: 'Everybody is. We were waiting for you.' },
  { name: 'You', hue: null, text: 'Then let’s begin.' },
]

export function Scene() {
  return (
    <div class="scene" aria-hidden="true">
      {lines.map(({ name, hue, text }) => (
        <div key={name} class={hue === null ? 'scene-line mine' : 'scene-line'}>
          <span class={hue === null ? 'speaker' : `speaker hue-${hue}`}>{name}</span>
          <span class="said">
            <span class="ink">{text}</span>
          </span>
        </div>
      ))}
    </div>
  )
}
