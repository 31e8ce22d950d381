import { render } from 'preact'
import { App } from './components/app'
import { followCurrentRoom } from './state/current'
import { followShortcuts } from './keyboard/shortcuts'
import { followAddress } from './state/route'
import { followOtherTabs } from './state/session'
import { followTheme } from './state/theme'
import { followDays } from './state/today'
import './styles/fonts.css'
import './styles/tokens.css'
import './styles/base.css'
import './styles/layout.css'
import './styles/room.css'
import './styles/conversation.css'
import './styles/composer.css'

followTheme()
followAddress()
followOtherTabs()
followCurrentRoom()
followShortcuts()
followDays()

const root = document.getElementById('app')
if (root) render(<App />, root)
