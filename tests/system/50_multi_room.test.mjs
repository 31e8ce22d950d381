// The socket of many rooms where it is hardest: rooms of different speed on one socket, the same
// message over several transports and deaths, frames that overtake their own permission, and how
// the server takes its leave.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Api, ReliableSender, Socket, makeRoom, uniqueName } from './lib/client.mjs';
import { SLOW } from './lib/env.mjs';
import { MultiSocket } from './lib/multi_socket.mjs';
import { residentBytes } from './lib/procfs.mjs';
import { OPCODE, encodeFrame, openRawSocket } from './lib/raw.mjs';
import { startStack, withStack } from './lib/stack.mjs';
import { delay, poll } from './lib/wait.mjs';

// Sends the texts 1..count to a room.
async function fill(stack, room, user, count, text = (i) => `${i}`) {
  const sender = new ReliableSender(stack.url, room.id, user.token, { window: 500, retryMs: 10_000 });
  await sender.send(Array.from({ length: count }, (_, i) => text(1 + i)));
  await sender.stop();
}

const numbers = (first, last) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

describe('many rooms on one socket', () => {
  let stack;
  let api;
  before(async () => {
    stack = await startStack({ workers: 2 });
    api = new Api(stack.url);
  });
  after(() => stack?.stop());

  const open = (user) => MultiSocket.open(stack.url, user.token);
  const post = (user, room, body, options) => user.api.post(`/api/chat/rooms/${room.id}/messages`, body, options);

  // More than the kernel's buffers hold, so that the catch-up cannot end before the socket is read on.
  it('a room with much to catch up on does not hold up the others', async () => {
    const deepCount = 80_000;
    const { owner, room: deep, members: [member] } = await makeRoom(api, 1);
    await fill(stack, deep, owner, deepCount);
    const live = await owner.api.createRoom();
    await member.api.join(live.id);
    const head = 2 + deepCount;
    const socket = await open(member);
    await socket.subscribe(live.id);
    const { head: told } = await socket.subscribe(deep.id, { since: 0 });
    assert.equal(told, head);
    socket.ws.pause();
    const said = [];
    for (let i = 0; i < 20; i++) {
      said.push(uniqueName('live'));
      await post(owner, live, { text: said.at(-1) });
    }
    socket.ws.resume();
    await socket.caughtUp(deep.id);
    const end = socket.frames.findIndex((frame) => frame.type === 'caught_up');
    const during = socket.frames.slice(0, end).filter((frame) => frame.room_id === live.id && frame.text);
    assert.deepEqual(during.map((frame) => frame.text), said, 'all of them before the end of the catch-up');
    assert.deepEqual(socket.eventsOf(deep.id).map((event) => event.id), numbers(1, head));
    assert.deepEqual(socket.textsOf(live.id), said);
    await socket.end();
  });

  it('a reader that is slow in all rooms has all of them in the end', async () => {
    const { owner, members: [member] } = await makeRoom(api, 1);
    const rooms = await Promise.all(numbers(1, 3).map(() => owner.api.createRoom()));
    for (const room of rooms) await member.api.join(room.id);
    const slow = await open(member);
    for (const room of rooms) await slow.subscribe(room.id, { since: 0 });
    for (const room of rooms) await slow.caughtUp(room.id);
    slow.ws.pause();
    const count = 700;
    await Promise.all(rooms.map((room) => fill(stack, room, owner, count, (i) => `${i} ${'x'.repeat(3_900)}`)));
    slow.ws.resume();
    for (const room of rooms) {
      await poll('all of it', () => slow.eventsOf(room.id).length >= 2 + count, { timeoutMs: 60_000 });
      assert.deepEqual(slow.eventsOf(room.id).map((event) => event.id), numbers(1, 2 + count));
    }
    assert.ok(slow.isOpen);
    await slow.end();
  });

  // Sanitizers keep what was freed.
  it('whoever asks much and reads nothing costs little memory', { skip: SLOW > 1 }, async () => {
    const user = await api.user();
    const greedy = await openRawSocket(stack, `/ws/chat?token=${user.token}`);
    const pid = stack.workerOf(greedy.localPort);
    const before = residentBytes(pid);
    greedy.socket.pause();
    const batch = Buffer.concat(numbers(1, 1_000).map(() => encodeFrame('{}')));
    let written = 0;
    const until = Date.now() + 3_000;
    while (Date.now() < until && written < 400_000) {
      const goes = greedy.socket.write(batch);
      written += 1_000;
      if (!goes) {
        await Promise.race([new Promise((go) => greedy.socket.once('drain', go)), delay(500)]);
      } else await delay(0);
    }
    const grown = residentBytes(pid) - before;
    greedy.destroy();
    assert.ok(grown < 16 * 1024 * 1024, `${grown} bytes more for ${written} frames`);
  });

  it('the same client_id is another message in another room', async () => {
    const user = await api.user();
    const rooms = [await user.api.createRoom(), await user.api.createRoom()];
    const socket = await open(user);
    for (const room of rooms) await socket.subscribe(room.id, { since: 0 });
    for (const room of rooms) {
      const ack = await socket.say(room.id, `to ${room.id}`, 'one name');
      assert.equal(ack.duplicate, false);
      assert.equal(ack.id, 2);
    }
    for (const room of rooms) {
      await poll('its message', () => socket.textsOf(room.id).length === 1);
      assert.deepEqual(socket.textsOf(room.id), [`to ${room.id}`]);
    }
    await socket.end();
  });

  it('a frame that overtakes the answer to its subscribe is not let through', async () => {
    const { owner, room } = await makeRoom(api, 0);
    const stranger = await api.user('stranger');
    const watcher = await open(owner);
    await watcher.subscribe(room.id);
    const socket = await open(stranger);
    for (let i = 0; i < 20; i += 1) {
      const from = socket.frames.length;
      // In one segment, so that the check of the membership is still under way.
      socket.ws._socket.cork();
      socket.send({ type: 'subscribe', room_id: room.id });
      socket.send({ type: 'typing', room_id: room.id });
      socket.send({ type: 'message', room_id: room.id, text: 'sneaked in', client_id: `s${i}` });
      socket.ws._socket.uncork();
      await socket.waitFor(
        (frame) => frame.type === 'error' && frame.room_id === room.id && frame.client_id === undefined, 10_000, { from },
      );
      await socket.waitFor((frame) => frame.type === 'error' && frame.client_id === `s${i}`, 10_000, { from });
    }
    await watcher.say(room.id, 'the end');
    await watcher.waitFor((frame) => frame.text === 'the end');
    assert.deepEqual(watcher.textsOf(room.id), ['the end']);
    assert.deepEqual(watcher.ofType('typing'), [], 'who is no member is not seen to type');
    assert.deepEqual(socket.ofType('subscribed'), []);
    await socket.end();
    await watcher.end();
  });

  it('subscribing and unsubscribing at once ends where the last frame says', async () => {
    const { owner, room } = await makeRoom(api, 0);
    const socket = await open(owner);
    for (let i = 0; i < 20; i += 1) {
      const from = socket.frames.length;
      for (let j = 0; j < 3; j += 1) {
        socket.send({ type: 'subscribe', room_id: room.id });
        socket.send({ type: 'unsubscribe', room_id: room.id });
      }
      socket.send({ type: 'subscribe', room_id: room.id, since: 0 });
      const isSubscribed = (frame) => frame.type === 'subscribed' && frame.recovered === true;
      await socket.waitFor(isSubscribed, 10_000, { from });
      await socket.waitType('caught_up', 10_000, { from });
      await socket.unsubscribe(room.id);
      const frames = socket.frames.slice(from);
      assert.equal(frames.filter((frame) => frame.type === 'unsubscribed').length, 4);
      assert.equal(frames.filter((frame) => frame.type === 'room_created').length, 1, JSON.stringify(frames));
      assert.deepEqual(frames.filter((frame) => frame.type === 'error'), []);
    }
    await socket.end();
  });

  it('typing is passed on again after two seconds, and room by room', async () => {
    const { owner, room, members: [member] } = await makeRoom(api, 1);
    const other = await owner.api.createRoom();
    await member.api.join(other.id);
    const [typist, watcher] = [await open(member), await open(owner)];
    for (const socket of [typist, watcher]) {
      await socket.subscribe(room.id);
      await socket.subscribe(other.id);
    }
    const notes = (where) => watcher.ofType('typing').filter((frame) => frame.room_id === where.id).length;
    for (let i = 0; i < 10; i += 1) typist.send({ type: 'typing', room_id: room.id });
    typist.send({ type: 'typing', room_id: other.id });
    await poll('a note in each room', () => notes(room) > 0 && notes(other) > 0);
    assert.deepEqual([notes(room), notes(other)], [1, 1]);
    await delay(2_100);
    typist.send({ type: 'typing', room_id: room.id });
    await poll('another note', () => notes(room) === 2);
    assert.equal(notes(other), 1);
    await typist.end();
    await watcher.end();
  });

  it('who leaves hears that in the room, and only then that the room is heard no more', async () => {
    const { owner, room, members: [member] } = await makeRoom(api, 1);
    const socket = await open(member);
    await socket.subscribe(room.id, { since: 0 });
    await member.api.leave(room.id);
    await post(owner, room, { text: 'behind your back' });
    const end = await socket.waitType('unsubscribed');
    assert.deepEqual(end, { type: 'unsubscribed', room_id: room.id, code: 4003, reason: 'Removed from the room' });
    await socket.ping();
    const before = socket.frames.at(socket.frames.indexOf(end) - 1);
    assert.equal(before.type, 'member_left');
    assert.equal(before.user_id, member.id);
    assert.deepEqual(socket.textsOf(room.id), [], 'nothing of what came after');
    assert.equal((await socket.errorOf({ type: 'message', room_id: room.id, text: 'x' })).code, 'not_subscribed');
    await socket.end();
  });

  it('an account that is deleted is told bye on each of its sockets', async () => {
    const user = await api.user();
    const room = await user.api.createRoom();
    const socket = await open(user);
    await socket.subscribe(room.id);
    const single = await Socket.open(stack.url, room.id, user.token);
    await single.settle();
    await user.api.delete('/api/delete');
    for (const one of [socket, single]) {
      assert.deepEqual(await one.waitClosed(), { code: 4001, reason: 'Session ended' });
    }
    assert.deepEqual(socket.frames.at(-1), {
      type: 'bye', code: 4001, reason: 'Session ended', reconnect: false, after_ms: 0,
    });
    assert.deepEqual(single.ofType('bye'), [], "the original's clients know no bye");
  });

  it('a breach of the protocol is answered with bye, then 1002', async () => {
    const user = await api.user();
    for (const [name, bytes, code] of [
      ['no mask', encodeFrame('{"type":"ping"}', { mask: false }), 1002],
      ['a reserved bit', encodeFrame('{"type":"ping"}', { rsv: 4 }), 1002],
      ['a lone continuation', encodeFrame('x', { opcode: OPCODE.CONTINUATION }), 1002],
      ['no UTF-8', encodeFrame(Buffer.from([0xff, 0xfe])), 1007],
      ['more than a message may have', encodeFrame('x'.repeat(70_000)), 1009],
    ]) {
      const raw = await openRawSocket(stack, `/ws/chat?token=${user.token}`);
      await raw.readJson('hello');
      raw.write(bytes);
      const bye = await raw.readJson('bye');
      const close = await raw.readClose();
      assert.equal(close.code, code, name);
      assert.deepEqual(bye, { type: 'bye', code, reason: close.reason, reconnect: true, after_ms: bye.after_ms }, name);
      assert.ok(bye.after_ms > 0, name);
      raw.destroy();
    }
  });
});

