// One WebSocket for many rooms: hello, subscribe and unsubscribe, messages, typing, and bye.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { metric } from './lib/bus_keys.mjs';
import { Api, Socket, TIMESTAMP, makeRoom, socketOnEachWorker, uniqueName } from './lib/client.mjs';
import { freePort } from './lib/ports.mjs';
import { OWN, WORKER_COUNTS, startStack, withStack } from './lib/stack.mjs';

const open = (stack, user) => Socket.open(stack.url, null, user.token);

// Sends a frame and returns the first one after it whose type is one of these.
async function ask(socket, frame, ...types) {
  const from = socket.frames.length;
  socket.send(frame);
  return socket.waitFor((one) => types.includes(one.type), 10_000, { from, what: types.join(' or ') });
}

for (const workers of WORKER_COUNTS) {
  describe(`the socket of many rooms, workers: ${workers}`, () => {
    let stack;
    let api;
    before(async () => {
      stack = await startStack({ workers });
      api = new Api(stack.url);
    });
    after(() => stack?.stop());

    const about = (room) => (frame) => frame.room_id === room.id;

    it('says hello: who you are, and what the limits are', async () => {
      const user = await api.user();
      const socket = await open(stack, user);
      const hello = await socket.waitType('hello');
      assert.equal(socket.frames[0], hello, 'first of all');
      assert.match(hello.server, /^Banter \d+\.\d+\.\d+/);
      assert.match(hello.server_time, TIMESTAMP);
      assert.ok(Number.isSafeInteger(hello.epoch) && hello.epoch > 0);
      assert.deepEqual(hello, {
        type: 'hello',
        server: hello.server,
        server_time: hello.server_time,
        heartbeat_ms: 25_000,
        epoch: hello.epoch,
        user: { id: user.id, username: user.username },
        limits: { text_characters: 4000, frame_bytes: 65_536, rooms: 500, sends_in_flight: 256 },
      });
      await socket.settle();
      assert.equal(socket.frames.length, 1, 'and nothing more');
      await socket.end();
    });

    it('subscribes without since: from now on, every kind of event', async () => {
      const { owner, room } = await makeRoom(api, 0);
      await owner.api.post(`/api/chat/rooms/${room.id}/messages`, { text: 'before' });
      const socket = await open(stack, owner);
      const { epoch } = await socket.waitType('hello');
      const subscribed = await ask(socket, { type: 'subscribe', room_id: room.id }, 'subscribed');
      assert.deepEqual(subscribed, { type: 'subscribed', room_id: room.id, head: 2, epoch });
      const guest = await api.user();
      await guest.api.join(room.id);
      const joined = await socket.waitType('member_joined');
      assert.equal(joined.id, 3);
      assert.equal(joined.user_id, guest.id);
      await guest.api.post(`/api/chat/rooms/${room.id}/messages`, { text: 'after' });
      assert.equal((await socket.waitType('new_message')).text, 'after');
      assert.equal(socket.messages.length, 1);
      await socket.end();
    });

    it('subscribes with since: gap-free, then caught_up', async () => {
      const { owner, room } = await makeRoom(api, 0);
      const socket = await open(stack, owner);
      const { epoch } = await socket.waitType('hello');
      for (let i = 0; i < 5; i += 1) {
        await owner.api.post(`/api/chat/rooms/${room.id}/messages`, { text: `${i}` });
      }
      const first = await ask(socket, { type: 'subscribe', room_id: room.id, since: 2, epoch }, 'subscribed');
      assert.deepEqual(first, { type: 'subscribed', room_id: room.id, head: 6, epoch, recovered: true });
      assert.deepEqual(await socket.waitType('caught_up'), { type: 'caught_up', room_id: room.id, seq: 6 });
      assert.deepEqual(socket.frames.filter((frame) => frame.id).map((frame) => frame.id), [3, 4, 5, 6]);
      await ask(socket, { type: 'unsubscribe', room_id: room.id }, 'unsubscribed');
      const beyond = await ask(socket, { type: 'subscribe', room_id: room.id, since: 99 }, 'subscribed');
      assert.equal(beyond.recovered, false);
      assert.equal(beyond.reason, 'since_beyond_head');
      await ask(socket, { type: 'unsubscribe', room_id: room.id }, 'unsubscribed');
      const other = await ask(socket, { type: 'subscribe', room_id: room.id, since: 2, epoch: epoch + 1 }, 'subscribed');
      assert.equal(other.recovered, false);
      assert.equal(other.reason, 'epoch_changed');
      await socket.end();
    });

    it('carries many rooms, each in its order, and sends into them', async () => {
      const owner = await api.user();
      const rooms = await Promise.all(Array.from({ length: 20 }, () => owner.api.createRoom()));
      const socket = await open(stack, owner);
      for (const room of rooms) socket.send({ type: 'subscribe', room_id: room.id, since: 0 });
      for (const room of rooms) {
        await socket.waitFor((frame) => frame.type === 'subscribed' && frame.room_id === room.id);
      }
      for (let i = 0; i < 10; i += 1) {
        for (const room of rooms) {
          socket.send({ type: 'message', room_id: room.id, text: `${i}`, client_id: `${room.id}-${i}` });
        }
      }
      for (const room of rooms) {
        await socket.waitFor((frame) => frame.type === 'new_message' && frame.room_id === room.id && frame.text === '9');
        const events = socket.frames.filter(about(room)).filter((frame) => frame.id && frame.type !== 'ack');
        assert.deepEqual(events.map((event) => event.id), Array.from({ length: 11 }, (_, i) => i + 1));
        assert.deepEqual(events.slice(1).map((event) => event.text), Array.from({ length: 10 }, (_, i) => `${i}`));
        for (let i = 0; i < 10; i += 1) {
          const ack = await socket.waitFor((frame) => frame.client_id === `${room.id}-${i}`);
          const message = events.find((event) => event.text === `${i}`);
          assert.deepEqual(ack, {
            type: 'ack', client_id: `${room.id}-${i}`, room_id: room.id, id: message.id,
            created_at: message.created_at, duplicate: false,
          });
        }
      }
      await socket.end();
    });

    it('meets sockets of one room, on whatever worker', OWN, async () => {
      const { owner, room, members: [member] } = await makeRoom(api, 1);
      const single = await Socket.open(stack.url, room.id, owner.token);
      await single.settle();
      const many = [...(await socketOnEachWorker(stack, () => open(stack, member))).values()];
      for (const socket of many) await ask(socket, { type: 'subscribe', room_id: room.id }, 'subscribed');
      await single.say('from the one');
      for (const socket of many) await socket.waitFor((frame) => frame.text === 'from the one');
      many[0].send({ type: 'message', room_id: room.id, text: 'from the other' });
      for (const socket of [single, ...many]) await socket.waitFor((frame) => frame.text === 'from the other');
      for (const socket of [single, ...many]) await socket.end();
    });

    it('unsubscribes', async () => {
      const { owner, room } = await makeRoom(api, 0);
      const stays = await owner.api.createRoom();
      const socket = await open(stack, owner);
      await ask(socket, { type: 'subscribe', room_id: room.id }, 'subscribed');
      await ask(socket, { type: 'subscribe', room_id: stays.id }, 'subscribed');
      const gone = await ask(socket, { type: 'unsubscribe', room_id: room.id }, 'unsubscribed');
      assert.deepEqual(gone, { type: 'unsubscribed', room_id: room.id });
      await owner.api.post(`/api/chat/rooms/${room.id}/messages`, { text: 'unheard' });
      await owner.api.post(`/api/chat/rooms/${stays.id}/messages`, { text: 'heard' });
      await socket.waitFor((frame) => frame.text === 'heard');
      await socket.settle();
      assert.deepEqual(socket.messages.map((frame) => frame.text), ['heard']);
      await socket.end();
    });

    it('tells who is typing', async () => {
      const { owner, room, members: [member] } = await makeRoom(api, 1);
      const typist = await open(stack, member);
      const watcher = await open(stack, owner);
      const plain = await Socket.open(stack.url, room.id, owner.token);
      for (const socket of [typist, watcher]) await ask(socket, { type: 'subscribe', room_id: room.id }, 'subscribed');
      await plain.settle();
      for (let i = 0; i < 10; i += 1) typist.send({ type: 'typing', room_id: room.id });
      for (const socket of [watcher, typist]) {
        assert.deepEqual(await socket.waitType('typing'), {
          type: 'typing', room_id: room.id, user_id: member.id, username: member.username,
        });
      }
      typist.send({ type: 'message', room_id: room.id, text: 'done' });
      for (const socket of [watcher, plain]) await socket.waitFor((frame) => frame.text === 'done');
      await watcher.settle();
      assert.ok(watcher.ofType('typing').length <= 2, 'not at every key');
      assert.equal(plain.ofType('typing').length, 0, "the original's clients do not know it");
      for (const socket of [typist, watcher, plain]) await socket.end();
    });

    it('answers a ping that is a message', async () => {
      const user = await api.user();
      const socket = await open(stack, user);
      assert.deepEqual(await ask(socket, { type: 'ping' }, 'pong'), { type: 'pong' });
      await socket.end();
    });

    it('answers what is wrong with an error frame, and lives on', async () => {
      const { owner, room } = await makeRoom(api, 0);
      const stranger = await api.user();
      const foreign = await stranger.api.createRoom();
      const socket = await open(stack, owner);
      await ask(socket, { type: 'subscribe', room_id: room.id }, 'subscribed');
      const cases = [
        [{ type: 'subscribe', room_id: 4_000_000_000 }, 'room_not_found', 4_000_000_000],
        [{ type: 'subscribe', room_id: foreign.id }, 'not_a_member', foreign.id],
        [{ type: 'subscribe', room_id: room.id }, 'already_subscribed', room.id],
        [{ type: 'unsubscribe', room_id: foreign.id }, 'not_subscribed', foreign.id],
        [{ type: 'message', room_id: foreign.id, text: 'x' }, 'not_subscribed', foreign.id],
        [{ type: 'typing', room_id: foreign.id }, 'not_subscribed', foreign.id],
        [{ type: 'message', room_id: room.id, text: 'x'.repeat(4001) }, 'message_too_long', room.id],
        [{ type: 'message', room_id: room.id, text: '' }, 'bad_frame', undefined],
        [{ type: 'message', room_id: room.id }, 'bad_frame', undefined],
        [{ type: 'message', text: 'x' }, 'bad_frame', undefined],
        [{ text: 'x' }, 'bad_frame', undefined],
        [{ type: 'subscribe' }, 'bad_frame', undefined],
        [{ type: 'subscribe', room_id: 'x' }, 'bad_frame', undefined],
        [{ type: 'subscribe', room_id: -1 }, 'bad_frame', undefined],
        [{ type: 'subscribe', room_id: 1.5 }, 'bad_frame', undefined],
        [{ type: 'subscribe', room_id: 1e300 }, 'bad_frame', undefined],
        [{ type: 'subscribe', room_id: null }, 'bad_frame', undefined],
        [{ type: 'nonsense' }, 'bad_frame', undefined],
        [{ type: 5 }, 'bad_frame', undefined],
        [{}, 'bad_frame', undefined],
        [[], 'bad_frame', undefined],
        ['text', 'bad_frame', undefined],
      ];
      for (const [frame, code, roomId] of cases) {
        const error = await ask(socket, frame, 'error', 'subscribed', 'ack');
        assert.equal(error.code, code, `${JSON.stringify(frame).slice(0, 80)}: ${JSON.stringify(error)}`);
        if (roomId !== undefined) assert.equal(error.room_id, roomId);
        assert.equal(error.temporary, false);
        assert.deepEqual(await ask(socket, { type: 'ping' }, 'pong'), { type: 'pong' });
      }
      for (const raw of ['', 'x', '{"type":"ping"', Buffer.from('{"type":"ping"}')]) {
        const from = socket.frames.length;
        socket.sendRaw(raw);
        const error = await socket.waitFor((one) => one.type === 'error', 10_000, { from });
        assert.equal(error.code, 'bad_frame');
      }
      await socket.end();
    });

    it('a since or an epoch that is no number is an error frame', async () => {
      const { owner, room } = await makeRoom(api, 0);
      const socket = await open(stack, owner);
      for (const fields of [{ since: 'x' }, { since: -1 }, { since: 1.5 }, { since: 1e300 }, { since: 0, epoch: 'x' }]) {
        const error = await ask(socket, { type: 'subscribe', room_id: room.id, ...fields }, 'error', 'subscribed');
        assert.equal(error.type, 'error', JSON.stringify(fields));
        assert.equal(error.code, 'bad_frame');
      }
      await ask(socket, { type: 'subscribe', room_id: room.id }, 'subscribed');
      await socket.end();
    });

    it('goes on with the other rooms when its user leaves one', async () => {
      const { room, members: [member] } = await makeRoom(api, 1);
      const stays = await member.api.createRoom();
      const socket = await open(stack, member);
      for (const one of [room, stays]) await ask(socket, { type: 'subscribe', room_id: one.id }, 'subscribed');
      await member.api.leave(room.id);
      assert.deepEqual(await socket.waitType('unsubscribed'), {
        type: 'unsubscribed', room_id: room.id, code: 4003, reason: 'Removed from the room',
      });
      socket.send({ type: 'message', room_id: stays.id, text: 'still here' });
      await socket.waitFor((frame) => frame.text === 'still here');
      assert.equal((await ask(socket, { type: 'subscribe', room_id: room.id }, 'error')).code, 'not_a_member');
      await member.api.join(room.id);
      await ask(socket, { type: 'subscribe', room_id: room.id }, 'subscribed');
      await socket.end();
    });

    it('says bye when the session ends', OWN, async () => {
      const user = await api.user();
      const sockets = [...(await socketOnEachWorker(stack, () => open(stack, user))).values()];
      for (const socket of sockets) await socket.settle();
      await user.api.post('/api/logout');
      for (const socket of sockets) {
        assert.deepEqual(await socket.waitClosed(), { code: 4001, reason: 'Session ended' });
        const bye = socket.frames.at(-1);
        assert.deepEqual(bye, { type: 'bye', code: 4001, reason: 'Session ended', reconnect: false, after_ms: bye.after_ms });
      }
    });

    it('is online in the rooms that it has subscribed', async () => {
      const { owner, room, members: [member] } = await makeRoom(api, 1);
      const watcher = await Socket.open(stack.url, room.id, owner.token);
      await watcher.settle();
      const socket = await open(stack, member);
      const activity = (action) => watcher.waitFor(
        (frame) => frame.type === 'user_activity' && frame.user_id === member.id && frame.action === action,
        10_000, { from: watcher.frames.length },
      );
      const joined = activity('joined');
      await ask(socket, { type: 'subscribe', room_id: room.id }, 'subscribed');
      await joined;
      const left = activity('left');
      await ask(socket, { type: 'unsubscribe', room_id: room.id }, 'unsubscribed');
      await left;
      await socket.end();
      await watcher.end();
    });

    it('closes 1008 who has no session', async () => {
      for (const token of ['', 'nonsense', 'ab'.repeat(32)]) {
        const socket = await Socket.open(stack.url, null, token);
        assert.deepEqual(await socket.waitClosed(), { code: 1008, reason: 'Invalid token' });
        assert.ok(socket.frames.every((frame) => frame.type === 'bye'), JSON.stringify(socket.frames));
      }
    });
  });
}

