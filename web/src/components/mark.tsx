/** The sign of Banter: two voices. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path
        class="mark-one"
        d="M5 3h15a5 5 0 0 1 5 5v6a5 5 0 0 1-5 5h-8l-6 5v-5a4 4 0 0 1-4-4V6a3 3 0 0 1 3-3z"
      />
      <path
        class="mark-two"
        d="M28 12a3 3 0 0 1 2 3v8a4 4 0 0 1-3 4v4l-5-4h-7a4 4 0 0 1-4-3h10a7 7 0 0 0 7-7z"
      />
    </svg>
  )
}
