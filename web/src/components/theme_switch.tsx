import { theme, type Theme } from '../state/theme'

const next: Record<Theme, Theme> = { system: 'light', light: 'dark', dark: 'system' }
const names: Record<Theme, string> = { system: 'as the system', light: 'light', dark: 'dark' }

export function ThemeSwitch() {
  return (
    <button
      type="button"
      class="quiet"
      onClick={() => {
        theme.value = next[theme.value]
      }}
    >
      Colours: {names[theme.value]}
    </button>
  )
}
