// Two accounts over every route and every frame: nobody reads, writes or learns what is not theirs.
// The rows below are held against the gateway's own table and its frames: one without a row fails.
//
// Public to whoever has an account, as in the original's API: the names of rooms and of their
// members, and joining. Not so: what is said, who is online, addresses, sessions.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Api, Socket, assertError, uniqueName } from './lib/client.mjs';
import { ROOT, binary } from './lib/env.mjs';
import { EventStream } from './lib/event_stream.mjs';
import { MultiSocket } from './lib/multi_socket.mjs';
import { run } from './lib/process.mjs';
import { startStack } from './lib/stack.mjs';

const FORGED = 'ab'.repeat(32);
const NEXT = 'another good one';

// What a stranger and somebody who has left are answered; who has no session is answered 401 by each
// of them. room: of the path, "ada's" or one that is open to all. body: of the request. shows: Ada
// is shown a secret. anyone: no session is asked for.
const SELF = { stranger: 200, left: 200 };
const MEMBERS = { stranger: [403, 'not_a_member'], left: [403, 'not_a_member'] };
const PUBLIC = { anyone: 200 };
const ROUTES = {
  'POST /api/register': {
    anyone: [400, 'username_taken'],
    body: ({ ada }) => ({ username: ada.username, email: `${uniqueName()}@example.org`, password: NEXT }),
  },
  'POST /api/login': { anyone: [401, 'invalid_credentials'], body: ({ ada }) => ({ username: ada.username, password: NEXT }) },
  'POST /api/logout': SELF,
  'POST /api/ws-ticket': SELF,
  'DELETE /api/delete': SELF,
  'POST /api/password': {
    stranger: [403, 'wrong_password'],
    left: [403, 'wrong_password'],
    body: ({ ada }) => ({ current_password: ada.password, new_password: NEXT }),
  },
  'GET /api/sessions': { ...SELF, shows: true },
  'DELETE /api/sessions': SELF,
  'DELETE /api/sessions/{session_id}': { stranger: [404, 'session_not_found'], left: [404, 'session_not_found'] },
  'POST /api/chat/rooms': { ...SELF, body: () => ({ name: 'of my own' }) },
  'GET /api/chat/rooms': SELF,
  'GET /api/chat/rooms/{room_id}': MEMBERS,
  'POST /api/chat/rooms/{room_id}/join': { ...SELF, room: 'open' },
  'POST /api/chat/rooms/{room_id}/leave': { stranger: [400, 'not_in_room'], left: [400, 'not_in_room'] },
  'GET /api/chat/rooms/{room_id}/users': MEMBERS,
  'GET /api/chat/rooms/{room_id}/messages': { ...MEMBERS, shows: true },
  'POST /api/chat/rooms/{room_id}/messages': { ...MEMBERS, body: () => ({ text: 'forged', client_id: 'forged' }) },
  'GET /api/chat/rooms/{room_id}/verify': MEMBERS,
  'GET /api/chat/rooms/{room_id}/events': { ...MEMBERS, queryToken: true },
  // As requests; the tests of sockets are below.
  'GET /ws/chat/{room_id}': { anyone: [426, 'upgrade_required'] },
  'GET /ws/chat': { anyone: [426, 'upgrade_required'] },
  'GET /': PUBLIC,
  'GET /docs': { anyone: 308 },
  'GET /openapi.json': PUBLIC,
  'GET /health': PUBLIC,
  'GET /healthz': PUBLIC,
  'GET /livez': PUBLIC,
  'GET /readyz': PUBLIC,
};

// What comes of a frame about a room that is not the sender's, on a socket of many rooms.
const FRAMES = {
  subscribe: { more: { since: 0 }, error: 'not_a_member' },
  unsubscribe: { error: 'not_subscribed' },
  message: { more: { text: 'forged', client_id: 'forged' }, error: 'not_subscribed' },
  typing: { error: 'not_subscribed' },
  // A socket that is somebody's already becomes nobody else's.
  auth: { more: ({ ada }) => ({ token: ada.token }), error: 'bad_frame' },
  ping: { answer: 'pong' },
};

