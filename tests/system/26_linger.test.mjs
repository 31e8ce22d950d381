// A big room's events wait after a flush for those that are under way: everyone still gets all of
// them once and in order, and a room where one speaks at a time never waits.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Api, ReliableSender, Socket, makeRoom } from './lib/client.mjs';
import { metric } from './lib/bus_keys.mjs';
import { freePort } from './lib/ports.mjs';
import { withStack } from './lib/stack.mjs';
import { poll } from './lib/wait.mjs';

const MEMBERS = 300;
const AT_ONCE = 50;
const MESSAGES = 1_000;

async function withCrowd(linger_ms, story) {
  const port = await freePort();
  await withStack({ workers: 1, env: { linger_ms, admin_listen: `127.0.0.1:${port}` } }, async (stack) => {
    const { owner, room } = await makeRoom(new Api(stack.url), 0);
    const sockets = [];
    while (sockets.length < MEMBERS)
      sockets.push(...(await Promise.all(Array.from({ length: AT_ONCE }, () => Socket.open(stack.url, room.id, owner.token)))));
    await Promise.all(sockets.map((socket) => socket.settle()));
    await story({ stack, owner, room, sockets, waits: () => metric(port, 'flushes_lingered_total') });
    await Promise.all(sockets.map((socket) => socket.terminate()));
  });
}

async function pour({ stack, owner, room, sockets }) {
  const texts = Array.from({ length: MESSAGES }, (_, i) => `${i}`);
  const sender = new ReliableSender(stack.url, room.id, owner.token, { window: 64, retryMs: 30_000 });
  await sender.send(texts);
  await poll('everyone to have all', () => sockets.every(({ messages }) => messages.length >= MESSAGES), { timeoutMs: 60_000 });
  for (const { messages } of sockets) assert.deepEqual(messages.map(({ text }) => text), texts);
  await sender.stop();
}

describe('a big room', () => {
  it('waits for what is under way, and everyone gets all of it once and in order', async () => {
    await withCrowd(50, async (crowd) => {
      await pour(crowd);
      assert.ok((await crowd.waits()) > 0, 'some flushes waited');
    });
  });

  it('never waits where one speaks at a time', async () => {
    await withCrowd(50, async ({ sockets, waits }) => {
      for (let i = 0; i < 20; i += 1) await sockets[i].say(`${i}`);
      assert.equal(await waits(), 0);
    });
  });

  it('LINGER_MS=0: never', async () => {
    await withCrowd(0, async (crowd) => {
      await pour(crowd);
      assert.equal(await crowd.waits(), 0);
    });
  });
});
