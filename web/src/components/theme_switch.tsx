import { theme, type Theme } from '../state/theme'

const choices: readonly { value: Theme; name: string }[] = [
  { value: 'system', name: 'As the system' },
  { value: 'light', name: 'Light' },
  { value: 'dark', name: 'Dark' },
]

export function ThemeSwitch() {
  return (
    <label class="theme">
      <span>Colours</span>
      <select
        value={theme.value}
        onChange={(event) => (theme.value = event.currentTarget.value as Theme)}
      >
        {choices.map(({ value, name }) => (
          <option key={value} value={value}>
            {name}
          </option>
        ))}
      </select>
    </label>
  )
}
