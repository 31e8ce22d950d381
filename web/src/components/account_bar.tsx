import { useSignal } from '@preact/signals'
import { areShortcutsShown } from '../keyboard/shortcuts'
import { deleteAccount, session, signOut } from '../state/session'
import { AccountDialog } from './account_dialog'
import { Dialog } from './dialog'
import { ThemeSwitch } from './theme_switch'

function DeleteDialog({ onClose }: { onClose(): void }) {
  return (
    <Dialog
      title="Delete your account?"
      action="Delete for good"
      danger
      onClose={onClose}
      onConfirm={deleteAccount}
    >
      <p>
        Your name, e-mail address and password are erased. Your messages stay, without your name.
        This cannot be undone.
      </p>
    </Dialog>
  )
}

export function AccountBar() {
  const isManaging = useSignal(false)
  const isDeleting = useSignal(false)
  return (
    <footer class="account">
      <details>
        <summary>
          <span class="account-name">
            Signed in as <strong dir="auto">{session.value?.username}</strong>
          </span>
        </summary>
        <div class="account-menu">
          <ThemeSwitch />
          <button type="button" class="quiet" onClick={() => (areShortcutsShown.value = true)}>
            Keyboard
          </button>
          <a class="quiet" href="/docs">
            API documentation
          </a>
          <button type="button" class="quiet" onClick={() => (isManaging.value = true)}>
            Password and sessions
          </button>
          <button type="button" class="quiet" onClick={() => void signOut()}>
            Sign out
          </button>
          <button type="button" class="quiet warn" onClick={() => (isDeleting.value = true)}>
            Delete account …
          </button>
        </div>
      </details>
      {isManaging.value && <AccountDialog onClose={() => (isManaging.value = false)} />}
      {isDeleting.value && <DeleteDialog onClose={() => (isDeleting.value = false)} />}
    </footer>
  )
}
