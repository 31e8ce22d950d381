// Two brokers share the shards. One is killed: its rooms move to the other, nothing is lost,
// nothing is there twice, and when it comes back it takes its part again.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Api, Follower, ReliableSender, Socket, assertAllInHistory, makeRoom } from './lib/client.mjs';
import { startStack } from './lib/stack.mjs';
import { delay, poll } from './lib/wait.mjs';

const ROOMS = 12;
const EACH = 80;

describe('two brokers', () => {
  let stack;
  let api;
  before(async () => {
    stack = await startStack({
      workers: 4, brokers: 2, env: { lease_ms: 1_500, command_timeout_ms: 8_000, head_repeat_ms: 500 },
    });
    api = new Api(stack.url);
  });
  after(() => stack?.stop());

  const owners = async () => {
    const rows = await stack.database.query(
      'SELECT owner, COUNT(*) FROM broker_leases WHERE shard < 64 AND expires_at > UTC_TIMESTAMP(6) AND owner > 0 GROUP BY owner',
    );
    return rows.map(([, count]) => Number(count)).sort((a, b) => a - b);
  };
  const shared = () =>
    poll('both to have a part', async () => {
      const counts = await owners();
      return counts.length === 2 && counts[0] + counts[1] === 64 && counts;
    }, { timeoutMs: 30_000, everyMs: 100 });

  it('share the shards', async () => {
    const counts = await shared();
    assert.ok(counts[0] >= 16, `not all to one: ${counts}`);
  });

  it('carry the rooms of both, and one room in two places is one', async () => {
    const rooms = await Promise.all(Array.from({ length: ROOMS }, () => makeRoom(api, 1)));
    await Promise.all(rooms.map(async ({ owner, room, members: [member] }) => {
      const [one, two] = [
        await Socket.open(stack.url, room.id, owner.token), await Socket.open(stack.url, room.id, member.token),
      ];
      await two.settle();
      const ack = await one.say('hello');
      assert.equal((await two.waitFor((frame) => frame.type === 'new_message')).id, ack.id);
      await one.end();
      await two.end();
    }));
  });

  it('one is killed while messages flow: the other carries on, and nothing is lost', async () => {
    await shared();
    const rooms = await Promise.all(Array.from({ length: ROOMS }, () => makeRoom(api, 1)));
    const parts = rooms.map(({ owner, room, members: [member] }) => ({
      owner,
      room,
      follower: new Follower(stack.url, room.id, member.token),
      sender: new ReliableSender(stack.url, room.id, owner.token, { window: 5, retryMs: 1_000 }),
    }));
    const acked = () => parts.reduce((sum, part) => sum + part.sender.acked.size, 0);
    const sending = Promise.all(parts.map(({ room, sender }) =>
      sender.send(Array.from({ length: EACH }, (_, i) => `${room.id}: ${i}`), { gap: () => delay(Math.random() * 20) }),
    ));
    await poll('messages to flow', () => acked() > ROOMS * 5);
    await stack.killBroker(0);
    await poll('the other to have everything', async () => (await owners()).join() === '64', { timeoutMs: 30_000 });
    await sending;
    for (const { owner, room, follower, sender } of parts) {
      const history = await owner.api.history(room.id);
      assert.equal(history.length, EACH);
      assertAllInHistory([sender], history);
      await follower.waitSeq(history.at(-1).id);
      assert.deepEqual(follower.messages, history.map((message) => ({ type: 'new_message', ...message })));
      await follower.stop();
      await sender.stop();
    }
    await stack.startBroker(0);
    await shared();
    await makeRoom(api, 1);
  });

  it('one that hangs and wakes again writes nothing into rooms that it has lost', async () => {
    await shared();
    const rooms = await Promise.all(Array.from({ length: ROOMS }, () => makeRoom(api, 0)));
    const senders = rooms.map(({ owner, room }) =>
      new ReliableSender(stack.url, room.id, owner.token, { window: 3, retryMs: 1_000 }));
    const sending = Promise.all(senders.map((sender, s) =>
      sender.send(Array.from({ length: EACH }, (_, i) => `${s}: ${i}`), { gap: () => delay(Math.random() * 60) }),
    ));
    await poll('messages to flow', () => senders.some((sender) => sender.acked.size > 5));
    stack.suspendBroker(1);
    await poll('the other to have everything', async () => (await owners()).join() === '64', { timeoutMs: 30_000 });
    stack.resumeBroker(1);
    await sending;
    for (const [i, { owner, room }] of rooms.entries()) {
      const history = await owner.api.history(room.id);
      assert.equal(history.length, EACH);
      assertAllInHistory([senders[i]], history);
      await senders[i].stop();
    }
    await shared();
  });

  it('one that is told to stop hands its rooms over at once', async () => {
    await shared();
    const { owner, room } = await makeRoom(api, 0);
    const socket = await Socket.open(stack.url, room.id, owner.token);
    const exit = await stack.brokers[0].end('SIGTERM');
    assert.deepEqual(exit, { code: 0, signal: null });
    for (let i = 0; i < 5; i += 1) await socket.say(`${i}`);
    await stack.startBroker(0);
    await shared();
    for (let i = 5; i < 10; i += 1) await socket.say(`${i}`);
    assert.equal((await owner.api.history(room.id)).length, 10);
    await socket.end();
  });
});
