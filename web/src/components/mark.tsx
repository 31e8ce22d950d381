/** The sign of Banter: two lines of a conversation, one's own highlighted. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path class="mark-one" d="M6 3h20a4 4 0 0 1 4 4v13a4 4 0 0 1-4 4H14l-7 6v-6H6a4 4 0 0 1-4-4V7a4 4 0 0 1 4-4z" />
      <path class="mark-two" d="M8 9h12v3H8z" />
      <path class="mark-three" d="M8 14.5h16v4.5H8z" />
    </svg>
  )
}
