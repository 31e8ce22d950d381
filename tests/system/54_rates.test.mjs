// How often who may do what: the token buckets of users and addresses, the delay of logins that
// fail, and what a client that goes on all the same costs.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ask, openFrom } from './lib/access_log.mjs';
import { Api, Socket, assertError } from './lib/client.mjs';
import { EventStream } from './lib/event_stream.mjs';
import { withLimits } from './lib/limits.mjs';
import { MultiSocket } from './lib/multi_socket.mjs';
import { delay, poll } from './lib/wait.mjs';

const UPGRADE = {
  Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

// [setting, its policy's name, a call of it, and what it answers while it may]
const CLASSES = [
  ['request', 'request', ({ user }) => user.api.get('/api/chat/rooms'), 200],
  ['register', 'register', ({ api }) => api.post('/api/register', {}), 422],
  ['login', 'login', ({ api }) => api.post('/api/login', { username: 'nobody', password: 'wrong one' }), 401],
  ['send', 'send', ({ user, room }) => user.api.post(`/api/chat/rooms/${room.id}/messages`, { text: 'x' }), 200],
  ['join', 'join', ({ user, room }) => user.api.post(`/api/chat/rooms/${room.id}/join`), 400],
  ['history', 'history', ({ user, room }) => user.api.get(`/api/chat/rooms/${room.id}/messages`), 200],
];

describe('rates of requests', () => {
  for (const [setting, policy, call, status] of CLASSES) {
    it(`${policy}: 429 says when to come again, for all workers together, and others are served`, () =>
      withLimits({ [`rate_${setting}`]: '4/400s' }, async (scene) => {
        for (let i = 0; i < 4; i += 1) assert.equal((await call(scene)).status, status);
        for (let i = 0; i < 6; i += 1) {
          const refused = await call(scene);
          assertError(refused, 429, 'rate_limited');
          const wait = Number(refused.headers['retry-after']);
          assert.ok(wait >= 1 && wait <= 100, `Retry-After: ${wait}`);
          assert.equal(refused.headers['ratelimit-policy'], `"${policy}";q=4;w=400`);
          assert.equal(refused.headers.ratelimit, `"${policy}";r=0;t=${wait}`);
        }
        assert.equal(await scene.count(`rate_limited_total{class="${policy}"}`), 6);
        assert.equal((await scene.api.get('/health')).status, 200, 'health is never limited');
        if (['request', 'register', 'login'].includes(setting)) {
          const other = await ask(scene.stack.port, '/api/chat/rooms', { from: '127.0.0.2' });
          assert.equal(other.status, 401, 'another address is not limited');
        } else {
          const other = { ...scene, user: scene.other };
          assert.equal((await call(other)).status, status, 'another user is not limited');
        }
      }));
  }

  it('request: a handshake is one, too', () =>
    withLimits({ rate_request: '4/400s' }, async ({ stack, user, room, count }) => {
      const knock = () => ask(stack.port, `/ws/chat/${room.id}?token=${user.token}`, { headers: UPGRADE });
      for (let i = 0; i < 4; i += 1) assert.equal((await knock()).status, 101);
      const refused = await knock();
      assert.equal(refused.status, 429);
      const wait = Number(refused.headers['retry-after']);
      assert.ok(wait >= 1 && wait <= 100, `Retry-After: ${wait}`);
      assert.equal(refused.headers['ratelimit-policy'], '"request";q=4;w=400');
      assert.equal(refused.headers.ratelimit, `"request";r=0;t=${wait}`);
      assert.equal(JSON.parse(refused.text).code, 'rate_limited');
      assert.equal(await count('rate_limited_total{class="request"}'), 1);
    }));

  it('a token comes back with time', () =>
    withLimits({ rate_history: '2/1s' }, async ({ user }) => {
      const several = () => Promise.all(Array.from({ length: 8 }, () => user.api.get('/api/chat/rooms')));
      await poll('the bucket to be empty', async () => (await several()).some(({ status }) => status === 429));
      await poll('a token', async () => (await user.api.get('/api/chat/rooms')).status === 200);
    }));

  it('an address is that of the client behind a trusted balancer, whose own is not limited', () =>
    withLimits({ rate_request: '3/600s', trusted_proxies: '127.0.0.1' }, async ({ api }) => {
      const from = (client) => api.get('/api/chat/rooms', client && { headers: { 'X-Forwarded-For': client } });
      for (const client of ['192.0.2.1', '2001:db8::1', undefined]) {
        for (let i = 0; i < 3; i += 1) assert.equal((await from(client)).status, 401);
      }
      assert.equal((await from('192.0.2.1')).status, 429);
      assert.equal((await from('192.0.2.2')).status, 401);
      assert.equal((await from('2001:db8::ffff:2')).status, 429, 'the same /64');
      assert.equal((await from('2001:db8:0:1::1')).status, 401);
      assert.equal((await from()).status, 401, 'the balancer itself');
    }));
});

describe('rates of sockets', () => {
  for (const kind of ['single', 'multi']) {
    it(`a ${kind}-room socket is told when to come again, and one that goes on is held back`, () =>
      withLimits({ rate_send: '10/2s' }, async ({ stack, user, room, count }) => {
        const socket = kind === 'single'
          ? await Socket.open(stack.url, room.id, user.token)
          : await MultiSocket.open(stack.url, user.token);
        if (kind === 'multi') await socket.subscribe(room.id);
        const send = (id) => socket.send({ type: 'message', room_id: room.id, text: id, client_id: id });
        for (let i = 0; i < 60; i += 1) send(`c${i}`);
        const answers = await poll('every answer', () => {
          const found = socket.frames.filter((frame) => frame.client_id && frame.type !== 'new_message');
          return found.length === 60 && found;
        }, { timeoutMs: 60_000 });
        const acks = answers.filter((frame) => frame.type === 'ack');
        const errors = answers.filter((frame) => frame.type === 'error');
        assert.ok(acks.length >= 10, `${acks.length} were taken`);
        assert.ok(errors.length >= 8, `${errors.length} were refused`);
        for (const error of errors) {
          assert.equal(error.code, 'rate_limited');
          assert.equal(error.temporary, true);
          assert.ok(error.retry_after_ms >= 1 && error.retry_after_ms <= 1001, JSON.stringify(error));
        }
        const history = await user.api.history(room.id);
        assert.deepEqual(history.map((message) => message.text), acks.map((ack) => ack.client_id),
          'what was refused is not there, what was acknowledged is');
        assert.ok((await count('sockets_held_total')) > 0, 'it was held back');
        // The refusal's own answer: after retry_after_ms the same send is taken.
        const last = errors.at(-1);
        await poll('it to be taken', async () => {
          const from = socket.frames.length;
          send(last.client_id);
          const answer = await socket.waitFor((frame) => frame.client_id === last.client_id
            && frame.type !== 'new_message', 10_000, { from });
          if (answer.type === 'error') await delay(answer.retry_after_ms);
          return answer.type === 'ack';
        }, { timeoutMs: 30_000 });
        await socket.end();
      }, { workers: 1 }));
  }

  for (const kind of ['single', 'multi']) {
    it(`frames of a ${kind}-room socket count whatever they are, and who goes on is held back`, () =>
      withLimits({ rate_frame: '20/400s' }, async ({ stack, user, other, room, count }) => {
        const open = (who) => (kind === 'single'
          ? Socket.open(stack.url, room.id, who.token)
          : MultiSocket.open(stack.url, who.token));
        const socket = await open(user);
        const errors = (code) => socket.frames.filter((frame) => frame.type === 'error' && frame.code === code);
        for (const nonsense of ['{', '[]', Buffer.from([0]), '{"type":"none"}']) {
          for (let i = 0; i < 5; i += 1) socket.sendRaw(nonsense);
        }
        await poll('twenty answers', () => errors('bad_frame').length === 20);
        for (let i = 0; i < 12; i += 1) socket.sendRaw('{"type":"ping"}');
        await poll('it to be held back', async () => (await count('sockets_held_total')) > 0);
        await poll('eight refusals', () => errors('rate_limited').length >= 8);
        for (const error of errors('rate_limited')) assert.ok(error.retry_after_ms >= 1, JSON.stringify(error));
        assert.equal(errors('bad_frame').length, 20);
        assert.ok((await count('rate_limited_total{class="frame"}')) >= 8);
        const another = await open(other);
        another.sendRaw('{');
        await another.waitFor((frame) => frame.type === 'error' && frame.code === 'bad_frame');
        await another.end();
        socket.terminate();
      }, { workers: 1 }));
  }

  it('typing and subscriptions have rates of their own', () =>
    withLimits({ rate_typing: '1/600s', rate_history: '2/600s' }, async ({ stack, user, room }) => {
      const socket = await MultiSocket.open(stack.url, user.token);
      const refused = async (type) => {
        const error = await socket.errorOf({ type, room_id: room.id });
        assert.equal(error.code, 'rate_limited');
        assert.equal(error.room_id, room.id);
        assert.ok(error.retry_after_ms > 0);
      };
      await socket.subscribe(room.id);
      socket.send({ type: 'typing', room_id: room.id });
      await socket.unsubscribe(room.id);
      await socket.subscribe(room.id); // a new one forgets when the last note was
      await refused('typing');
      await socket.unsubscribe(room.id);
      await refused('subscribe');
      await socket.end();
    }));
});

describe('logins that fail', () => {
  it('slow down for the account and address, and for nobody else', () =>
    withLimits({ login_delay_ms: 60_000 }, async ({ stack, api, user, other, count }) => {
      const wrong = (username) => api.post('/api/login', { username, password: 'not the password' });
      for (const username of [user.username, 'nobody_at_all']) {
        // In whatever spelling: that would tell whether somebody has the name.
        const spellings = [username, username.toUpperCase(), username, username.toUpperCase(), username];
        for (const name of spellings) assertError(await wrong(name), 401, 'invalid_credentials');
        const refused = await wrong(username);
        assertError(refused, 429, 'rate_limited');
        const wait = Number(refused.headers['retry-after']);
        assert.ok(wait > 50 && wait <= 60, `Retry-After: ${wait}`);
        assert.equal(refused.headers['ratelimit-policy'], undefined);
      }
      const right = await api.post('/api/login', { username: user.username, password: user.password });
      assertError(right, 429, 'rate_limited');
      assert.match(await api.login(other), /^[0-9a-f]{64}$/, 'another account from there');
      const body = JSON.stringify({ username: user.username, password: user.password });
      const elsewhere = await ask(stack.port, '/api/login', { from: '127.0.0.2', method: 'POST', body });
      assert.equal(elsewhere.status, 200, 'the account from another address');
      assert.equal(await count('logins_delayed_total'), 3);
    }));

  it('are one for all spellings that the database takes for one name: blanks without width, kana', () =>
    withLimits({ login_delay_ms: 60_000 }, async ({ api, user }) => {
      const bare = { username: 'nobody あ', password: 'not the password' };
      const others = ['\u00ad', '\u200b', '\u200d', '\u034f', '\ufff9'];
      for (const name of [user.username, bare.username]) {
        const wrong = (username) => api.post('/api/login', { ...bare, username });
        for (const no of others) assertError(await wrong(name[0] + no + name.slice(1)), 401, 'invalid_credentials');
        assertError(await wrong(name.replace('あ', 'ア')), 429, 'rate_limited');
      }
    }));

  it('are slowed down where a new password is set, too', () =>
    withLimits({ login_delay_ms: 60_000 }, async ({ user }) => {
      const guess = { current_password: 'not the password', new_password: 'another one of theirs' };
      for (let i = 0; i < 5; i += 1) assert.equal((await user.api.post('/api/password', guess)).status, 403);
      assertError(await user.api.post('/api/password', guess), 429, 'rate_limited');
      const right = { ...guess, current_password: user.password };
      assertError(await user.api.post('/api/password', right), 429, 'rate_limited');
    }));

  it('are forgotten when one succeeds, and many at once are no way around', () =>
    withLimits({ login_delay_ms: 60_000 }, async ({ api, user }) => {
      const wrong = { username: user.username, password: 'not the password' };
      for (let round = 0; round < 3; round += 1) {
        for (let i = 0; i < 4; i += 1) assert.equal((await api.post('/api/login', wrong)).status, 401);
        await api.login(user);
      }
      const answers = await Promise.all(Array.from({ length: 40 }, () => api.post('/api/login', wrong)));
      assert.equal(answers.filter((answer) => answer.status === 401).length, 5);
      assert.equal(answers.filter((answer) => answer.status === 429).length, 35);
    }));
});

describe('how many at a time', () => {
  it('sockets of a user: 1013 for one more, 429 for a stream; one that goes makes room', () =>
    withLimits({ sockets_per_user: 3 }, async ({ stack, user, other, room, count }) => {
      const sockets = [
        await Socket.open(stack.url, room.id, user.token),
        await MultiSocket.open(stack.url, user.token),
        await Socket.open(stack.url, room.id, user.token),
      ];
      await sockets[2].settle();
      await sockets[0].settle();
      const more = new Socket(stack.url, room.id, user.token);
      assert.deepEqual(await more.closed, { code: 1013, reason: 'Too many sockets of this user' });
      assertError(await user.api.get(`/api/chat/rooms/${room.id}/events`), 429, 'rate_limited');
      assert.equal(await count('shed_total{reason="sockets_of_user"}'), 2);
      const others = await Socket.open(stack.url, room.id, other.token);
      await others.settle();
      await sockets[0].end();
      const stream = await poll('room for a stream', async () => {
        const one = await EventStream.open(stack.url, `/api/chat/rooms/${room.id}/events`, { token: user.token });
        return one.status === 200 && one;
      });
      stream.request.destroy();
      for (const socket of [...sockets.slice(1), others]) await socket.end();
    }, { workers: 1 }));

  it('connections of an address: 429 before a byte is read, and another address is served', () =>
    withLimits({ http_connections_per_address: 20 }, async ({ stack, api, count }) => {
      const open = await Promise.all(Array.from({ length: 20 }, () => openFrom('127.0.0.3', stack.port)));
      const more = await openFrom('127.0.0.3', stack.port);
      const answer = await more.readResponse();
      assert.equal(answer.status, 429);
      assert.equal(answer.headers['retry-after'], '1');
      assert.equal(JSON.parse(answer.body.toString()).code, 'rate_limited');
      assert.equal((await api.get('/health')).status, 200);
      assert.equal(await count('shed_total{reason="connections_of_address"}'), 1);
      for (const connection of [...open, more]) connection.destroy();
      await poll('room for one', async () => (await ask(stack.port, '/health', { from: '127.0.0.3' })).status === 200);
    }, { workers: 1 }));

  it('a worker that has its memory takes nobody, and serves who is there', () =>
    withLimits({ worker_memory_bytes: 1 }, async ({ stack, count }) => {
      assert.equal(await count('workers_full'), 1);
      const refused = await ask(stack.port, '/health');
      assert.equal(refused.status, 503);
      assert.match(refused.headers['retry-after'], /^\d+$/);
      assert.equal(JSON.parse(refused.text).code, 'overloaded');
      assert.ok((await count('shed_total{reason="memory"}')) > 0);
    }, { workers: 1, ready: false }));

  it('sockets of an address: 429, and another address is served', () =>
    withLimits({ sockets_per_address: 2 }, async ({ stack, user, room, count }) => {
      const one = await Socket.open(stack.url, room.id, user.token);
      const two = await Socket.open(stack.url, room.id, user.token);
      const path = `/ws/chat/${room.id}?token=${user.token}`;
      const refused = await ask(stack.port, path, { headers: UPGRADE });
      assert.equal(refused.status, 429);
      assert.match(refused.headers['retry-after'], /^\d+$/);
      assert.equal((await ask(stack.port, path, { from: '127.0.0.2', headers: UPGRADE })).status, 101);
      assert.equal(await count('shed_total{reason="sockets_of_address"}'), 1);
      await one.end();
      await two.end();
    }, { workers: 1 }));
});
