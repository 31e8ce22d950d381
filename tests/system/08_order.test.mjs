// 1,000 messages from 10 senders over 4 workers reach 50 members complete, once, in the same order
// everywhere, and equal to the history.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Api, Follower, ReliableSender, Socket, assertAllInHistory, makeRoom } from './lib/client.mjs';
import { REMOTE, WORKER_COUNTS, startStack } from './lib/stack.mjs';
import { poll } from './lib/wait.mjs';

const SENDERS = 10;
const EACH = 100;
const MEMBERS = 50;

for (const workers of WORKER_COUNTS) {
  describe(`order, workers: ${workers}`, () => {
    let stack;
    let api;
    before(async () => {
      stack = await startStack({ workers });
      api = new Api(stack.url);
    });
    after(() => stack?.stop());

    it(`brings ${SENDERS * EACH} messages to ${MEMBERS} members`, async () => {
      const { owner, room, everyone } = await makeRoom(api, MEMBERS - 1);
      const head = MEMBERS; // the room's making and the joins
      const plain = await Promise.all(
        everyone.map((user) => Socket.open(stack.url, room.id, user.token)),
      );
      const followers = everyone.map((user) => new Follower(stack.url, room.id, user.token));
      await Promise.all(followers.map((follower) => follower.waitSeq(head)));
      await Promise.all(plain.map((socket) => socket.settle()));
      if (workers > 1 && !REMOTE) {
        const used = new Set(plain.map((socket) => stack.workerOf(socket.localPort)));
        assert.ok(used.size > 1, 'members are on different workers');
      }

      const senders = everyone.slice(0, SENDERS).map((user) => new ReliableSender(stack.url, room.id, user.token));
      await Promise.all(senders.map((sender, s) =>
        sender.send(Array.from({ length: EACH }, (_, i) => `sender ${s}, message ${i}`)),
      ));
      const last = head + SENDERS * EACH;
      await Promise.all(followers.map((follower) => follower.waitSeq(last)));
      await Promise.all(plain.map((socket) => poll('all messages', () => socket.messages.length >= SENDERS * EACH)));

      const history = await owner.api.history(room.id);
      assert.equal(history.length, SENDERS * EACH);
      assert.deepEqual(history.map((message) => message.id), history.map((_, i) => head + 1 + i), 'no gap');
      assertAllInHistory(senders, history);
      for (let s = 0; s < SENDERS; s += 1) {
        const own = history.filter((message) => message.sender_id === everyone[s].id).map((message) => message.text);
        assert.deepEqual(own, Array.from({ length: EACH }, (_, i) => `sender ${s}, message ${i}`));
      }
      const expected = history.map((message) => ({ type: 'new_message', ...message }));
      for (const follower of followers) {
        assert.deepEqual(follower.messages, expected);
        assert.equal(follower.connections, 1, 'nobody was cut off');
      }
      for (const socket of plain) assert.deepEqual(socket.messages, expected);

      await Promise.all([...followers, ...senders].map((one) => one.stop()));
      await Promise.all(plain.map((socket) => socket.end()));
    });

    it('keeps many rooms apart at once', async () => {
      const rooms = await Promise.all(Array.from({ length: 20 }, () => makeRoom(api, 1)));
      await Promise.all(rooms.map(async ({ owner, room, members: [member] }) => {
        const follower = new Follower(stack.url, room.id, member.token);
        const sender = new ReliableSender(stack.url, room.id, owner.token);
        await sender.send(Array.from({ length: 30 }, (_, i) => `room ${room.id}, ${i}`));
        await follower.waitSeq(2 + 30);
        assert.deepEqual(
          follower.messages.map((message) => message.text),
          Array.from({ length: 30 }, (_, i) => `room ${room.id}, ${i}`),
        );
        await follower.stop();
        await sender.stop();
      }));
    });
  });
}
