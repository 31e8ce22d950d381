/* Copies a text, and lets the button that asked for it say so for a while. */
const SAID_MS = 1500

export async function copyFrom(button, text) {
  const name = button.textContent
  try {
    await navigator.clipboard.writeText(text)
    button.textContent = 'Copied'
  } catch {
    // Without HTTPS, but for localhost, there is no clipboard.
    button.textContent = 'Not allowed'
  }
  button.disabled = true
  setTimeout(() => {
    button.textContent = name
    button.disabled = false
    button.focus()
  }, SAID_MS)
}
