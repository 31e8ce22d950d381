// The description and the server say the same: the route table equals openapi.json, and every
// answer of a whole session fits its schema.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import Ajv2020 from 'ajv/dist/2020.js';
import { Api, Socket, makeRoom, uniqueName } from './lib/client.mjs';
import { binary } from './lib/env.mjs';
import { run } from './lib/process.mjs';
import { startStack } from './lib/stack.mjs';

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'];

describe('openapi.json', () => {
  let stack;
  let api;
  let description;
  let validators;
  let seen;
  before(async () => {
    stack = await startStack();
    description = (await new Api(stack.url).get('/openapi.json')).json;
    validators = new Validators(description);
    seen = new Set();
    api = new Api(stack.url, {
      observe: (method, path, answer) => seen.add(validators.check(method, path, answer)),
    });
  });
  after(() => stack?.stop());

  it('has the routes that the gateway has, and no others', async () => {
    const { code, stdout } = await run(binary('banter-gateway'), ['--routes']);
    assert.equal(code, 0);
    const named = (path) => path.replace(/\{[^}]*\}/g, '{}');
    const served = JSON.parse(stdout)
      .filter((route) => route.method !== 'HEAD' && !/\{?\*/.test(route.path))
      .map((route) => `${route.method} ${named(route.path)}`)
      .sort();
    const described = Object.entries(description.paths)
      .flatMap(([path, item]) => METHODS.filter((method) => method in item)
        .map((method) => `${method.toUpperCase()} ${named(path)}`))
      .sort();
    assert.deepEqual(described, served);
  });

  it('describes each operation with a summary and its errors', () => {
    for (const [path, item] of Object.entries(description.paths)) {
      for (const method of METHODS.filter((one) => one in item)) {
        const operation = item[method];
        assert.ok(operation.summary, `${method} ${path}`);
        assert.ok(Object.keys(operation.responses).length >= 1);
      }
    }
  });

  it('fits what the server answers', async () => {
    const { owner, room, members: [member] } = await makeRoom(api, 1);
    const base = `/api/chat/rooms/${room.id}`;
    const client_id = uniqueName('c');
    await owner.api.post(`${base}/messages`, { text: 'described', client_id });
    await owner.api.post(`${base}/messages`, { text: 'described', client_id });
    for (const path of [
      '', '/users', '/messages', '/messages?limit=1', '/messages?limit=0', '/users?limit=x', '/verify', '/events?since=x',
    ]) {
      await owner.api.get(`${base}${path}`);
    }
    await owner.api.get('/api/chat/rooms');
    await owner.api.get('/api/chat/rooms?limit=0');
    const stranger = await api.user();
    for (const path of ['', '/users', '/messages', '/verify', '/events']) await stranger.api.get(`${base}${path}`);
    await stranger.api.post(`${base}/messages`, { text: 'x' });
    await stranger.api.post(`${base}/leave`);
    await member.api.post(`${base}/join`);
    await owner.api.post(`${base}/leave`);
    await member.api.post(`${base}/leave`);
    for (const path of ['', '/users', '/messages', '/verify', '/events']) await owner.api.get(`/api/chat/rooms/4000000000${path}`);
    for (const path of ['/join', '/leave', '/messages']) {
      await owner.api.post(`/api/chat/rooms/4000000000${path}`, { text: 'x' });
    }
    await api.post('/api/register', { username: owner.username, email: 'a@b', password: 'correct horse' });
    await api.post('/api/register', { username: '', email: 'a@b', password: 'correct horse' });
    for (const password of ['short', 'password1']) await api.post('/api/register', { username: uniqueName(), email: 'a@b', password });
    await api.post('/api/register', {});
    await api.post('/api/login', { username: 'nobody', password: 'x' });
    await api.post('/api/login', { username: 5 });
    for (const current_password of ['not this one', member.password]) {
      await member.api.post('/api/password', { current_password, new_password: `${member.password} 2` });
    }
    await member.api.post('/api/password', { current_password: 'x', new_password: 'short' });
    await member.api.post('/api/password', {});
    await api.login({ ...member, password: `${member.password} 2` });
    const sessions = (await member.api.get('/api/sessions')).json;
    await member.api.delete(`/api/sessions/${sessions.find((session) => !session.current).id}`);
    await member.api.delete(`/api/sessions/${sessions.find((session) => !session.current).id}`);
    await member.api.delete('/api/sessions');
    await owner.api.post('/api/chat/rooms', { name: '' });
    await owner.api.post(`${base}/messages`, { text: '' });
    await owner.api.post(`${base}/messages`, { text: 'x'.repeat(4001) });
    for (const path of ['/', '/health', '/healthz', '/livez', '/readyz', '/openapi.json', '/docs']) await api.get(path);
    await owner.api.post('/api/ws-ticket');
    await api.post('/api/ws-ticket');
    await api.get('/api/chat/rooms');
    await api.get('/api/chat/rooms', { token: 'ab'.repeat(32) });
    await api.get(`/ws/chat/${room.id}`);
    await stranger.api.delete('/api/delete');
    await member.api.post('/api/logout');
    await member.api.post('/api/logout');
    for (const [path, item] of Object.entries(description.paths)) {
      // A WebSocket, a stream that does not end, and what sends browsers on to a folder of pages.
      if (path.startsWith('/ws/') || path.endsWith('/events') || path === '/docs') continue;
      for (const method of METHODS.filter((one) => one in item)) {
        assert.ok(
          [...seen].some((key) => key.startsWith(`${method} ${path} 200`)), `a 200 of ${method} ${path}`,
        );
      }
    }
  });

  it('fits what the WebSocket says', async () => {
    const { owner, room, members: [member] } = await makeRoom(api, 1);
    const socket = await Socket.open(stack.url, room.id, owner.token, { since: 0 });
    await socket.say('described');
    socket.send({ text: '' });
    await member.api.leave(room.id);
    await socket.waitType('member_left');
    await socket.waitType('error');
    const kinds = new Set();
    for (const frame of socket.frames) {
      const schema = validators.frameSchema(frame.type);
      validators.checkSchema(schema, frame, `a frame of type ${frame.type}`);
      kinds.add(frame.type);
    }
    for (const kind of ['subscribed', 'room_created', 'member_joined', 'caught_up', 'user_activity', 'new_message', 'ack', 'error', 'member_left']) {
      assert.ok(kinds.has(kind), kind);
    }
    await socket.end();
  });

  it('lists every error code that the server has', () => {
    const codes = description.components.schemas.ErrorCode.enum;
    assert.equal(new Set(codes).size, codes.length);
    for (const code of ['malformed_json', 'validation_failed', 'room_not_found', 'message_too_long', 'password_too_short', 'wrong_password']) {
      assert.ok(codes.includes(code));
    }
  });
});

