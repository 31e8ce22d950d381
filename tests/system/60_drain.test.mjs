// How a gateway leaves: it says so first, serves on while balancers look, then lets its sockets go
// one after the other; nothing that was begun is cut.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Api, Socket, assertError, makeRoom } from './lib/client.mjs';
import { MultiSocket } from './lib/multi_socket.mjs';
import { isAlive } from './lib/procfs.mjs';
import { RawConnection } from './lib/raw.mjs';
import { withStack } from './lib/stack.mjs';
import { poll } from './lib/wait.mjs';

const RESTARTING = { code: 1012, reason: 'Server restarting' };
const WAITING = "SELECT id FROM information_schema.processlist WHERE state LIKE 'Waiting for table%' AND info LIKE '%password%'";

async function ended(stack, gateway, timeoutMs = 30_000) {
  stack.expectedDead.add(gateway);
  assert.deepEqual(await gateway.end('SIGCONT', timeoutMs), { code: 0, signal: null });
}

describe('SIGTERM', () => {
  it('is announced at /readyz first; until the sockets are closed, all but upgrades is served', async () => {
    await withStack({ workers: 2, env: { drain_notice_ms: 10_000, drain_ms: 10_000 } }, async (stack) => {
      const api = new Api(stack.url);
      const { owner, room } = await makeRoom(api, 0);
      const sockets = await Promise.all(
        Array.from({ length: 90 }, async (_, i) =>
          i % 2 ? Socket.open(stack.url, room.id, owner.token) : MultiSocket.open(stack.url, owner.token)),
      );
      const talker = await Socket.open(stack.url, room.id, owner.token);
      const times = [];
      for (const socket of sockets) socket.closed.then(() => times.push(performance.now()));
      const gateway = stack.gateways[0];
      gateway.kill('SIGTERM');

      const readyz = await poll('/readyz to say so', async () => {
        const answer = await api.get('/readyz');
        return answer.status === 503 && answer;
      });
      assert.equal(readyz.json.draining, true);
      assert.equal(readyz.json.database, true);
      assert.equal(readyz.headers.connection, 'close');
      // Both workers are asked, on new connections.
      for (let i = 0; i < 10; i += 1) {
        const answer = await owner.api.get(`/api/chat/rooms/${room.id}`);
        assert.equal(answer.status, 200);
        assert.equal(answer.headers.connection, 'close');
        assert.equal((await api.get('/health')).status, 200);
      }
      for (let i = 0; i < 6; i += 1) {
        const refused = await Socket.open(stack.url, room.id, owner.token).then(
          () => assert.fail('a socket was opened'),
          (error) => error,
        );
        assert.equal(refused.status, 503, refused.message);
        assert.match(refused.headers['retry-after'], /^\d+$/);
        assert.equal(JSON.parse(refused.text).code, 'draining');
      }
      assertError(await owner.api.get(`/api/chat/rooms/${room.id}/events`), 503, 'draining');
      await talker.say('while it is announced');
      assert.equal(times.length, 0, 'nobody was closed yet');

      const codes = await Promise.all([...sockets, talker].map((socket) => socket.waitClosed(30_000)));
      for (const code of codes) assert.deepEqual(code, RESTARTING);
      const byes = sockets.filter((socket) => socket instanceof MultiSocket).map((socket) => socket.ofType('bye'));
      for (const bye of byes) assert.equal(bye.length, 1);
      const waits = byes.map(([bye]) => bye.after_ms);
      for (const wait of waits) assert.ok(wait >= 0 && wait < 3_000, `after_ms ${wait}`);
      assert.ok(new Set(waits).size > waits.length / 2, `random: ${waits}`);
      await ended(stack, gateway);
      await assert.rejects(api.get('/health'));
    });
  });

  it('lets requests and sends that were begun end', async () => {
    // A login that waits for its table, and sends that wait for a broker that does not answer for a while.
    await withStack({ workers: 1, env: { drain_ms: 1_000 } }, async (stack) => {
      const api = new Api(stack.url);
      const { owner, room } = await makeRoom(api, 0);
      const socket = await Socket.open(stack.url, room.id, owner.token);
      const quiet = await Socket.open(stack.url, room.id, owner.token);
      await socket.settle();
      const connection = await RawConnection.open(stack);
      connection.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
      assert.equal((await connection.readResponse()).status, 200);
      const lock = await stack.database.hold('LOCK TABLES users WRITE');
      await stack.suspendBroker();
      for (let i = 0; i < 20; i += 1) socket.send({ text: `${i}`, client_id: `c${i}` });
      await socket.settle();
      const login = JSON.stringify({ username: owner.username, password: owner.password });
      connection.write(`POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${login.length}\r\n\r\n${login}`);
      await poll('the login to wait', async () => (await stack.database.query(WAITING)).length === 1);
      const gateway = stack.gateways[0];
      gateway.kill('SIGTERM');
      assert.deepEqual(await quiet.waitClosed(), RESTARTING);
      assert.ok(socket.isOpen, 'who waits for an answer is not closed before it');
      await lock.release();
      stack.resumeBroker();
      assert.deepEqual(await socket.waitClosed(), RESTARTING);
      assert.equal(socket.ofType('ack').length, 20);
      const answer = await connection.readResponse();
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.connection, 'close');
      await connection.waitEnd();
      await ended(stack, gateway);
    });
  });

  it('to the master and to every worker at once is still one signal', async () => {
    await withStack({ workers: 2, env: { drain_ms: 500 } }, async (stack) => {
      const { owner, room } = await makeRoom(new Api(stack.url), 0);
      const sockets = await Promise.all(
        Array.from({ length: 10 }, () => Socket.open(stack.url, room.id, owner.token)),
      );
      const gateway = stack.gateways[0];
      for (const pid of [...stack.workers(), gateway.pid]) process.kill(pid, 'SIGTERM');
      for (const socket of sockets) assert.deepEqual(await socket.waitClosed(), RESTARTING);
      await ended(stack, gateway);
    });
  });

  it('a second time means now', async () => {
    for (const second of ['SIGTERM', 'SIGINT']) {
      await withStack({ workers: 2, env: { drain_notice_ms: 600_000, drain_ms: 600_000 } }, async (stack) => {
        const api = new Api(stack.url);
        const { owner, room } = await makeRoom(api, 0);
        const socket = await Socket.open(stack.url, room.id, owner.token);
        const gateway = stack.gateways[0];
        gateway.kill('SIGTERM');
        await poll('the drain', async () => (await api.get('/readyz')).status === 503);
        assert.ok(socket.isOpen);
        gateway.kill(second);
        await ended(stack, gateway);
        await socket.waitClosed();
      });
    }
  });

  it('to one worker only: another takes its place at once, so there is no notice, and nobody is refused', async () => {
    await withStack({ workers: 1, env: { drain_notice_ms: 60_000, drain_ms: 3_000 } }, async (stack) => {
      const api = new Api(stack.url);
      const { owner, room } = await makeRoom(api, 0);
      const sockets = await Promise.all(
        Array.from({ length: 20 }, () => Socket.open(stack.url, room.id, owner.token)),
      );
      const [old] = stack.workers();
      process.kill(old, 'SIGTERM');
      await poll('another worker', () => stack.workers().some((pid) => pid !== old));
      for (let i = 0; i < 20; i += 1) assert.equal((await api.get('/health')).status, 200);
      for (const socket of sockets) assert.deepEqual(await socket.waitClosed(20_000), RESTARTING);
      await poll('the old one to be gone', () => !isAlive(old), { timeoutMs: 20_000 });
      const again = await Socket.open(stack.url, room.id, owner.token);
      await again.say('here I am');
      await again.end();
      const gateway = stack.gateways[0];
      gateway.kill('SIGTERM');
      await poll('the drain', async () => (await api.get('/readyz')).status === 503);
      gateway.kill('SIGTERM');
      await ended(stack, gateway);
    });
  });
});
