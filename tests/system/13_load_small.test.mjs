// 2,000 sockets that do nothing but answer pings; then one message to all of them. What a socket
// costs is bounded, and all of it is given back.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Api, Socket, makeRoom } from './lib/client.mjs';
import { BIN_DIR, SLOW, VALGRIND } from './lib/env.mjs';
import { openFiles, residentBytes } from './lib/procfs.mjs';
import { withStack } from './lib/stack.mjs';
import { poll } from './lib/wait.mjs';

const SOCKETS = 2_000;
const AT_ONCE = 50;
// A generous bound on what an idle socket may take of a worker; sanitizers add their own.
const BYTES_PER_SOCKET = 16 * 1024;

describe('many sockets', () => {
  it(`${SOCKETS} idle sockets live, hear, and leave nothing behind`, async () => {
    await withStack({ workers: 2, env: { ping_ms: 2_000 } }, async (stack) => {
      const { owner, room } = await makeRoom(new Api(stack.url), 0);
      const workers = stack.workers();
      const memory = () => workers.reduce((sum, pid) => sum + residentBytes(pid), 0);
      const files = () => workers.reduce((sum, pid) => sum + openFiles(pid), 0);
      const warm = await Socket.open(stack.url, room.id, owner.token);
      await warm.say('warm');
      const before = { memory: memory(), files: files() };
      const sockets = [];
      while (sockets.length < SOCKETS) {
        sockets.push(...(await Promise.all(
          Array.from({ length: AT_ONCE }, () => Socket.open(stack.url, room.id, owner.token)),
        )));
      }
      await Promise.all(sockets.map((socket) => socket.settle()));
      assert.ok(files() - before.files >= SOCKETS);
      if (!VALGRIND && /release/.test(BIN_DIR)) {
        const each = (memory() - before.memory) / SOCKETS;
        assert.ok(each < BYTES_PER_SOCKET, `${Math.round(each)} bytes for each socket`);
      }
      await poll('two pings on each', () => sockets.every((socket) => socket.pings >= 2), { timeoutMs: 30_000 * SLOW });
      assert.ok(sockets.every((socket) => socket.isOpen), 'who answers lives');
      await warm.say('to all of you');
      await poll('everyone to hear', () => sockets.every((socket) => socket.messages.length === 1), { timeoutMs: 30_000 });
      await Promise.all(sockets.map((socket, i) => (i % 2 ? socket.end() : socket.terminate())));
      await poll('all to be given back', () => files() <= before.files + 10, { timeoutMs: 30_000 });
      await warm.say('still here');
      await warm.end();
      assert.deepEqual(stack.workers(), workers);
    });
  });
});