describe('two accounts', () => {
  let stack;
  let api;
  let scene;
  let secrets;

  // Somebody who has never been in Ada's room, or has left it.
  const CALLERS = {
    stranger: () => api.user('eve'),
    left: async () => {
      const user = await api.user('rex');
      await user.api.join(scene.room.id);
      await user.api.leave(scene.room.id);
      return user;
    },
  };

  const speak = async () => {
    const text = uniqueName('secret');
    secrets.push(text);
    const answer = await scene.ada.api.post(`/api/chat/rooms/${scene.room.id}/messages`, { text, client_id: text });
    assert.equal(answer.status, 200, answer.text);
    return text;
  };

  before(async () => {
    stack = await startStack({ workers: 2 });
    api = new Api(stack.url);
    const [ada, bea] = await api.users(2, 'ada');
    const revoked = await api.login(ada);
    await api.as(revoked).post('/api/logout');
    const room = await ada.api.createRoom();
    await bea.api.join(room.id);
    const open = await ada.api.createRoom();
    const [session] = (await ada.api.get('/api/sessions')).json;
    scene = { ada, bea, room, open, session, revoked };
    secrets = [ada, bea].flatMap((user) => [user.email, user.token, user.password]).concat(session.id);
    await speak();
  });
  after(() => stack?.stop());

  // All that is Ada's, as the database has it; the log of her room, too, unless somebody joins it.
  const state = ({ log = true } = {}) => {
    const { ada, room } = scene;
    const queries = [
      `SELECT id, username, email, password_hash, disabled_at_us, deleted_at_us FROM users WHERE id = ${ada.id}`,
      `SELECT HEX(token_hash), expires_at_us FROM sessions WHERE user_id = ${ada.id} ORDER BY token_hash`,
      `SELECT user_id, joined_seq FROM room_members WHERE room_id = ${room.id} ORDER BY user_id`,
      `SELECT name, creator_id, member_count, removed_at_us FROM rooms WHERE id = ${room.id}`,
      ...(log ? [`SELECT COUNT(*), MAX(seq) FROM events WHERE room_id = ${room.id}`] : []),
    ];
    return stack.database.query(queries.join(';'));
  };

  const assertNothingOfAdas = (what, text) => {
    for (const secret of secrets) assert.ok(!text.includes(secret), `${what} tells ${secret}`);
  };

  const assertAnswer = (what, answer, expected) => {
    const [status, code] = [expected].flat();
    assert.equal(answer.status, status, `${what}: ${answer.text}`);
    if (code) assertError(answer, status, code);
    assertNothingOfAdas(what, answer.text + JSON.stringify(answer.headers));
  };

  // The call, about what is Ada's.
  const call = (name, token, query = '') => {
    const row = ROUTES[name];
    const [method, pattern] = name.split(' ');
    const target = pattern
      .replace('{room_id}', (row.room === 'open' ? scene.open : scene.room).id)
      .replace('{session_id}', scene.session.id);
    return api.request(method, target + query, { token, json: row.body?.(scene) });
  };

  it('have a row for every route', async () => {
    const { code, stdout } = await run(binary('banter-gateway'), ['--routes']);
    assert.equal(code, 0);
    const served = JSON.parse(stdout).map((route) => `${route.method} ${route.path}`);
    assert.deepEqual(Object.keys(ROUTES).sort(), served.sort());
  });

  it('have a row for every frame', () => {
    const folder = path.join(ROOT, 'src/gateway');
    const text = fs.readdirSync(folder).map((file) => fs.readFileSync(path.join(folder, file), 'utf8')).join('\n');
    const taken = [...text.matchAll(/span_is\(type, "(\w+)"\)/g)].map(([, type]) => type);
    assert.deepEqual(Object.keys(FRAMES).sort(), [...new Set(taken)].sort());
  });

  for (const [name, row] of Object.entries(ROUTES)) {
    it(`${name}: nobody without a session`, async () => {
      const untouched = await state();
      for (const [who, token, code] of [
        ['nobody', undefined, 'unauthenticated'],
        ['a forged token', FORGED, 'invalid_token'],
        ['a token that was revoked', scene.revoked, 'invalid_token'],
        ['the id of a session', scene.session.id, 'invalid_token'],
      ]) {
        assertAnswer(`${name} for ${who}`, await call(name, token), row.anyone ?? [401, code]);
        if (token === undefined) continue;
        // In the address it opens nothing either; but for server-sent events it is not even looked at.
        const inAddress = await call(name, undefined, `?token=${token}`);
        assertAnswer(`${name} for ${who} in the address`, inAddress, row.anyone ?? [401, row.queryToken ? code : 'unauthenticated']);
      }
      assert.deepEqual(await state(), untouched);
    });

    for (const [who, make] of Object.entries(CALLERS)) {
      it(`${name}: ${who === 'left' ? 'somebody who has left' : 'a stranger'}`, async () => {
        const caller = await make();
        const untouched = await state();
        assertAnswer(`${name} for ${who}`, await call(name, caller.token), row.anyone ?? row[who]);
        assert.deepEqual(await state(), untouched);
      });
    }

    if (row.shows) {
      it(`${name}: what others are not shown is there for Ada`, async () => {
        const answer = await call(name, scene.ada.token);
        assert.equal(answer.status, 200);
        assert.ok(secrets.some((secret) => answer.text.includes(secret)), answer.text);
      });
    }
  }

  it('cannot be told apart by sessions: another\'s and none are the same', async () => {
    const eve = await api.user('eve');
    const [theirs, none] = await Promise.all(
      [scene.session.id, '0123456789abcdef'].map((id) => eve.api.delete(`/api/sessions/${id}`)));
    assert.equal(theirs.text, none.text);
    assert.equal(theirs.status, none.status);
  });

  it('have client_ids of their own', async () => {
    const text = await speak();
    const { json } = await scene.bea.api.post(`/api/chat/rooms/${scene.room.id}/messages`, { text: 'mine', client_id: text });
    assert.equal(json.duplicate ?? false, false);
    assert.deepEqual([json.text, json.sender_id], ['mine', scene.bea.id]);
  });

  it('read members\' streams and history only, however the token comes', async () => {
    const eve = await api.user('eve');
    for (const token of [eve.token, scene.revoked, FORGED]) {
      for (const since of ['', '&since=0']) {
        const stream = await EventStream.open(stack.url, `/api/chat/rooms/${scene.room.id}/events?token=${token}${since}`);
        assert.equal(stream.status, token === eve.token ? 403 : 401);
        await stream.waitEnd();
        assertNothingOfAdas('a stream', stream.text);
      }
    }
  });

  // Each way to say whose socket it is.
  const WAYS = {
    'the address': async (token) => ({ token }),
    'a header': async (token) => ({ headers: { authorization: `Bearer ${token}` } }),
    'a subprotocol': async (token) => ({ protocols: ['banter.v1', `banter.token.${token}`] }),
    'the first frame': async (token) => ({ first: { type: 'auth', token } }),
    'a ticket': async (token) => {
      const answer = await api.as(token).post('/api/ws-ticket');
      // Who has no session gets none: a made-up one, then.
      return { query: { ticket: answer.json.ticket ?? FORGED } };
    },
  };

  const connect = async (roomId, { token, first, ...options }) => {
    const socket = await Socket.open(stack.url, roomId, token, options);
    if (first) socket.send(first);
    return socket;
  };

  for (const [way, given] of Object.entries(WAYS)) {
    it(`open no socket on another's room: by ${way}`, async () => {
      const untouched = await state({ log: false });
      const callers = [[(await CALLERS.stranger()).token, 'Not a member of this room'], [(await CALLERS.left()).token, 'Not a member of this room'],
        [scene.revoked, 'Invalid token'], [FORGED, 'Invalid token'], [scene.session.id, 'Invalid token']];
      for (const [token, reason] of callers) {
        for (const since of [undefined, 0]) {
          const socket = await connect(scene.room.id, { ...(await given(token)), since });
          socket.send({ text: 'forged', client_id: 'forged' });
          assert.deepEqual(await socket.waitClosed(), { code: 1008, reason });
          assertNothingOfAdas(`a socket by ${way}`, JSON.stringify(socket.frames));
        }
      }
      assert.deepEqual(await state({ log: false }), untouched);
      const forged = await stack.database.query(`SELECT COUNT(*) FROM events WHERE room_id = ${scene.room.id} AND body = 'forged'`);
      assert.deepEqual(forged, [['0']]);
    });

    it(`open no socket of many rooms without a session: by ${way}`, async () => {
      for (const token of [scene.revoked, FORGED, scene.session.id]) {
        const socket = await connect(null, await given(token));
        socket.send({ type: 'subscribe', room_id: scene.room.id, since: 0 });
        const { code, reason } = await socket.waitClosed();
        assert.equal(`${code} ${reason}`, '1008 Invalid token');
        assert.deepEqual(socket.frames.filter((frame) => frame.type !== 'bye'), []);
      }
    });
  }

  it('open no socket by a ticket twice, nor by one whose session has ended', async () => {
    const { json: { ticket } } = await scene.ada.api.post('/api/ws-ticket');
    const first = await Socket.open(stack.url, scene.room.id, undefined, { query: { ticket } });
    await first.settle();
    const thief = await Socket.open(stack.url, scene.room.id, undefined, { query: { ticket }, since: 0 });
    assert.deepEqual(await thief.waitClosed(), { code: 1008, reason: 'Invalid token' });
    await first.end();
    const user = await api.user('changer');
    const second = api.as(await api.login(user));
    const { json: old } = await second.post('/api/ws-ticket');
    const changed = await user.api.post('/api/password', { current_password: user.password, new_password: NEXT });
    assert.equal(changed.status, 200, changed.text);
    const late = await Socket.open(stack.url, null, undefined, { query: { ticket: old.ticket } });
    assert.equal((await late.waitClosed()).code, 1008);
  });

  for (const [type, row] of Object.entries(FRAMES)) {
    for (const [who, make] of Object.entries(CALLERS)) {
      it(`frame ${type}: ${who === 'left' ? 'somebody who has left' : 'a stranger'} is told nothing`, async () => {
        const caller = await make();
        const own = await caller.api.createRoom();
        const socket = await MultiSocket.open(stack.url, caller.token);
        await socket.subscribe(own.id);
        const untouched = await state();
        const from = socket.frames.length;
        const more = typeof row.more === 'function' ? row.more(scene) : row.more;
        socket.send({ type, room_id: scene.room.id, ...more });
        const answer = await socket.waitFor((frame) => ['error', row.answer].includes(frame.type), 10_000, { from });
        if (row.error) assert.equal(answer.code, row.error, JSON.stringify(answer));
        else assert.equal(answer.type, row.answer);
        assert.deepEqual(await state(), untouched);
        // What is said in Ada's room afterwards does not come, and what is said in one's own does.
        await speak();
        await socket.say(own.id, 'still mine');
        await socket.ping();
        const heard = socket.frames.filter((frame) => frame.room_id === scene.room.id && frame.type !== 'error');
        assert.deepEqual(heard, []);
        assertNothingOfAdas(`frame ${type}`, JSON.stringify(socket.frames));
        await socket.end();
      });
    }
  }

  it('who leaves hears and sends nothing more, on whatever is open', async () => {
    const rex = await api.user('rex');
    await rex.api.join(scene.room.id);
    const single = await Socket.open(stack.url, scene.room.id, rex.token);
    const multi = await MultiSocket.open(stack.url, rex.token);
    await multi.subscribe(scene.room.id);
    const stream = await EventStream.open(stack.url, `/api/chat/rooms/${scene.room.id}/events`, { token: rex.token });
    assert.equal(stream.status, 200);
    const heard = await speak();
    await Promise.all([single, multi, stream].map((each) => each.waitFor((frame) => frame.text === heard)));
    await rex.api.leave(scene.room.id);
    assert.deepEqual(await single.waitClosed(), { code: 4003, reason: 'Removed from the room' });
    await stream.waitEnd();
    const from = multi.frames.length;
    const missed = await speak();
    multi.send({ type: 'message', room_id: scene.room.id, text: 'forged', client_id: 'forged' });
    const error = await multi.waitType('error', 10_000, { from });
    assert.equal(error.code, 'not_subscribed');
    await multi.ping();
    for (const each of [single, multi, stream]) {
      assert.ok(!JSON.stringify(each.frames).includes(missed));
    }
    await multi.end();
  });
});
