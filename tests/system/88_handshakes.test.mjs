// Handshakes whose tokens are being checked have a bound, and connections that keep coming hold up
// nobody who is there.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openFrom } from './lib/access_log.mjs';
import { Api, Socket, makeRoom } from './lib/client.mjs';
import { withLimits } from './lib/limits.mjs';
import { OPCODE, RawConnection, handshakeRequest } from './lib/raw.mjs';
import { withStack } from './lib/stack.mjs';
import { poll } from './lib/wait.mjs';

const BOUND = 5;
const SHED = 'shed_total{reason="handshakes"}';

const knock = async (stack, user) => {
  const connection = await RawConnection.open(stack);
  connection.write(handshakeRequest('/ws/chat', { headers: { Authorization: `Bearer ${user.token}` } }));
  return connection;
};

describe('handshakes', () => {
  it('are BANTER_HANDSHAKES_MAX at a time: one more is 503, and those within are admitted when the database answers', () =>
    withLimits({ handshakes_max: BOUND }, async ({ stack, user, count }) => {
      stack.database.suspend();
      const within = await Promise.all(Array.from({ length: BOUND }, () => knock(stack, user)));
      for (const connection of within) assert.equal((await connection.readResponse()).status, 101);
      for (let i = 1; i <= 3; i += 1) {
        const beyond = await knock(stack, user);
        const answer = await beyond.readResponse();
        assert.equal(answer.status, 503);
        assert.ok(Number(answer.headers['retry-after']) >= 1, 'it says when to come again');
        assert.equal(JSON.parse(answer.body).code, 'overloaded');
        assert.equal(await count(SHED), i);
        beyond.destroy();
      }
      // Other requests are none: they wait for the database, or need none.
      assert.equal((await fetch(`${stack.url}/health`)).status, 200);
      stack.database.resume();
      for (const connection of within) {
        const frame = await connection.readFrameUntil(({ opcode }) => opcode !== OPCODE.PING);
        assert.equal(JSON.parse(frame.payload).type, 'hello');
        connection.destroy();
      }
      const socket = new Socket(stack.url, null, user.token);
      await socket.waitType('hello');
      await socket.end();
      assert.equal(await count(SHED), 3);
    }, { workers: 1 }));
});

describe('connections that keep coming', () => {
  it('do not hold up a socket that is there', () =>
    withStack({ workers: 1 }, async (stack) => {
      const { owner, room } = await makeRoom(new Api(stack.url), 0);
      const socket = await Socket.open(stack.url, room.id, owner.token);
      await socket.settle();
      const [worker] = stack.workers();
      const flood = [];
      let over = false;
      // They wait in the kernel's queue before the worker looks, and go on coming until it has answered.
      process.kill(worker, 'SIGSTOP');
      for (let i = 0; i < 1_000; i += 1) flood.push(await openFrom('127.0.0.2', stack.port));
      const said = socket.say('while they come').finally(() => {
        over = true;
      });
      process.kill(worker, 'SIGCONT');
      const coming = Array.from({ length: 20 }, async () => {
        while (!over) (await openFrom('127.0.0.3', stack.port)).destroy();
      });
      assert.equal((await said).type, 'ack');
      await Promise.all(coming);
      for (const connection of flood) connection.destroy();
      await socket.end();
    }));

  // Each beyond the share of its address is accepted and answered before the next one is.
  it('nor do those that are refused hold up a connection that is there', () =>
    withLimits({ http_connections_per_address: BOUND }, async ({ stack, count }) => {
      const connection = await RawConnection.open(stack);
      const ask = async () => {
        connection.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
        return (await connection.readResponse()).status;
      };
      assert.equal(await ask(), 200);
      const [worker] = stack.workers();
      const flood = [];
      let over = false;
      process.kill(worker, 'SIGSTOP');
      for (let i = 0; i < 1_000; i += 1) flood.push(await openFrom('127.0.0.2', stack.port));
      const first = ask();
      process.kill(worker, 'SIGCONT');
      const coming = Array.from({ length: 20 }, async () => {
        while (!over) (await openFrom('127.0.0.3', stack.port)).destroy();
      });
      try {
        assert.equal(await first, 200);
        for (let i = 0; i < 50; i += 1) assert.equal(await ask(), 200);
      } finally {
        over = true;
      }
      await Promise.all(coming);
      await poll('the others to be refused', async () =>
        (await count('shed_total{reason="connections_of_address"}')) >= flood.length - BOUND);
      for (const other of flood) other.destroy();
      connection.destroy();
    }, { workers: 1 }));
});
