import { ApiError } from '@banter/client'
import { useSignal } from '@preact/signals'
import { sentenceOf } from '../text/sentences'

interface Fault {
  /** The field that it is about, if the server named one. */
  field: string | null
  sentence: string
}

function faultOf(error: unknown, fieldOfCode: Record<string, string>): Fault {
  const known = error instanceof ApiError ? error : null
  return {
    field: fieldOfCode[known?.code ?? ''] ?? known?.field ?? null,
    sentence: sentenceOf(error),
  }
}

/**
 * Something that is asked of the server: not twice at once, and what went wrong is said at the field
 * that it is about, or below the fields. `fieldOfCode` has errors whose field the server does not name.
 */
export function useSubmission(
  fields: readonly string[] = [],
  fieldOfCode: Record<string, string> = {},
) {
  const busy = useSignal(false)
  const fault = useSignal<Fault | null>(null)
  const field = fault.value?.field ?? ''
  const attempt = async (run: () => Promise<void>) => {
    if (busy.value) return
    busy.value = true
    fault.value = null
    try {
      await run()
    } catch (caught) {
      fault.value = faultOf(caught, fieldOfCode)
    } finally {
      busy.value = false
    }
  }
  return {
    busy: busy.value,
    /** About no field of these. */
    error: fields.includes(field) ? null : (fault.value?.sentence ?? null),
    errorAt: (name: string) => (field === name ? (fault.value?.sentence ?? null) : null),
    forgetError: () => {
      fault.value = null
    },
    attempt,
    onSubmit: (run: () => Promise<void>) => (event: SubmitEvent) => {
      event.preventDefault()
      void attempt(run)
    },
  }
}
