// How a WebSocket says whose it is: Authorization, Sec-WebSocket-Protocol, a ticket, the first frame,
// and ?token=, which the original's clients use; and that none of them is written down anywhere.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import WebSocket from 'ws';
import { Api, Socket, assertError, makeRoom, uniqueName } from './lib/client.mjs';
import { EventStream } from './lib/event_stream.mjs';
import { MultiSocket } from './lib/multi_socket.mjs';
import { RawConnection, handshakeRequest } from './lib/raw.mjs';
import { startStack } from './lib/stack.mjs';

const INVALID = { code: 1008, reason: 'Invalid token' };
const NOBODYS = 'ab'.repeat(32);
const AUTH_MS = 4000;

let stack;
let api;
let owner;
let room;

before(async () => {
  stack = await startStack({
    workers: 2,
    gateways: 2,
    env: { log_level: 'debug' },
    gatewayEnv: { access_log: 1, socket_auth_ms: AUTH_MS },
  });
  api = new Api(stack.url);
  ({ owner, room } = await makeRoom(api, 0));
});
after(() => stack?.stop());

const open = (roomId, { token, headers, protocols, query = '', gateway = 0, ...options } = {}) => {
  return new Socket(stack.gateways[gateway].url, roomId, token, { headers, ...options, protocols, query });
};

const ticketOf = async (user) => {
  const answer = await user.api.post('/api/ws-ticket');
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.headers['cache-control'], 'no-store');
  assert.match(answer.json.ticket, /^[0-9a-f]{64}$/);
  assert.equal(answer.json.expires_in, 30);
  return answer.json.ticket;
};

// Both kinds of sockets, opened in one way, work.
async function assertWorks(options, { protocol = '', first } = {}) {
  const single = open(room.id, { ...(await options()), since: 0 });
  await single.opened;
  if (first) single.send(first());
  assert.equal(single.ws.protocol, protocol);
  await single.waitType('caught_up');
  await single.say(uniqueName('text'));
  await single.end();
  const multi = open(null, await options());
  await multi.opened;
  if (first) multi.send(first());
  const hello = await multi.waitType('hello');
  assert.equal(hello.user.id, owner.id);
  await multi.end();
}

async function assertRefused(socket, close = INVALID) {
  await socket.opened;
  assert.deepEqual(await socket.waitClosed(), close);
  assert.deepEqual(socket.frames, [], 'not a word');
}

describe('a WebSocket is whose', () => {
  it('the header says, for programs that can send one', async () => {
    await assertWorks(() => ({ headers: { authorization: `Bearer ${owner.token}` } }));
    for (const value of [`Bearer ${NOBODYS}`, 'Bearer nonsense', 'Bearer ']) {
      await assertRefused(open(null, { headers: { authorization: value } }));
    }
  });

  it('a token among the protocols says, which is never chosen', async () => {
    const offered = (token) => ['banter.v1', `banter.token.${token}`];
    await assertWorks(() => ({ protocols: offered(owner.token) }), { protocol: 'banter.v1' });
    await assertRefused(open(null, { protocols: offered(NOBODYS) }));
    await assertRefused(open(room.id, { protocols: offered('nonsense') }));
    const raw = async (value) => {
      const connection = await RawConnection.open(stack.port);
      connection.write(handshakeRequest('/ws/chat', { headers: { 'Sec-WebSocket-Protocol': value } }));
      const answer = await connection.readResponse();
      connection.destroy();
      return answer;
    };
    for (const [value, chosen] of [
      [`banter.token.${owner.token},\tbanter.v1`, 'banter.v1'],
      [`banter.token.${owner.token}`, undefined],
      ['chat, superchat', undefined],
    ]) {
      const answer = await raw(value);
      assert.equal(answer.status, 101);
      assert.equal(answer.headers['sec-websocket-protocol'], chosen);
      assert.ok(!answer.rawHeaders?.toString().includes(owner.token));
    }
    for (const value of ['banter.v1 banter.v2', 'banter.v1, banter.v1', `banter.token.${owner.token}, banter.token.${NOBODYS}`, 'a;b']) {
      const answer = await raw(value);
      assert.equal(answer.status, 400, value);
    }
  });

  it('?token= says, as ever', async () => {
    await assertWorks(() => ({ token: owner.token }));
    for (const token of ['', 'nonsense', NOBODYS]) await assertRefused(open(null, { token }));
  });

  it('its first frame says', async () => {
    await assertWorks(() => ({}), { first: () => ({ type: 'auth', token: owner.token }) });
  });

  it('the better of two ways says', async () => {
    await assertWorks(() => ({ headers: { authorization: `Bearer ${owner.token}` }, token: NOBODYS }));
    await assertRefused(open(null, { headers: { authorization: `Bearer ${NOBODYS}` }, token: owner.token }));
  });
});

