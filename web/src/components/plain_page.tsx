import type { ComponentChildren } from 'preact'

/** On narrow screens the rooms are a page of their own: the way back to it. */
export function BackLink() {
  return (
    <a class="quiet icon back" href="#/" aria-label="Back to the rooms">
      <svg viewBox="0 0 24 24" aria-hidden="true" focusable="false">
        <path d="M19 12H5M11 6l-6 6 6 6" />
      </svg>
    </a>
  )
}

/** In the place of a conversation. */
export function PlainPage({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <main id="main" class="welcome" tabIndex={-1}>
      <BackLink />
      <h1 dir="auto">{title}</h1>
      {children}
    </main>
  )
}
