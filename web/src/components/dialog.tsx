import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef } from 'preact/hooks'
import { FormError } from './field'
import { useSubmission } from './use_submission'

/** A <dialog> that opens modally: the browser keeps the focus inside and gives it back. */
function useModal() {
  const ref = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    ref.current?.showModal()
  }, [])
  return { ref, close: () => ref.current?.close() }
}

interface DialogProps {
  title: string
  action: string
  danger?: boolean
  children: ComponentChildren
  /** Closes the dialog unless it throws, which is shown. */
  onConfirm(): Promise<void>
  onClose(): void
}

/** A modal question. */
export function Dialog(props: DialogProps) {
  const id = useId()
  const { ref, close } = useModal()
  const { busy, error, onSubmit } = useSubmission()
  const confirm = onSubmit(async () => {
    await props.onConfirm()
    close()
  })
  return (
    <dialog ref={ref} aria-labelledby={id} onClose={props.onClose}>
      <form onSubmit={confirm}>
        <h2 id={id}>{props.title}</h2>
        {props.children}
        <FormError sentence={error} />
        <div class="dialog-actions">
          <button type="button" class="quiet" onClick={close}>
            Cancel
          </button>
          <button type="submit" class={props.danger ? 'danger' : 'primary'} disabled={busy}>
            {props.action}
          </button>
        </div>
      </form>
    </dialog>
  )
}

interface PanelProps {
  title: string
  children: ComponentChildren
  onClose(): void
}

/** A modal page of things to read or to do, which is closed when one is through. */
export function Panel({ title, children, onClose }: PanelProps) {
  const id = useId()
  const { ref, close } = useModal()
  return (
    <dialog ref={ref} class="wide" aria-labelledby={id} onClose={onClose}>
      {/* Else the focus, and with it the view, would begin at the first button. */}
      <h2 id={id} tabIndex={-1} autofocus>
        {title}
      </h2>
      {children}
      <div class="dialog-actions panel-close">
        <button type="button" class="primary" onClick={close}>
          Close
        </button>
      </div>
    </dialog>
  )
}