describe('the first frame', () => {
  it('is the only one that is read before it is known who is there', async () => {
    for (const frame of ['{"type":"ping"}', `{"type":"subscribe","room_id":${room.id}}`, '{"text":"too early"}', '{"type":"auth"}', 'nonsense', `{"type":"auth","token":"${NOBODYS}"}`, Buffer.from(`{"type":"auth","token":"${owner.token}"}`)]) {
      for (const roomId of [null, room.id]) {
        const socket = open(roomId);
        await socket.opened;
        socket.sendRaw(frame);
        assert.deepEqual(await socket.waitClosed(), INVALID, String(frame));
        assert.deepEqual(socket.frames, []);
      }
    }
  });

  it('may be followed at once by others, which are handled after it', async () => {
    const socket = open(null);
    await socket.opened;
    socket.send({ type: 'auth', token: owner.token });
    socket.send({ type: 'subscribe', room_id: room.id, since: 0 });
    socket.send({ type: 'ping' });
    await socket.waitType('pong');
    await socket.waitType('caught_up');
    assert.equal(socket.frames[0].type, 'hello');
    // Now it is a frame like any other.
    socket.send({ type: 'auth', token: owner.token });
    assert.equal((await socket.waitType('error')).code, 'bad_frame');
    await socket.end();
  });

  it('comes in time or not at all', async () => {
    const begun = Date.now();
    const silent = [open(null), open(room.id)];
    const gone = open(null);
    await gone.opened;
    gone.terminate();
    for (const socket of silent) await assertRefused(socket);
    assert.ok(Date.now() - begun >= AUTH_MS - 50, 'it was waited for');
    // A ping is no frame of the protocol, and buys no time.
    const pinging = open(null);
    await pinging.opened;
    pinging.ws.ping();
    await assertRefused(pinging);
  });

  it('is checked like every token', async () => {
    const stranger = await api.user('stranger');
    const socket = open(room.id);
    await socket.opened;
    socket.send({ type: 'auth', token: stranger.token });
    assert.deepEqual(await socket.waitClosed(), { code: 1008, reason: 'Not a member of this room' });
  });
});

describe('a ticket', () => {
  it('opens one socket, of whatever gateway and worker', async () => {
    await assertWorks(async () => ({ query: `ticket=${await ticketOf(owner)}` }));
    for (const gateway of [0, 1]) {
      const ticket = await ticketOf(owner);
      const socket = open(null, { query: `ticket=${ticket}`, gateway });
      await socket.waitType('hello');
      for (const again of [0, 1]) await assertRefused(open(null, { query: `ticket=${ticket}`, gateway: again }));
      await socket.end();
    }
  });

  it('opens one of many that come at once', async () => {
    for (let round = 0; round < 3; round += 1) {
      const ticket = await ticketOf(owner);
      const sockets = Array.from({ length: 12 }, (_, i) => open(null, { query: `ticket=${ticket}`, gateway: i % 2 }));
      const ends = await Promise.all(sockets.map((socket) => Promise.race([socket.waitType('hello').then(() => 'in', () => 'out'), socket.closed.then(() => 'out')])));
      assert.equal(ends.filter((end) => end === 'in').length, 1, ends.join());
      await Promise.all(sockets.map((socket) => (socket.isOpen ? socket.end() : undefined)));
    }
  });

  it('is for a while, and its hash alone is kept', async () => {
    const ticket = await ticketOf(owner);
    const rows = await stack.database.query('SELECT HEX(ticket_hash), (expires_at_us - UNIX_TIMESTAMP(NOW(6)) * 1000000) / 1000000 FROM ws_tickets');
    assert.ok(!String(rows).toLowerCase().includes(ticket), 'not the ticket');
    assert.ok(rows.every(([, seconds]) => Number(seconds) <= 30), String(rows));
    await stack.database.query('UPDATE ws_tickets SET expires_at_us = 1');
    await assertRefused(open(null, { query: `ticket=${ticket}` }));
  });

  it('ends with its session, and so does its socket', async () => {
    const user = await api.user('leaver');
    const tickets = [await ticketOf(user), await ticketOf(user)];
    const socket = open(null, { query: `ticket=${tickets[0]}` });
    await socket.waitType('hello');
    await user.api.post('/api/logout');
    assert.deepEqual(await socket.waitClosed(), { code: 4001, reason: 'Session ended' });
    await assertRefused(open(null, { query: `ticket=${tickets[1]}` }));
  });

  it('is given to who has a session, and is no token', async () => {
    assertError(await api.post('/api/ws-ticket'), 401, 'unauthenticated');
    assertError(await api.as(NOBODYS).post('/api/ws-ticket'), 401, 'invalid_token');
    const ticket = await ticketOf(owner);
    assertError(await api.as(ticket).get('/api/chat/rooms'), 401, 'invalid_token');
    await assertRefused(open(null, { token: ticket }));
    await assertRefused(open(null, { query: `ticket=${owner.token}` }));
  });
});