describe('who has left while catching up', () => {
  it('gets what was before, and no note of what is now', async () => {
    // A page is one event, and none is remembered: reading the log takes its time.
    await withStack({ workers: 1, env: { page_events: 1, ring_room_bytes: 0 } }, async (stack) => {
      const api = new Api(stack.url);
      const { owner, room, members: [member] } = await makeRoom(api, 1);
      const count = 4_000;
      await fill(stack, room, owner, count);
      const typer = await MultiSocket.open(stack.url, owner.token);
      await typer.subscribe(room.id);
      const leaver = await MultiSocket.open(stack.url, member.token);
      await leaver.subscribe(room.id, { since: 0 });
      await poll('the log to come', () => leaver.eventsOf(room.id).length > 10);
      await member.api.leave(room.id);
      typer.send({ type: 'typing', room_id: room.id });
      await typer.waitType('typing');
      assert.equal(leaver.ofType('unsubscribed').length, 0, 'it has not got to its end yet');
      const { code } = await leaver.waitType('unsubscribed', 60_000);
      assert.equal(code, 4003);
      assert.deepEqual(leaver.eventsOf(room.id).map((event) => event.id), numbers(1, 3 + count));
      assert.deepEqual(leaver.ofType('typing'), []);
      await Promise.all([typer.end(), leaver.end()]);
    });
  });
});

