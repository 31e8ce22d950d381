// Resuming with since: gap-free, once, in order, however far behind; and slow consumers, which are
// the same thing to the server.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Api, Follower, ReliableSender, Socket, makeRoom } from './lib/client.mjs';
import { REMOTE, startStack } from './lib/stack.mjs';
import { delay, poll } from './lib/wait.mjs';

const DEEP = 5_000;

const variants = [
  { name: 'as it comes', workers: 4, env: {} },
  { name: 'everything from the log', workers: 1, env: { ring_room_bytes: 0, page_events: 50 } },
  { name: 'small rings and queues', workers: 4, env: { ring_room_bytes: 4096, page_events: 7, send_queue_bytes: 4096 } },
];

for (const { name, workers, env } of REMOTE ? variants.slice(0, 1) : variants) {
  describe(`resume, ${name}`, () => {
    let stack;
    let api;
    before(async () => {
      stack = await startStack({ workers, env });
      api = new Api(stack.url);
    });
    after(() => stack?.stop());

    // Sends the texts 1..count as the owner.
    async function fill(room, owner, count, { gap } = {}) {
      const sender = new ReliableSender(stack.url, room.id, owner.token, { window: 500, retryMs: 5_000 });
      await sender.send(Array.from({ length: count }, (_, i) => `${1 + i}`), { gap });
      await sender.stop();
    }

    it('begins with subscribed, gives what is after since, then says that it has caught up', async () => {
      const { owner, room, members: [member] } = await makeRoom(api, 1);
      await fill(room, owner, 10);
      const socket = await Socket.open(stack.url, room.id, member.token, { since: 7 });
      const caughtUp = await socket.waitType('caught_up');
      assert.deepEqual(caughtUp, { type: 'caught_up', room_id: room.id, seq: 12 });
      const log = socket.frames.filter((frame) => frame.type !== 'user_activity');
      const [subscribed, ...events] = log.slice(0, -1);
      assert.ok(Number.isSafeInteger(subscribed.epoch) && subscribed.epoch > 0);
      assert.deepEqual(subscribed, {
        type: 'subscribed', room_id: room.id, head: 12, epoch: subscribed.epoch, recovered: true,
      });
      assert.deepEqual(events.map((event) => event.id), [8, 9, 10, 11, 12]);
      assert.deepEqual(events.map((event) => event.text), ['6', '7', '8', '9', '10']);
      await socket.say('live');
      const live = await socket.waitFor((frame) => frame.text === 'live');
      assert.equal(live.id, 13);

      const same = await Socket.open(stack.url, room.id, member.token, { since: 13, epoch: subscribed.epoch });
      assert.deepEqual(await same.waitType('subscribed'), { ...subscribed, head: 13 });
      assert.deepEqual(await same.waitType('caught_up'), { type: 'caught_up', room_id: room.id, seq: 13 });
      await same.settle();
      assert.equal(same.messages.length, 0);
      await same.end();
      await socket.end();
    });

    it('gives every kind of event, as the log has them', async () => {
      const { owner, room, members: [member] } = await makeRoom(api, 1);
      await fill(room, owner, 1);
      await member.api.leave(room.id);
      const socket = await Socket.open(stack.url, room.id, owner.token, { since: 0 });
      await socket.waitType('caught_up');
      const events = socket.frames.filter((frame) => frame.id !== undefined);
      assert.deepEqual(
        events.map(({ created_at, ...fields }) => fields),
        [
          { type: 'room_created', id: 1, room_id: room.id, user_id: owner.id, username: owner.username, name: room.name },
          { type: 'member_joined', id: 2, room_id: room.id, user_id: member.id, username: member.username },
          { type: 'new_message', id: 3, text: '1', sender_id: owner.id, sender_username: owner.username, room_id: room.id },
          { type: 'member_left', id: 4, room_id: room.id, user_id: member.id, username: member.username },
        ],
      );
      await socket.end();
    });

    it('says so when since is of another log', async () => {
      const { owner, room } = await makeRoom(api, 0);
      await fill(room, owner, 3);
      const first = await Socket.open(stack.url, room.id, owner.token, { since: 0 });
      const { epoch } = await first.waitType('subscribed');
      await first.end();
      for (const options of [{ since: 5 }, { since: 1_000_000 }, { since: 2, epoch: epoch + 1 }, { since: 4, epoch: 1 }]) {
        const socket = await Socket.open(stack.url, room.id, owner.token, options);
        const subscribed = await socket.waitType('subscribed');
        assert.equal(subscribed.recovered, false, JSON.stringify(options));
        assert.equal(typeof subscribed.reason, 'string');
        assert.equal(subscribed.head, 4);
        assert.equal(subscribed.epoch, epoch);
        await socket.settle();
        assert.equal(socket.messages.length, 0);
        await socket.end();
      }
      const socket = await Socket.open(stack.url, room.id, owner.token, { since: 5 });
      await socket.waitType('subscribed');
      await socket.say('live all the same');
      await socket.waitFor((frame) => frame.type === 'new_message');
      await socket.end();
    });

    it(`brings ${DEEP} events to who begins at 0`, async () => {
      const { owner, room, members } = await makeRoom(api, 3);
      await fill(room, owner, DEEP);
      const head = 4 + DEEP;
      const followers = members.map((member) => new Follower(stack.url, room.id, member.token));
      await Promise.all(followers.map((follower) => follower.waitSeq(head)));
      for (const follower of followers) {
        assert.equal(follower.connections, 1);
        assert.equal(follower.messages.length, DEEP);
        assert.ok(follower.messages.every((message, i) => message.text === `${i + 1}`));
        await follower.stop();
      }
    });

    it('misses nothing while messages come in and sockets come and go', async () => {
      const { owner, room, members } = await makeRoom(api, 6);
      const followers = members.map((member) => new Follower(stack.url, room.id, member.token));
      let sending = true;
      const cutting = (async () => {
        for (let i = 0; sending; i += 1) {
          await delay(15);
          followers[i % followers.length].socket.terminate();
        }
      })();
      await fill(room, owner, 1_500, { gap: () => delay(1) });
      sending = false;
      await cutting;
      await Promise.all(followers.map((follower) => follower.waitSeq(7 + 1_500)));
      for (const follower of followers) {
        assert.ok(follower.connections > 1);
        assert.ok(follower.messages.every((message, i) => message.text === `${i + 1}`));
        await follower.stop();
      }
    });

    it('lets a slow consumer catch up instead of dropping it', async () => {
      const { owner, room, members } = await makeRoom(api, 3);
      const [first, second, third] = members;
      const resumed = await Socket.open(stack.url, room.id, first.token, { since: 0 });
      const plain = await Socket.open(stack.url, room.id, second.token);
      const awake = await Socket.open(stack.url, room.id, third.token);
      for (const socket of [resumed, plain, awake]) await socket.settle();
      resumed.ws.pause();
      plain.ws.pause();
      const text = (i) => `${i} ${'x'.repeat(3_900)}`;
      const count = 2_500; // about 10 MB: more than the kernel's buffers and the queue hold
      const sender = new ReliableSender(stack.url, room.id, owner.token, { window: 200, retryMs: 5_000 });
      await sender.send(Array.from({ length: count }, (_, i) => text(i)));
      await poll('who is awake to have all', () => awake.messages.length === count, { timeoutMs: 60_000 });
      resumed.ws.resume();
      plain.ws.resume();
      for (const socket of [resumed, plain]) {
        await poll('the slow one to have all', () => socket.messages.length >= count, { timeoutMs: 60_000 });
        assert.deepEqual(socket.messages, awake.messages);
        assert.ok(socket.isOpen, 'it was not cut off');
      }
      await sender.stop();
      for (const socket of [resumed, plain, awake]) await socket.end();
    });
  });
}