describe('what proves who is there', () => {
  it('is in no log, wherever it was sent', async () => {
    const user = await api.user('secretive');
    const own = await user.api.createRoom();
    const { token } = user;
    const ticket = await ticketOf(user);
    const paths = [`/ws/chat?token=${token}`, `/ws/chat/${own.id}?since=x&token=${token}`, `/api/chat/rooms?token=${token}`, `/nothing/${'x'.repeat(9)}?token=${token}&ticket=${ticket}`, `/ws/chat?ticket=${ticket}`, `/api/login?token=${token}`, `/?token=${token}`, `/openapi.json?token=${token}`];
    for (const path of paths) for (const method of ['GET', 'POST', 'OPTIONS']) await user.api.request(method, path, { json: method === 'POST' ? {} : undefined });
    for (const options of [{ token }, { headers: { authorization: `Bearer ${token}` } }, { protocols: ['banter.v1', `banter.token.${token}`] }, { query: `ticket=${ticket}` }]) {
      const socket = open(null, options);
      await socket.waitType('hello');
      await socket.end();
    }
    for (const first of [`{"type":"auth","token":"${token}"}`, `{"type":"auth","token":"${token}`, token]) {
      const socket = open(null);
      await socket.opened;
      socket.sendRaw(first);
      await Promise.race([socket.waitType('hello').catch(() => {}), socket.closed]);
      socket.terminate();
    }
    const refused = new WebSocket(`${stack.url.replace('http', 'ws')}/ws/chat?token=${token}`, { origin: 'https://evil.example' });
    await new Promise((resolve) => refused.once('error', resolve));
    const stream = await EventStream.open(stack.url, `/api/chat/rooms/${own.id}/events?token=${token}`, {});
    assert.equal(stream.status, 200);
    stream.request.destroy();
    for (const text of [`GET /ws/chat?token=${token} HTTP/1.1\r\nX : y\r\n\r\n`, `GET /ws/chat?token=${token} HTTP/9\r\n\r\n`, `GET /${'x'.repeat(5000)}?token=${token} HTTP/1.1\r\n\r\n`, `Authorization: Bearer ${token}\r\n\r\n`]) {
      const connection = await RawConnection.open(stack.port);
      connection.write(text);
      await connection.readToEnd();
      connection.destroy();
    }
    await stack.killWorker();
    await stack.waitReady();
    const text = stack.logs();
    assert.ok(text.includes('event=http.request') && text.includes('event=ws.open') && text.includes('event=ws.origin_refused'));
    const lines = text.split('\n');
    for (const secret of [token, ticket, owner.token]) {
      assert.deepEqual(lines.filter((line) => line.includes(secret)), []);
    }
    assert.deepEqual(lines.filter((line) => /token=|ticket=|Bearer|banter\.token/.test(line)), []);
    const stored = String(await stack.database.query('SELECT HEX(token_hash) FROM sessions')).toLowerCase();
    assert.ok(!stored.includes(token));
  });
});
