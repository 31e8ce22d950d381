import { areShortcutsShown, shortcutList } from '../keyboard/shortcuts'
import { Panel } from './dialog'

export function ShortcutsDialog() {
  return (
    <Panel title="Keyboard" onClose={() => (areShortcutsShown.value = false)}>
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
    </Panel>
  )
}
