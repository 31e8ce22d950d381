// Clients that want too much: what they ask for costs them alone.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Api, Socket, makeRoom } from './lib/client.mjs';
import { SLOW } from './lib/env.mjs';
import { MultiSocket } from './lib/multi_socket.mjs';
import { residentBytes } from './lib/procfs.mjs';
import { OPCODE, RawConnection, encodeFrame, openRawSocket } from './lib/raw.mjs';
import { startStack, withStack } from './lib/stack.mjs';
import { delay, poll } from './lib/wait.mjs';

const MIB = 1024 * 1024;
// A sanitizer keeps freed memory for a while (its quarantine).
const GROWTH_MAX = (SLOW > 1 ? 512 : 48) * MIB;

describe('hostile clients', () => {
  let stack;
  let api;
  before(async () => {
    stack = await startStack({ workers: 1 });
    api = new Api(stack.url);
  });
  after(() => stack?.stop());

  it('lets nobody write to a room before the membership was checked', async () => {
    const { owner, room } = await makeRoom(api, 0);
    const stranger = await api.user('stranger');
    const listener = await Socket.open(stack.url, room.id, owner.token, { since: 0 });
    const socket = await MultiSocket.open(stack.url, stranger.token);
    for (let i = 0; i < 20; i += 1) {
      socket.send({ type: 'subscribe', room_id: room.id });
      socket.send({ type: 'message', room_id: room.id, text: 'intruder', client_id: `c${i}` });
      socket.send({ type: 'typing', room_id: room.id });
    }
    await socket.ping();
    const errors = await poll('every answer', () => {
      const frames = socket.frames.filter((frame) => frame.type === 'error' && frame.client_id);
      return frames.length === 20 && frames;
    });
    assert.ok(errors.every((error) => error.code === 'not_subscribed'));
    assert.ok(!socket.frames.some((frame) => frame.type === 'ack'));
    await owner.api.post(`/api/chat/rooms/${room.id}/messages`, { text: 'the last word' });
    await listener.waitFor((frame) => frame.text === 'the last word');
    assert.ok(!listener.frames.some((frame) => frame.text === 'intruder' || frame.type === 'typing'));
    assert.deepEqual((await owner.api.history(room.id)).map((message) => message.text), ['the last word']);
  });

  for (const [name, frame] of Object.entries({
    pings: encodeFrame(Buffer.alloc(125, 'p'), { opcode: OPCODE.PING }),
    'frames that are errors': encodeFrame(Buffer.alloc(0), { opcode: OPCODE.BINARY }),
    'application pings': encodeFrame('{"type":"ping"}'),
  })) {
    it(`stays small under ${name} whose answers nobody reads`, async () => {
      const user = await api.user('flooder');
      const [worker] = stack.workers();
      const before = residentBytes(worker);
      const flood = await openRawSocket(stack.url, `/ws/chat?token=${user.token}`);
      const bytes = Buffer.concat(Array.from({ length: 1000 }, () => frame));
      flood.socket.pause();
      let sent = 0;
      for (const until = Date.now() + 2500; (Date.now() < until || sent <= MIB) && sent < 64 * MIB; ) {
        if (flood.socket.writableLength < MIB) {
          flood.socket.write(bytes);
          sent += bytes.length;
        }
        await delay(1);
      }
      assert.ok(sent > MIB, `${sent} bytes were taken`);
      assert.ok(residentBytes(worker) - before < GROWTH_MAX, `grew by ${residentBytes(worker) - before}`);
      assert.equal((await api.get('/health')).status, 200);
      flood.destroy();
    });
  }

  it('checks few subscriptions of one socket at a time, and serves others meanwhile', async () => {
    const { owner, room } = await makeRoom(api, 0);
    const socket = await MultiSocket.open(stack.url, owner.token);
    const flood = setInterval(() => {
      for (let id = 1000; id < 1400; id += 1) {
        socket.send({ type: 'subscribe', room_id: id });
        socket.send({ type: 'unsubscribe', room_id: id });
      }
    }, 20);
    try {
      for (let i = 0; i < 50; i += 1) {
        const answer = await owner.api.get(`/api/chat/rooms/${room.id}/messages`);
        assert.equal(answer.status, 200, answer.text);
      }
    } finally {
      clearInterval(flood);
      socket.ws.terminate();
    }
  });

  it('ends a socket whose session ends while it connects', async () => {
    const { room, owner } = await makeRoom(api, 0);
    for (let i = 0; i < 40; i += 1) {
      const token = await api.login(owner);
      const socket = new Socket(stack.url, room.id, token);
      const logout = api.as(token).post('/api/logout');
      await Promise.all([socket.opened.catch(() => {}), logout]);
      const close = await socket.waitClosed();
      assert.ok([1008, 4001].includes(close.code), JSON.stringify(close));
    }
  });
});

describe('hostile clients, at the edges', () => {
  it('goes on after the bound on commands was reached, be it one', () =>
    withStack({ workers: 1, gatewayEnv: { commands_max: 1 } }, async (stack) => {
      const { owner, room } = await makeRoom(new Api(stack.url), 0);
      const sockets = await Promise.all([1, 2, 3].map(() => Socket.open(stack.url, room.id, owner.token)));
      for (let round = 0; round < 10; round += 1) {
        for (const [index, socket] of sockets.entries()) {
          const id = `${round}-${index}`;
          for (;;) {
            const from = socket.frames.length;
            socket.send({ text: 'x', client_id: id });
            const answer = await socket.waitFor((frame) => frame.client_id === id, 10_000, { from });
            if (answer.type === 'ack') break;
            assert.equal(answer.code, 'overloaded');
          }
        }
      }
    }));

  it('drains although requests end while it is at its end', () =>
    withStack({ workers: 2, gatewayEnv: { drain_ms: 200 } }, async (stack) => {
      const half = await Promise.all(Array.from({ length: 8 }, () => RawConnection.open(stack.url)));
      for (const connection of half) connection.write('GET /readyz HTTP/1.1\r\nHost: x\r\n');
      const stopping = stack.stop();
      for (let i = 0; i < 200; i += 1) {
        const connection = half[i % half.length];
        if (i >= 40 && i < 48) connection.write('\r\n');
        await delay(5);
      }
      await stopping;
      for (const connection of half) connection.destroy();
    }));
});
