import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import { sentenceOf } from '../text/sentences'

interface DialogProps {
  title: string
  action: string
  danger?: boolean
  children: ComponentChildren
  /** Closes the dialog unless it throws, which is shown. */
  onConfirm(): Promise<void>
  onClose(): void
}

/** A modal question; the browser keeps the focus inside and gives it back. */
export function Dialog(props: DialogProps) {
  const id = useId()
  const ref = useRef<HTMLDialogElement>(null)
  const busy = useSignal(false)
  const error = useSignal<string | null>(null)

  useEffect(() => {
    ref.current?.showModal()
  }, [])

  const confirm = async (event: SubmitEvent) => {
    event.preventDefault()
    if (busy.value) return
    busy.value = true
    error.value = null
    try {
      await props.onConfirm()
      ref.current?.close()
    } catch (caught) {
      error.value = sentenceOf(caught)
    } finally {
      busy.value = false
    }
  }

  return (
    <dialog ref={ref} aria-labelledby={id} onClose={props.onClose}>
      <form onSubmit={confirm}>
        <h2 id={id}>{props.title}</h2>
        {props.children}
        {error.value && (
          <p class="form-error" role="alert">
            {error.value}
          </p>
        )}
        <div class="dialog-actions">
          <button type="button" class="quiet" onClick={() => ref.current?.close()}>
            Cancel
          </button>
          <button type="submit" class={props.danger ? 'danger' : 'primary'} disabled={busy.value}>
            {props.action}
          </button>
        </div>
      </form>
    </dialog>
  )
}
