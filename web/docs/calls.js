/* Starts Swagger UI, and gives it the session. A file of its own: the Content-Security-Policy allows
 * no inline script. */
import { onSession, session, setSession } from './session.js'

const darkness = matchMedia('(prefers-color-scheme: dark)')
const follow = () => document.documentElement.classList.toggle('dark-mode', darkness.matches)
darkness.addEventListener('change', follow)
follow()

/* What a browser's fetch() cannot show: handshakes, a stream without end, a redirect. */
const NoVainTries = {
  statePlugins: {
    spec: {
      wrapSelectors: {
        allowTryItOutFor: (original, system) => (state, path, method) =>
          system.specSelectors.specJson().getIn(['paths', path, method, 'x-try-it-out']) !== false,
      },
    },
  },
}

/* What screen readers stumble over: a link within a button, and a level of headings that is missing. */
const Readable = {
  wrapComponents: {
    DeepLink: (original, { React }) => ({ text }) =>
      React.createElement('span', { className: 'nostyle' }, React.createElement('span', null, text)),
    operations: (Original, { React }) => (props) =>
      React.createElement(
        React.Fragment,
        null,
        React.createElement('h2', { className: 'calls' }, 'Calls'),
        React.createElement(Original, props),
      ),
  },
}

/* The calls that end the session whose token they carry. */
const ENDING = new Set(['/api/logout', '/api/delete'])

/* Fields and parts that Swagger UI draws without a name. */
const NAMES = {
  'select#servers': ['Server'],
  'select.examples-select-element': ['Example'],
  'textarea.body-param__text': ['Body'],
  'input.operation-filter-input': ['Filter the calls'],
  '.information-container': ['About', 'region'],
  '.filter-container': ['Filter', 'region'],
}

function nameAll(root) {
  for (const [selector, [name, role]] of Object.entries(NAMES)) {
    for (const element of root.querySelectorAll(`${selector}:not([aria-label])`)) {
      element.setAttribute('aria-label', name)
      if (role) element.setAttribute('role', role)
    }
  }
  // What can be scrolled sideways must be reachable without a mouse.
  for (const block of root.querySelectorAll('pre.microlight:not([tabindex])')) block.tabIndex = 0
}

function observe(response) {
  const token = session()?.token
  if (!token || !response.url) return response
  const { pathname } = new URL(response.url, location.href)
  const isOurs = response.req?.headers?.Authorization === `Bearer ${token}` || ENDING.has(pathname)
  if (isOurs && response.status === 401) setSession(null, 'This session has ended. Log in again.')
  else if (isOurs && response.ok && ENDING.has(pathname)) setSession(null, 'This session has ended.')
  return response
}

function authorize({ authActions, specSelectors }, now) {
  const schema = specSelectors.securityDefinitions()?.get('bearer')
  if (!schema) return
  if (now) authActions.authorizeWithPersistOption({ bearer: { name: 'bearer', schema, value: now.token } })
  else authActions.logoutWithPersistOption(['bearer'])
}

const root = document.getElementById('swagger-ui')
new MutationObserver(() => nameAll(root)).observe(root, { childList: true, subtree: true })

const ui = SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#swagger-ui',
  presets: [SwaggerUIBundle.presets.apis],
  plugins: [NoVainTries, Readable],
  layout: 'BaseLayout',
  deepLinking: true,
  filter: true,
  persistAuthorization: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  defaultModelsExpandDepth: 0,
  responseInterceptor: observe,
  onComplete: () => {
    let last = session()?.token ?? null
    if (last) authorize(ui.getSystem(), session())
    onSession((now) => {
      if ((now?.token ?? null) === last) return
      last = now?.token ?? null
      authorize(ui.getSystem(), now)
    })
  },
  // Else it would send this description to a validator on the internet.
  validatorUrl: null,
})
