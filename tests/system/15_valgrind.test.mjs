// A short session that touches every part, every handshake, and every way to stop, for `make valgrind`: gateway and broker run under
// memcheck, and the stack's end fails on any error or leak that it reports. Without
// BANTER_VALGRIND=1 they are some more sessions.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { Api, Follower, Socket, assertError, makeRoom } from './lib/client.mjs';
import { EventStream } from './lib/event_stream.mjs';
import { MultiSocket } from './lib/multi_socket.mjs';
import { RawConnection, encodeFrame, handshakeRequest, rawRequest } from './lib/raw.mjs';
import { withStack } from './lib/stack.mjs';
import { poll } from './lib/wait.mjs';

// Nothing is timed out because memcheck is slow.
const PATIENT = { ping_ms: 60_000, command_timeout_ms: 60_000, worker_timeout_ms: 60_000, lease_ms: 60_000 };

describe('a short session', () => {
  it('touches every part and leaves nothing behind', async () => {
    await withStack({
      workers: 2, env: { ...PATIENT, ping_ms: 5_000 },
    }, async (stack) => {
      const api = new Api(stack.url);
      const { owner, room, members: [one, two] } = await makeRoom(api, 2);
      const base = `/api/chat/rooms/${room.id}`;
      const sockets = await Promise.all([owner, one, two].map((user) => Socket.open(stack.url, room.id, user.token)));
      const follower = new Follower(stack.url, room.id, owner.token);
      for (let i = 0; i < 10; i += 1) await sockets[i % 3].say(`message ${i}`);
      await sockets[0].say('twice', 'the same');
      await sockets[1].say('twice', 'the same');
      sockets[0].sendRaw('not JSON');
      sockets[0].sendRaw(Buffer.from([1, 2, 3]));
      await sockets[0].waitType('error');
      assert.equal((await owner.api.post(`${base}/messages`, { text: '\u{1F600}'.repeat(4000) })).status, 200);
      assert.equal((await owner.api.history(room.id)).length, 13);
      await follower.waitSeq(16);
      for (const path of [base, `${base}/users`, '/api/chat/rooms', '/readyz', '/health', '/', '/openapi.json', '/docs']) {
        const answer = await owner.api.get(path);
        assert.ok(answer.status < 400, `${path}: ${answer.status}`);
      }
      const refused = await Socket.open(stack.url, room.id, 'nonsense');
      assert.equal((await refused.waitClosed()).code, 1008);
      assertError(await owner.api.post('/api/chat/rooms', { name: '' }), 422, 'validation_failed');
      assertError(await owner.api.get('/nothing'), 404, 'not_found');
      assertError(await api.get('/api/chat/rooms'), 401, 'unauthenticated');
      assert.equal((await rawRequest(stack, 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n')).status, 400);
      sockets[2].ws._socket.write(encodeFrame('x', { rsv: 4 }));
      assert.equal((await sockets[2].waitClosed()).code, 1002);
      await one.api.leave(room.id);
      await sockets[1].waitClosed();
      await two.api.delete('/api/delete');
      await owner.api.post('/api/logout');
      assert.equal((await sockets[0].waitClosed()).code, 4001);
      follower.stopped = true;
      await follower.running;
    });
  });
});

const NOBODYS = 'ab'.repeat(32);

describe('handshakes', () => {
  it('that are taken, in each way to say who one is', async () => {
    await withStack({ workers: 1, env: PATIENT }, async (stack) => {
      const api = new Api(stack.url);
      const { owner, room } = await makeRoom(api, 0);
      const ticket = (await owner.api.post('/api/ws-ticket')).json.ticket;
      const ways = [
        { token: owner.token },
        { headers: { authorization: `Bearer ${owner.token}` } },
        { protocols: ['banter.v1', `banter.token.${owner.token}`] },
        { query: `ticket=${ticket}` },
        { first: { type: 'auth', token: owner.token } },
        { token: owner.token, perMessageDeflate: true },
      ];
      for (const { token, first, ...options } of ways) {
        const socket = new Socket(stack.url, room.id, token, { since: 0, ...options });
        await socket.opened;
        if (first) socket.send(first);
        await socket.waitType('caught_up');
        await socket.say('x'.repeat(1_000));
        await socket.end();
      }
    });
  });

  it('that are refused, or end half-way', async () => {
    await withStack({ workers: 1, env: PATIENT, gatewayEnv: { socket_auth_ms: 3_000, request_head_ms: 3_000 } }, async (stack) => {
      const api = new Api(stack.url);
      const { room } = await makeRoom(api, 0);
      const stranger = await api.user('stranger');
      const path = `/ws/chat/${room.id}`;
      const wrong = [
        [426, { Upgrade: undefined }], [426, { 'Sec-WebSocket-Version': '12' }], [400, { 'Sec-WebSocket-Key': 'short' }],
        [400, { 'Sec-WebSocket-Key': undefined }], [400, { Host: undefined }], [403, { Origin: 'https://evil.example' }],
      ];
      for (const [status, headers] of wrong) {
        const answer = await rawRequest(stack, handshakeRequest(path, { headers }));
        assert.equal(answer.status, status, JSON.stringify(headers));
      }
      assert.equal((await rawRequest(stack, handshakeRequest(path).replace('GET', 'POST'))).status, 405);
      assert.equal((await rawRequest(stack, handshakeRequest('/ws/nothing'))).status, 404);

      const closes = async (roomId, token, options, first) => {
        const socket = new Socket(stack.url, roomId, token, options);
        await socket.opened;
        if (first) socket.sendRaw(first);
        return (await socket.waitClosed()).code;
      };
      for (const token of ['', 'nonsense', NOBODYS, stranger.token]) assert.equal(await closes(room.id, token, {}), 1008);
      assert.equal(await closes(999_999, stranger.token, {}), 1008);
      assert.equal(await closes(null, undefined, { query: `ticket=${NOBODYS}` }), 1008);
      for (const first of ['nonsense', '{"type":"ping"}', `{"type":"auth","token":"${NOBODYS}"}`, Buffer.from('{}')]) {
        assert.equal(await closes(null, undefined, {}, first), 1008);
      }
      assert.equal(await closes(room.id, undefined, {}), 1008, 'nobody says a token in time');

      // Who leaves while the token is looked up, or before the head has ended.
      for (const text of [handshakeRequest(`${path}?token=${stranger.token}`), handshakeRequest(path).slice(0, 60)]) {
        for (let i = 0; i < 5; i += 1) {
          const connection = await RawConnection.open(stack);
          connection.write(text);
          connection.destroy();
        }
      }
      assert.equal((await api.get('/readyz')).status, 200);
    });
  });
});

describe('stopping', () => {
  // Sockets, a stream and half a request are there when it comes.
  async function withGuests(options, story) {
    await withStack({ workers: 1, env: { ...PATIENT, drain_ms: 500, ...options } }, async (stack) => {
      const api = new Api(stack.url);
      const { owner, room } = await makeRoom(api, 0);
      const sockets = [await Socket.open(stack.url, room.id, owner.token), await MultiSocket.open(stack.url, owner.token)];
      const stream = await EventStream.open(stack.url, `/api/chat/rooms/${room.id}/events`, { token: owner.token });
      const waiting = await Socket.open(stack.url, room.id, undefined);
      const half = await RawConnection.open(stack);
      half.write('GET /health HTTP/1.1\r\nHost: x\r\n');
      await sockets[0].say('before');
      await story({ stack, api, owner, room, sockets });
      for (const socket of [...sockets, waiting]) await socket.waitClosed();
      half.destroy();
      await stream.closed;
    });
  }

  it('by SIGTERM, with guests, to the gateway and then to the broker', async () => {
    await withGuests({}, async ({ stack }) => {
      const [gateway] = stack.gateways;
      stack.expectedDead.add(gateway);
      assert.deepEqual(await gateway.end('SIGTERM', 60_000), { code: 0, signal: null });
    });
  });

  it('by SIGTERM while it is announced, and a second one', async () => {
    await withGuests({ drain_notice_ms: 60_000 }, async ({ stack, api }) => {
      const [gateway] = stack.gateways;
      stack.expectedDead.add(gateway);
      gateway.kill('SIGTERM');
      await poll('it to be announced', async () => (await api.get('/readyz')).status === 503);
      assert.deepEqual(await gateway.end('SIGTERM', 60_000), { code: 0, signal: null });
    });
  });

  it('of old workers by SIGHUP, and of their successors', async () => {
    await withGuests({}, async ({ stack, owner, room }) => {
      const [gateway] = stack.gateways;
      const [old] = stack.workers();
      gateway.kill('SIGHUP');
      await poll('another worker to serve alone', () => {
        const workers = stack.workers();
        return workers.length === 1 && workers[0] !== old && gateway.output().includes('master.reloaded');
      }, { timeoutMs: 60_000 });
      const socket = await Socket.open(stack.url, room.id, owner.token);
      await socket.say('after');
      await socket.end();
    });
  });

  it('of one worker of two by SIGHUP, and back to two', async () => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'banter-valgrind-'));
    const config = path.join(dir, 'gateway.conf');
    const write = (workers) => fs.writeFileSync(config, `BANTER_WORKERS=${workers}\n`);
    write(2);
    try {
      await withStack({ workers: 2, env: { ...PATIENT, drain_ms: 200 }, gatewayEnv: { config, workers: undefined } }, async (stack) => {
        const [gateway] = stack.gateways;
        const api = new Api(stack.url);
        for (const workers of [1, 2]) {
          write(workers);
          gateway.kill('SIGHUP');
          await poll(`to have ${workers}`, () => stack.workers().length === workers &&
            gateway.output().includes(`event=master.reloaded workers=${workers}`), { timeoutMs: 60_000 });
          assert.equal((await api.get('/health')).status, 200);
        }
      });
    } finally {
      fs.rmSync(dir, { recursive: true, force: true });
    }
  });
});
