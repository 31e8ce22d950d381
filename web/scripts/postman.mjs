// A Postman collection (v2.1) from openapi.json, made so that a run from top to bottom on a fresh
// server succeeds: one account creates a room and talks in it, another one joins, leaves and goes.
import { createHash } from 'node:crypto'
import converter from 'openapi-to-postmanv2'

const PASSWORD = 'correct horse battery staple'

const VARIABLES = [
  ['baseUrl', 'http://localhost:8000', 'Where the server is.'],
  ['token', '', 'The session: "Log in" sets it.'],
  ['room_id', '1', 'The room: "Create a room" sets it.'],
  ['session_id', '', 'A session: "List one\'s sessions" sets it, to the present one.'],
  ['password', PASSWORD, 'Of both accounts.'],
]

/* Folders and their requests by operationId, in an order in which they succeed. */
const FOLDERS = [
  ['To begin', 'An account and its session.', [['register', 'ada'], ['login', 'ada'], ['makeSocketTicket']]],
  ['Rooms', 'A room of one\'s own.', [['createRoom'], ['listRooms'], ['getRoom'], ['listRoomUsers']]],
  ['Messages', 'What is said in it.', [['sendMessage'], ['listMessages'], ['verifyRoom']]],
  ['A second person', 'From here on the token is hers.',
    [['register', 'grace'], ['login', 'grace'], ['joinRoom'], ['leaveRoom']]],
  ['Her sessions', 'Another password (here the same), and an end to sessions, at last to the present one.',
    [['changePassword'], ['endOtherSessions'], ['listSessions'], ['endSession'], ['login', 'grace']]],
  ['Service', 'For balancers, monitors and programs.',
    [['index'], ['health'], ['healthz'], ['livez'], ['ready'], ['docs'], ['openapi']]],
  ['To end', 'The second person logs out, comes back, and deletes her account.',
    [['logout'], ['login', 'grace'], ['deleteAccount']]],
]

/* What a request/response client cannot hold. */
export const LEFT_OUT = new Set(['openSocket', 'openRoomSocket', 'streamEvents'])

/* What a request leaves behind for those after it: from the answer's JSON to a variable. */
const KEEPS = {
  login: ['token', 'said.data && said.data.access_token'],
  createRoom: ['room_id', 'said.id'],
  listSessions: ['session_id', 'said.find(({ current }) => current).id'],
}

function convert(description) {
  const options = {
    folderStrategy: 'Tags',
    requestNameSource: 'fallback',
    parametersResolution: 'Example',
    includeAuthInfoInExample: false,
    enableOptionalParameters: false,
  }
  return new Promise((resolve, reject) => {
    converter.convertV2({ type: 'json', data: description }, options, (error, answer) => {
      if (error) reject(error)
      else if (!answer.result) reject(new Error(answer.reason))
      else resolve(answer.output[0].data)
    })
  })
}

/* As UUIDs, which Postman wants; the same in each build. */
function idOf(text) {
  const hex = createHash('sha256').update(text).digest('hex')
  return hex.slice(0, 32).replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, '$1-$2-$3-$4-$5')
}

function* operationsOf(description) {
  for (const [path, item] of Object.entries(description.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      yield { path, method: method.toUpperCase(), operation }
    }
  }
}

const keyOf = (method, path) => `${method} ${path.replace(/\{(\w+)\}/g, ':$1')}`

function testsOf({ operationId, responses }) {
  const statuses = Object.keys(responses).filter((status) => /^\d+$/.test(status)).map(Number)
  const lines = [
    `pm.test('the status is one that is documented', () => {`,
    `  pm.expect(pm.response.code).to.be.oneOf([${statuses.join(', ')}])`,
    '})',
  ]
  if (operationId in KEEPS) {
    const [variable, value] = KEEPS[operationId]
    lines.push(
      'if (pm.response.code === 200) {',
      '  const said = pm.response.json()',
      `  pm.collectionVariables.set('${variable}', ${value})`,
      '}',
    )
  }
  return [{ listen: 'test', script: { type: 'text/javascript', exec: lines } }]
}

const BODIES = {
  changePassword: { current_password: '{{password}}', new_password: '{{password}}' },
}

/* The converted request as one of ours: with variables, and without what is only an example. */
function requestOf(converted, operation, username) {
  const item = structuredClone(converted)
  const { request } = item
  item.name = username ? `${operation.summary}: ${username}` : operation.summary
  item.id = idOf(item.name)
  for (const variable of request.url.variable ?? []) variable.value = `{{${variable.key}}}`
  request.header = (request.header ?? []).filter(({ key }) => /^(content-type|accept)$/i.test(key))
  // The collection's own token, but where nobody needs one.
  delete request.auth
  if (operation.security?.length === 0) request.auth = { type: 'noauth' }
  if (username) {
    const body = { username, email: `${username}@example.org`, password: '{{password}}' }
    if (operation.operationId === 'login') delete body.email
    request.body.raw = JSON.stringify(body, null, 2)
  }
  const fixed = BODIES[operation.operationId]
  if (fixed) request.body.raw = JSON.stringify(fixed, null, 2)
  item.response = []
  item.event = testsOf(operation)
  item.protocolProfileBehavior = { followRedirects: false }
  return item
}

export async function postmanCollection(description) {
  const collection = await convert(description)
  const converted = new Map(
    collection.item
      .flatMap((folder) => folder.item)
      .map((item) => [`${item.request.method} /${item.request.url.path.join('/')}`, item]),
  )
  const operations = new Map(
    [...operationsOf(description)].map((each) => [each.operation.operationId, each]),
  )
  const left = new Set([...operations.keys()].filter((id) => !LEFT_OUT.has(id)))
  const item = FOLDERS.map(([name, text, calls]) => ({
    id: idOf(name),
    name,
    description: text,
    item: calls.map(([operationId, username]) => {
      const { path, method, operation } = operations.get(operationId)
      left.delete(operationId)
      const made = requestOf(converted.get(keyOf(method, path)), operation, username)
      return { ...made, id: idOf(`${name} ${made.name}`) }
    }),
  }))
  if (left.size > 0) throw new Error(`no place in the collection for ${[...left].join(', ')}`)
  return {
    info: {
      _postman_id: idOf('collection'),
      name: description.info.title,
      description: `${description.info.description}\n\nA run from top to bottom works on a fresh server. WebSockets and the stream of server-sent events are not in it; /docs/websocket.html has a console for them.`,
      schema: collection.info.schema,
    },
    auth: { type: 'bearer', bearer: [{ type: 'string', key: 'token', value: '{{token}}' }] },
    variable: VARIABLES.map(([key, value, text]) => ({ key, value, description: text, type: 'string' })),
    item,
  }
}