describe('a client_id', () => {
  it('names one message over every transport, worker and death', async () => {
    await withStack({ workers: 2 }, async (stack) => {
      const api = new Api(stack.url);
      const { owner, room, members: [member] } = await makeRoom(api, 1);
      const watcher = await MultiSocket.open(stack.url, owner.token);
      await watcher.subscribe(room.id, { since: 0 });
      const clientId = uniqueName('once');
      const text = 'said once';
      const post = (headers, body) =>
        poll('an answer', async () => {
          const answer = await member.api.post(`/api/chat/rooms/${room.id}/messages`, { text, ...body }, { headers });
          assert.equal(answer.status, 200, answer.text);
          return answer.json;
        }, { timeoutMs: 30_000 });
      const overSocket = async () => {
        const socket = await poll('a socket', () => MultiSocket.open(stack.url, member.token));
        await socket.subscribe(room.id);
        const ack = await socket.say(room.id, text, clientId);
        await socket.end();
        return ack;
      };
      const overRoomSocket = async () => {
        const socket = await Socket.open(stack.url, room.id, member.token);
        const ack = await socket.say(text, clientId);
        await socket.end();
        return ack;
      };
      const ways = [
        overSocket, overRoomSocket, () => post({}, { client_id: clientId }), () => post({ 'idempotency-key': clientId }, {}),
      ];
      const first = await overSocket();
      assert.equal(first.duplicate, false);
      const repeatEveryWay = async (when) => {
        for (const way of ways) {
          const { id, created_at, duplicate } = await way();
          assert.deepEqual({ id, created_at, duplicate }, { id: first.id, created_at: first.created_at, duplicate: true }, when);
        }
      };
      await repeatEveryWay('at once');
      for (const pid of stack.workers()) await stack.killWorker(pid);
      await stack.waitReady();
      await repeatEveryWay('after the workers were killed');
      await stack.restartBroker();
      await stack.waitReady();
      await repeatEveryWay('after the broker was killed');
      assert.deepEqual((await owner.api.history(room.id)).map((message) => message.text), [text]);
    });
  });
});