describe('the socket of many rooms', () => {
  it('takes 500 rooms, and no more', async () => {
    const admin = await freePort();
    await withStack({ workers: 1, gatewayEnv: { admin_listen: `127.0.0.1:${admin}` } }, async (stack) => {
      const user = await new Api(stack.url).user();
      const rooms = [];
      while (rooms.length < 501) {
        rooms.push(...(await Promise.all(
          Array.from({ length: Math.min(100, 501 - rooms.length) }, () => user.api.createRoom(uniqueName('r'))),
        )));
      }
      const socket = await open(stack, user);
      for (const room of rooms.slice(0, 500)) socket.send({ type: 'subscribe', room_id: room.id });
      await socket.waitFor(() => socket.ofType('subscribed').length === 500, 30_000, { what: '500 rooms' });
      const error = await ask(socket, { type: 'subscribe', room_id: rooms[500].id }, 'error', 'subscribed');
      assert.equal(error.code, 'too_many_rooms', JSON.stringify(error));
      if (!OWN.skip) assert.equal(await metric(admin, 'shed_total\\{reason="rooms_of_socket"\\}'), 1);
      await ask(socket, { type: 'unsubscribe', room_id: rooms[0].id }, 'unsubscribed');
      await ask(socket, { type: 'subscribe', room_id: rooms[500].id }, 'subscribed');
      socket.send({ type: 'message', room_id: rooms[250].id, text: 'hello' });
      await socket.waitFor((frame) => frame.text === 'hello');
      await socket.end();
    });
  });

  it('says bye when the server stops, and when to come back', OWN, async () => {
    await withStack({ workers: 2, env: { drain_ms: 1_000 } }, async (stack) => {
      const { owner, room } = await makeRoom(new Api(stack.url), 0);
      const sockets = await Promise.all(Array.from({ length: 10 }, () => open(stack, owner)));
      for (const socket of sockets) await ask(socket, { type: 'subscribe', room_id: room.id }, 'subscribed');
      stack.gateways[0].kill('SIGTERM');
      for (const socket of sockets) {
        assert.deepEqual(await socket.waitClosed(), { code: 1012, reason: 'Server restarting' });
        const bye = socket.frames.at(-1);
        assert.ok(bye.after_ms >= 0 && bye.after_ms <= 3_000, JSON.stringify(bye));
        assert.deepEqual(bye, {
          type: 'bye', code: 1012, reason: 'Server restarting', reconnect: true, after_ms: bye.after_ms,
        });
      }
      await stack.gateways[0].exited;
      stack.expectedDead.add(stack.gateways[0]);
    });
  });
});
