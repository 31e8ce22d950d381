import Ajv2020 from 'ajv/dist/2020'
import addFormats from 'ajv-formats'
import { createConfig, lint } from '@redocly/openapi-core'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

/* openapi.json against itself and against the C sources' tables of limits and errors. */

type Json = { [key: string]: any }

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')
const spec: Json = JSON.parse(read('../openapi.json'))

const ajv = new Ajv2020({ strict: false, allErrors: true })
addFormats(ajv, ['date-time'])
ajv.addFormat('int64', true)
ajv.addFormat('password', true)
ajv.addSchema({ $id: 'openapi.json', ...spec })

function check(pointer: string, value: unknown) {
  const validate = ajv.getSchema(`openapi.json#${pointer}`)
  if (!validate) throw new Error(`no schema at ${pointer}`)
  validate(value)
  return validate.errors ?? []
}

const escaped = (key: string) => encodeURIComponent(key.replace(/~/g, '~0').replace(/\//g, '~1'))

/** Calls fn with every media type object that has a schema, and where it is. */
function mediaTypes(node: unknown, pointer: string, fn: (media: Json, pointer: string) => void) {
  if (typeof node !== 'object' || node === null) return
  const object = node as Json
  if (object.schema && (object.example !== undefined || object.examples)) fn(object, pointer)
  for (const [key, value] of Object.entries(object)) {
    if (key !== 'schema') mediaTypes(value, `${pointer}/${escaped(key)}`, fn)
  }
}

describe('openapi.json', () => {
  test('a linter of OpenAPI 3.1 has nothing to say', async () => {
    const config = await createConfig({
      extends: ['recommended-strict'],
      rules: {
        'operation-operationId': 'error',
        'operation-description': 'off',
        'operation-tag-defined': 'error',
        'tag-description': 'error',
        'no-invalid-media-type-examples': 'error',
        'no-invalid-schema-examples': 'error',
        'no-invalid-parameter-examples': 'error',
        // What any request can meet is in the default answer, which every operation has.
        'operation-4xx-response': 'off',
        // A server of one's own is at localhost.
        'no-server-example.com': 'off',
        // The frames are not referred to by paths, but by x-websocket.
        'no-unused-components': 'off',
      },
    })
    const problems = await lint({ ref: fileURLToPath(new URL('../openapi.json', import.meta.url)), config })
    expect(problems.map((each) => `${each.ruleId} ${each.location[0]?.pointer}: ${each.message}`)).toEqual([])
  })

  test('every call has an example of its body and of each of its answers in JSON', () => {
    for (const [path, item] of Object.entries(spec.paths as Json)) {
      for (const [method, operation] of Object.entries(item as Json)) {
        expect(operation.summary, `${method} ${path}`).toBeTruthy()
        const places = [operation.requestBody, ...Object.values(operation.responses as Json)]
        for (const place of places) {
          const media = place?.content?.['application/json']
          // The description itself needs no example of itself.
          if (media && path !== '/openapi.json') expect(media.example ?? media.examples, `${method} ${path}`).toBeDefined()
        }
      }
    }
  })

  test('every example fits its schema', () => {
    let count = 0
    mediaTypes(spec, '', (media, pointer) => {
      const examples = media.examples
        ? Object.values(media.examples as Json).map((example) => example.value)
        : [media.example]
      for (const example of examples) {
        expect(check(`${pointer}/schema`, example), pointer).toEqual([])
        count++
      }
    })
    expect(count).toBeGreaterThan(40)
  })

  const schemaOfType: Json = {
    new_message: 'MessageEvent', user_activity: 'UserActivity', ack: 'Ack', error: 'ErrorFrame',
    subscribed: 'Subscribed', caught_up: 'CaughtUp', room_created: 'RoomCreatedEvent',
    hello: 'Hello', bye: 'Bye', unsubscribed: 'Unsubscribed', pong: 'Pong',
    subscribe: 'Subscribe', unsubscribe: 'Unsubscribe', message: 'RoomMessage', ping: 'Ping',
  }

  function schemaOf(frame: Json): string {
    if (!frame.type) return 'NewMessage'
    if (frame.type === 'typing') return frame.user_id ? 'Typing' : 'TypingNote'
    return schemaOfType[frame.type] ?? 'MemberEvent'
  }

  test.each([
    ['/ws/chat/{room_id}', 12],
    ['/ws/chat', 20],
    ['/api/chat/rooms/{room_id}/events', 4],
  ])('every frame to copy in the text of %s fits its schema', (path, count) => {
    const text: string = spec.paths[path].get.description
    const lines = text.match(/^(data: )?\{.*\}$/gm) ?? []
    expect(lines.length).toBe(count)
    for (const line of lines) {
      const frame: Json = JSON.parse(line.replace(/^data: /, ''))
      expect(check(`/components/schemas/${schemaOf(frame)}`, frame), line).toEqual([])
    }
  })

  test('the table of close codes has every reason of close_reasons.def', () => {
    const table = read('../../src/gateway/close_reasons.def')
    const rows = [...table.matchAll(/^CLOSE\(\w+, (\d+), (\w+), \d+, "([^"]+)"\)/gm)]
    expect(rows.length).toBeGreaterThan(9)
    const described: string[] = spec.paths['/ws/chat'].get.description.split('\n')
    for (const [, code, verdict, sentence] of rows) {
      const line = described.find((each) => each.startsWith(`| ${code} |`) && each.includes(`\`${sentence}\``))
      expect(line, `${code} ${sentence}`).toBeDefined()
      expect(/ connect again/.test(line ?? ''), line).toBe(verdict !== 'NEVER')
    }
  })

  test('every reference leads somewhere', () => {
    const follow = (node: unknown): void => {
      if (typeof node !== 'object' || node === null) return
      const reference = (node as Json).$ref
      if (typeof reference === 'string') {
        const target = reference.slice(2).split('/').reduce((at: Json | undefined, key) => at?.[key], spec)
        expect(target, reference).toBeDefined()
      }
      Object.values(node).forEach(follow)
    }
    follow(spec)
  })

  test('every operation has an id of its own, a tag that exists and an answer for errors', () => {
    const tags = new Set(spec.tags.map((tag: Json) => tag.name))
    const ids = new Set<string>()
    for (const [path, item] of Object.entries(spec.paths as Json)) {
      // Swagger UI does not resolve references in a path's own parameters.
      expect(item.parameters, path).toBeUndefined()
      for (const method of ['get', 'post', 'put', 'patch', 'delete']) {
        const operation = item[method]
        if (!operation) continue
        expect(ids.has(operation.operationId), `${method} ${path}`).toBe(false)
        ids.add(operation.operationId)
        expect(tags.has(operation.tags[0])).toBe(true)
        expect(operation.responses.default.$ref).toBe('#/components/responses/Other')
        const isOpen = operation.security?.length === 0
        expect('401' in operation.responses || isOpen, `${method} ${path}`).toBe(true)
      }
    }
  })

  test('the limits are those of limits.h', () => {
    const header = read('../../src/common/limits.h')
    const limit = (name: string) => Number(new RegExp(`#define ${name} +([0-9]+)`).exec(header)?.[1])
    const { schemas, parameters } = spec.components
    expect(schemas.Username.maxLength).toBe(limit('USERNAME_CHARS_MAX'))
    expect(schemas.Registration.properties.email.maxLength).toBe(limit('EMAIL_CHARS_MAX'))
    expect(schemas.NewPassword.maxLength).toBe(limit('PASSWORD_BYTES_MAX'))
    expect(schemas.RoomName.maxLength).toBe(limit('ROOM_NAME_CHARS_MAX'))
    expect(schemas.Text.maxLength).toBe(limit('MESSAGE_CHARS_MAX'))
    expect(schemas.ClientId.maxLength).toBe(limit('CLIENT_ID_CHARS_MAX'))
    expect(schemas.Room.properties.users.maxItems).toBe(limit('ROOM_EMBED_USERS_MAX'))
    expect(parameters.Limit.schema.default).toBe(limit('PAGE_LIMIT_DEFAULT'))
    expect(parameters.Limit.schema.maximum).toBe(limit('PAGE_LIMIT_MAX'))
    const hello = /^\{"type": "hello".*$/m.exec(spec.paths['/ws/chat'].get.description)?.[0] ?? ''
    expect(JSON.parse(hello).limits).toMatchObject({
      text_characters: limit('MESSAGE_CHARS_MAX'),
      rooms: limit('ROOMS_PER_SOCKET_MAX'),
      sends_in_flight: limit('SENDS_IN_FLIGHT_PER_SOCKET_MAX'),
    })
  })

  test('the error codes are those of errors.def, less what clients are never told', () => {
    const table = read('../../src/common/errors.def')
    const internal = new Set(['ok', 'no_row'])
    const codes = [...table.matchAll(/^ERR\(\w+, "(\w+)"/gm)]
      .map((match) => match[1] as string)
      .filter((code) => !internal.has(code) && !code.startsWith('db_'))
    expect([...spec.components.schemas.ErrorCode.enum].sort()).toEqual(codes.sort())
  })
})
