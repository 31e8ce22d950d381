import { effect, signal } from '@preact/signals'
import { readStored, writeStored } from './storage'

export type Theme = 'system' | 'light' | 'dark'

const KEY = 'banter.theme'
const stored = readStored(KEY)
export const theme = signal<Theme>(stored === 'light' || stored === 'dark' ? stored : 'system')

export function followTheme(): void {
  effect(() => {
    const root = document.documentElement
    if (theme.value === 'system') delete root.dataset.theme
    else root.dataset.theme = theme.value
    writeStored(KEY, theme.value === 'system' ? null : theme.value)
  })
}
