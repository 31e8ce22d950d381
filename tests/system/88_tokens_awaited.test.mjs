// Sockets that were opened without a token and say none: they have few places, one address has a
// share of them, and who comes newly is never turned away for strangers' sake.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openFrom } from './lib/access_log.mjs';
import { withLimits } from './lib/limits.mjs';
import { Socket } from './lib/client.mjs';
import { OPCODE, handshakeRequest } from './lib/raw.mjs';
import { poll } from './lib/wait.mjs';

// src/common/limits.h
const PLACES = 4096;
const SHARE = 256;
const ADDRESSES = PLACES / SHARE + 1;

// Sockets that say nothing more; `closed` are those that the server asked to go.
async function silent(stack, from, count) {
  const sockets = [];
  for (let i = 0; i < count; i += 1) {
    const socket = await openFrom(from, stack.port);
    socket.write(handshakeRequest('/ws/chat'));
    sockets.push(socket);
  }
  for (const socket of sockets) assert.equal((await socket.readResponse()).status, 101);
  return sockets;
}

// Whatever the interval is: whose turn of pings is soon is pinged soon.
function isQuiet(socket) {
  for (let frame = socket.parseFrame(); frame; frame = socket.parseFrame()) {
    if (frame.opcode !== OPCODE.PING) return false;
  }
  return !socket.ended;
}

async function assertAdmitted(stack, user) {
  const socket = new Socket(stack.url, null, undefined);
  await socket.opened;
  socket.send({ type: 'auth', token: user.token });
  await socket.waitType('hello');
  await socket.end();
}

describe('a socket without a token', () => {
  it('has BANTER_SOCKET_AUTH_MS to bring one, and is counted if it does not', () =>
    withLimits({ socket_auth_ms: 300 }, async ({ stack, count }) => {
      const socket = new Socket(stack.url, null, undefined);
      assert.equal((await socket.waitClosed()).code, 1008);
      assert.equal(await count('ws_auth_late_total'), 1);
    }, { workers: 1 }));
});

describe('places for sockets without a token', () => {
  it('are shared: one address has some, the oldest goes when all are taken, and a client is admitted', () =>
    withLimits({ socket_auth_ms: 600_000, ping_ms: 600_000, rate_request: 0 }, async ({ stack, user, count }) => {
      const sockets = await silent(stack, '127.0.0.2', SHARE + 8);
      await poll('what is beyond the share to go', async () => (await count('ws_auth_full_total')) === 8);
      for (const socket of sockets.slice(SHARE)) assert.equal((await socket.readClose()).code, 1013);
      assert.ok(sockets.slice(0, SHARE).every(isQuiet));
      await assertAdmitted(stack, user);
      // Seventeen addresses have more than all places.
      for (let i = 3; i < 2 + ADDRESSES; i += 1) sockets.push(...(await silent(stack, `127.0.0.${i}`, SHARE)));
      await poll('the oldest to go', async () => (await count('ws_auth_full_total')) === 8 + SHARE * ADDRESSES - PLACES);
      for (const socket of sockets.slice(0, SHARE)) assert.equal((await socket.readClose()).code, 1013);
      await assertAdmitted(stack, user);
      assert.equal(await count('ws_auth_full_total'), 9 + SHARE * ADDRESSES - PLACES);
      for (const socket of sockets) socket.destroy();
    }, { workers: 1 }));
});