describe('a socket of many rooms that is cut off', () => {
  it('goes on in every room with since, whatever dies', async () => {
    await withStack({ workers: 2, env: { command_timeout_ms: 4_000 } }, async (stack) => {
      const api = new Api(stack.url);
      const owner = await api.user();
      const member = await api.user();
      const rooms = await Promise.all(numbers(1, 5).map(() => owner.api.createRoom()));
      for (const room of rooms) await member.api.join(room.id);
      const last = new Map(rooms.map((room) => [room.id, 0]));
      const heard = new Map(rooms.map((room) => [room.id, []]));
      const faults = [];
      let stopped = false;
      let socket;
      const take = (frame) => {
        if (frame.type === 'subscribed' && !frame.recovered) faults.push(frame);
        if (frame.id === undefined || frame.type === 'ack') return;
        if (frame.id !== last.get(frame.room_id) + 1) faults.push({ after: last.get(frame.room_id), frame });
        last.set(frame.room_id, frame.id);
        heard.get(frame.room_id).push(frame.text);
      };
      const following = (async () => {
        while (!stopped) {
          try {
            socket = await MultiSocket.open(stack.url, member.token);
            socket.onFrame = take;
            for (const room of rooms) socket.send({ type: 'subscribe', room_id: room.id, since: last.get(room.id) });
            await socket.closed;
          } catch {
            socket?.terminate();
          }
          await delay(50);
        }
      })();
      const each = 60;
      const senders = rooms.map((room) =>
        new ReliableSender(() => stack.url, room.id, owner.token, { window: 5, retryMs: 1_000 }));
      const sending = Promise.all(senders.map((sender, s) =>
        sender.send(numbers(1, each).map((i) => `${s} ${i}`), { gap: () => delay(10) })));
      const acked = () => senders.reduce((sum, sender) => sum + sender.acked.size, 0);
      for (const [share, kill] of [
        [0.2, () => stack.killWorker()], [0.4, () => stack.restartBroker()], [0.6, () => stack.killWorker()],
      ]) {
        await poll('messages to flow', () => acked() >= share * each * rooms.length, { timeoutMs: 60_000 });
        await kill();
      }
      await sending;
      for (const room of rooms) {
        await poll('all of the room', () => faults.length > 0 || last.get(room.id) >= 2 + each, { timeoutMs: 60_000 });
        assert.deepEqual(faults, []);
        const texts = (await owner.api.history(room.id)).map((message) => message.text);
        assert.deepEqual(heard.get(room.id).filter(Boolean), texts);
        const { json: audit } = await owner.api.get(`/api/chat/rooms/${room.id}/verify`);
        assert.deepEqual([audit.count, audit.holes], [2 + each, 0]);
      }
      stopped = true;
      socket.terminate();
      await following;
      await Promise.all(senders.map((sender) => sender.stop()));
      await stack.waitReady();
    });
  });
});
