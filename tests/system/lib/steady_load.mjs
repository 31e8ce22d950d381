// A conversation that goes on while a gateway is replaced: four members who each send 300 messages,
// three who listen, and somebody who connects all the time. finish() says that nobody noticed more
// than having to come back.
import assert from 'node:assert/strict';
import { Api, Follower, ReliableSender, makeRoom } from './client.mjs';
import { Prober } from './prober.mjs';
import { delay } from './wait.mjs';

const MESSAGES = 300;
const GAP_MS = 15;

export async function startSteadyLoad(stack) {
  const { owner, room, members } = await makeRoom(new Api(stack.url), 3);
  const followers = members.map((member) => new Follower(stack.url, room.id, member.token));
  const senders = [owner, ...members].map((user) => new ReliableSender(stack.url, room.id, user.token));
  const prober = new Prober(stack.port);
  const texts = (who) => Array.from({ length: MESSAGES }, (_, i) => `${who}-${i}`);
  const sending = Promise.all(senders.map((sender, i) => sender.send(texts(i), { gap: () => delay(GAP_MS) })));

  // Every message was acknowledged and heard once, and no connection was refused.
  async function finish() {
    await sending;
    await prober.stop();
    assert.deepEqual(prober.faults, []);
    assert.ok(prober.asked > 50);
    const acked = senders.flatMap((sender) => [...sender.acked.values()]);
    assert.equal(acked.length, senders.length * MESSAGES);
    for (const follower of followers) {
      await follower.waitSeq(Math.max(...acked.map(({ id }) => id)));
      assert.deepEqual(follower.messages.map(({ text }) => text).sort(), acked.map(({ text }) => text).sort());
      assert.ok(follower.connections > 1, 'it had to come back');
      await follower.stop();
    }
  }
  return { finish };
}