// Finds the schema for an answer, and holds the answer against it.
class Validators {
  constructor(description) {
    this.description = description;
    this.ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
    this.ajv.addSchema(description, 'openapi');
    this.compiled = new Map();
    this.routes = Object.keys(description.paths).map((path) => ({
      path,
      pattern: new RegExp(`^${path.replace(/\{[^}]*\}/g, '[^/]+')}$`),
    }));
  }

  resolve(pointer) {
    let node = this.description;
    let at = pointer;
    for (const key of pointer.slice(2).split('/').filter(Boolean)) {
      node = node[key.replace(/~1/g, '/').replace(/~0/g, '~')];
      if (node?.$ref && node.$ref.startsWith('#/')) return this.resolve(node.$ref + at.split(key)[1]);
    }
    return { node, pointer: at };
  }

  // Follows a response's $ref; returns [node, JSON pointer of it].
  follow(node, pointer) {
    return node?.$ref ? this.follow(this.resolve(node.$ref).node, node.$ref) : [node, pointer];
  }

  checkSchema(pointer, value, what) {
    if (!this.compiled.has(pointer)) {
      this.compiled.set(pointer, this.ajv.compile({ $ref: `openapi${pointer}` }));
    }
    const validate = this.compiled.get(pointer);
    assert.ok(validate(value), `${what}: ${JSON.stringify(value)}: ${this.ajv.errorsText(validate.errors)}`);
  }

  check(method, target, answer) {
    const pathname = target.split('?')[0];
    const route =
      this.routes.find((one) => one.path === pathname) ?? this.routes.find((one) => one.pattern.test(pathname));
    assert.ok(route, `${pathname} is described`);
    const verb = method.toLowerCase();
    const operation = this.description.paths[route.path][verb];
    assert.ok(operation, `${method} ${route.path} is described`);
    const escape = (key) => key.replace(/~/g, '~0').replace(/\//g, '~1');
    const status = String(answer.status) in operation.responses ? String(answer.status) : 'default';
    assert.ok(
      status !== 'default' || answer.status >= 300,
      `${method} ${route.path} is not described to answer ${answer.status}`,
    );
    const [response, at] = this.follow(
      operation.responses[status],
      `#/paths/${escape(route.path)}/${verb}/responses/${status}`,
    );
    if (answer.json !== undefined) {
      const content = response.content?.['application/json'];
      assert.ok(content, `${method} ${route.path} ${status} is described as JSON`);
      this.checkSchema(`${encodePointer(at)}/content/application~1json/schema`, answer.json, `${method} ${target} ${status}`);
    }
    return `${verb} ${route.path} ${answer.status}`;
  }

  // The schema that has this type as its const or in its enum.
  frameSchema(type) {
    for (const [name, schema] of Object.entries(this.description.components.schemas)) {
      const property = schema.properties?.type;
      if (property?.const === type || property?.enum?.includes(type)) return `#/components/schemas/${name}`;
    }
    throw new Error(`no schema describes frames of type ${type}`);
  }
}

// A JSON pointer as a URI fragment.
function encodePointer(pointer) {
  return pointer.replace(/[{}]/g, (char) => encodeURIComponent(char));
}
