import { render } from 'preact'
import { App } from './components/app'
import { followCurrentRoom } from './state/current'
import { followAddress } from './state/route'
import { followOtherTabs } from './state/session'
import { followTheme } from './state/theme'
import './styles/tokens.css'
import './styles/base.css'
import './styles/layout.css'
import './styles/conversation.css'

followTheme()
followAddress()
followOtherTabs()
followCurrentRoom()

const root = document.getElementById('app')
if (root) render(<App />, root)
