import { useEffect, useRef } from 'preact/hooks'
import { areShortcutsShown, shortcutList } from '../keyboard/shortcuts'

export function ShortcutsDialog() {
  const ref = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    ref.current?.showModal()
  }, [])
  return (
    <dialog
      ref={ref}
      class="wide"
      aria-labelledby="shortcuts-title"
      onClose={() => (areShortcutsShown.value = false)}
    >
      {/* Else the focus, and with it the view, would begin at the button below. */}
      <h2 id="shortcuts-title" tabIndex={-1} autofocus>
        Keyboard
      </h2>
      <dl class="shortcuts">
        {shortcutList.map(({ keys, what }) => (
          <div key={`${keys}${what}`}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <div class="dialog-actions">
        <button type="button" class="primary" onClick={() => ref.current?.close()}>
          Close
        </button>
      </div>
    </dialog>
  )
}
