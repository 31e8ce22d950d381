// kill -9 of a worker, of the broker and of MariaDB, each alone and all mixed, while messages flow:
// everything acknowledged is in the history exactly once, and every member that reconnects with
// since ends with the same list.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Api, Follower, ReliableSender, assertAllInHistory, makeRoom } from './lib/client.mjs';
import { withStack } from './lib/stack.mjs';
import { delay, poll } from './lib/wait.mjs';

const SENDERS = 8;
const EACH = 120;
const FOLLOWERS = 8;

const killers = {
  worker: (stack) => killAnyWorker(stack),
  broker: (stack) => stack.restartBroker(),
  database: async (stack) => {
    await stack.database.kill();
    await stack.database.start();
  },
};

async function killAnyWorker(stack) {
  const pids = stack.workers();
  if (pids.length > 0) await stack.killWorker(pids[Math.floor(Math.random() * pids.length)]);
}

const stories = [
  { name: 'a worker, again and again', kills: ['worker', 'worker', 'worker', 'worker'] },
  { name: 'the broker, again and again', kills: ['broker', 'broker', 'broker'] },
  { name: 'MariaDB, again and again', kills: ['database', 'database', 'database'] },
  { name: 'all of them in turn', kills: ['worker', 'broker', 'database', 'worker', 'database', 'broker'] },
  { name: 'all of them at once', kills: [['worker', 'broker', 'database'], ['broker', 'database'], ['worker', 'broker']] },
];

for (const workers of [1, 4]) {
  describe(`kill -9, workers: ${workers}`, () => {
    for (const { name, kills } of stories) {
      it(name, async () => {
        await withStack({ workers, env: { command_timeout_ms: 4_000 } }, (stack) => story(stack, kills));
      });
    }
  });
}

async function story(stack, kills) {
  const api = new Api(stack.url);
  const { owner, room, everyone } = await makeRoom(api, SENDERS + FOLLOWERS - 1);
  const followers = everyone.slice(SENDERS).map((user) => new Follower(() => stack.url, room.id, user.token));
  const senders = everyone.slice(0, SENDERS).map(
    (user) => new ReliableSender(() => stack.url, room.id, user.token, { window: 5, retryMs: 1_000 }),
  );
  await Promise.all(followers.map((follower) => follower.waitSeq(everyone.length)));

  // The senders wait at a gate that opens a part further after each kill, so that every kill meets
  // a run in full flow.
  let open = 0;
  let sentEach = 0;
  const parts = kills.length + 1;
  const gates = senders.map(() => 0);
  const sending = Promise.all(senders.map((sender, s) =>
    sender.send(Array.from({ length: EACH }, (_, i) => `sender ${s}, message ${i}`), {
      gap: async () => {
        gates[s] += 1;
        sentEach += 1;
        while (gates[s] > (EACH * open) / parts) await delay(2);
        await delay(Math.random() * 3);
      },
    }),
  ));
  const acked = () => senders.reduce((sum, sender) => sum + sender.acked.size, 0);

  for (const kill of kills) {
    const before = acked();
    open += 1;
    await poll('messages to flow', () => acked() >= before + 20, { timeoutMs: 60_000 });
    await Promise.all([kill].flat().map((what) => killers[what](stack)));
  }
  open = parts;
  await sending;
  assert.equal(acked(), SENDERS * EACH, 'everything is acknowledged in the end');
  assert.ok(sentEach >= SENDERS * EACH);

  const history = await poll('the history', () => owner.api.history(room.id));
  assert.equal(history.length, SENDERS * EACH, 'nothing is lost, nothing is there twice');
  assertAllInHistory(senders, history);
  const head = history.at(-1).id;
  assert.deepEqual(
    history.map((message) => message.id),
    history.map((_, i) => everyone.length + 1 + i),
    'no gap',
  );
  await Promise.all(followers.map((follower) => follower.waitSeq(head)));
  const expected = history.map((message) => ({ type: 'new_message', ...message }));
  for (const follower of followers) {
    follower.check();
    assert.deepEqual(follower.messages, expected);
  }
  await stack.waitReady();
  await Promise.all([...followers, ...senders].map((one) => one.stop()));
}
