// The stream of a room's events: order, resume, gaps, other logs, ends.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeSocket, live, message, settle, start } from './fakes.mjs';

const subscribed = (more = {}) => ({ type: 'subscribed', room_id: 7, head: 3, epoch: 9, ...more });

describe('a room', () => {
  it('begins with what happens from now on, and tells each event once and by its kind', async () => {
    const { client, told, ids } = start();
    const kinds = [];
    for (const name of ['message', 'member-joined', 'member-left', 'owner-changed', 'room-created', 'room-removed']) client.on(name, () => kinds.push(name));
    client.room(7).subscribe();
    client.connect();
    await settle();
    FakeSocket.last.hello();
    assert.deepEqual(FakeSocket.last.take('subscribe'), [{ type: 'subscribe', room_id: 7 }]);
    FakeSocket.last.say(message(3), subscribed());
    assert.equal(client.room(7).state, 'live');
    const about = { room_id: 7, user_id: 2, username: 'bob', created_at: '' };
    FakeSocket.last.say(
      message(4), { type: 'member_joined', id: 5, ...about }, message(5), { type: 'member_left', id: 6, ...about },
      { type: 'owner_changed', id: 7, ...about }, { type: 'poll_opened', id: 8, room_id: 7, created_at: 'x', question: '?' },
      { type: 'typing', room_id: 7, user_id: 2, username: 'bob' },
      { type: 'user_activity', room_id: 7, user_id: 2, action: 'left', timestamp: '' },
      'garbage', '[1]', '{"type":7}', { type: 'something', room_id: 7 },
    );
    assert.deepEqual(ids(), [4, 5, 6, 7, 8]);
    assert.deepEqual(kinds, ['message', 'member-joined', 'member-left', 'owner-changed']);
    assert.deepEqual(told.filter(([name]) => name === 'event').at(-1)[1].type, 'other:poll_opened');
    assert.deepEqual(told.slice(-2).map(([name]) => name), ['typing', 'presence']);
    assert.deepEqual(client.room(7).position, { seq: 8, epoch: 9 });
    assert.deepEqual({ duplicates: client.stats.duplicates, gaps: client.stats.gaps }, { duplicates: 1, gaps: 0 });
    client.close();
  });

  it('resumes after the last event, with its epoch, on every new connection', async () => {
    const { client, clock, ids } = await live();
    FakeSocket.last.say(message(4), message(5));
    for (let i = 0; i < 3; i += 1) {
      FakeSocket.last.end();
      assert.equal(client.room(7).state, 'waiting');
      await clock.pass(client.state.retryAt - clock.now());
      FakeSocket.last.hello();
      assert.deepEqual(FakeSocket.last.take('subscribe'), [{ type: 'subscribe', room_id: 7, since: 5 + i, epoch: 9 }]);
      FakeSocket.last.say(subscribed({ head: 6 + i, recovered: true }));
      assert.equal(client.room(7).state, 'catching_up');
      FakeSocket.last.say(message(6 + i), { type: 'caught_up', room_id: 7, seq: 6 + i });
      assert.equal(client.room(7).state, 'live');
    }
    assert.deepEqual(ids(), [4, 5, 6, 7, 8]);
    client.close();
  });

  it('closes and resumes at a gap, and counts it', async () => {
    const { client, clock, ids } = await live();
    const socket = FakeSocket.last;
    socket.say(message(4), message(6), message(7));
    assert.deepEqual(ids(), [4]);
    assert.equal(socket.isClosed, true);
    assert.equal(client.stats.gaps, 1);
    await clock.pass(500);
    FakeSocket.last.hello();
    assert.deepEqual(FakeSocket.last.take('subscribe'), [{ type: 'subscribe', room_id: 7, since: 4, epoch: 9 }]);
    FakeSocket.last.say(subscribed({ head: 7, recovered: true }), message(5), message(6), message(7));
    assert.deepEqual(ids(), [4, 5, 6, 7]);
    client.close();
  });

  for (const reason of ['since_beyond_head', 'epoch_changed']) {
    it(`tells of another log (${reason}) and goes on after its head`, async () => {
      const { client, clock, told, ids } = await live();
      FakeSocket.last.say(message(4));
      FakeSocket.last.end();
      await clock.pass(500);
      FakeSocket.last.hello();
      FakeSocket.last.say(subscribed({ head: 2, epoch: 10, recovered: false, reason }), message(3), message(4));
      assert.deepEqual(told.filter(([name]) => name === 'reset').map(([, reset]) => reset), [
        { room_id: 7, reason, head: 2, epoch: 10, previous: { seq: 4, epoch: 9 } },
      ]);
      assert.deepEqual(ids(), [4, 3, 4]);
      assert.deepEqual(client.room(7).position, { seq: 4, epoch: 10 });
      client.close();
    });
  }

  it('asks without since after 4012, and tells of the reset', async () => {
    const { client, clock, told } = await live();
    FakeSocket.last.end(4012);
    await clock.pass(1_000);
    FakeSocket.last.hello();
    assert.deepEqual(FakeSocket.last.take('subscribe'), [{ type: 'subscribe', room_id: 7 }]);
    FakeSocket.last.say(subscribed({ head: 1, epoch: 11 }));
    assert.deepEqual(told.find(([name]) => name === 'reset')[1], { room_id: 7, reason: 'log_restored', head: 1, epoch: 11, previous: { seq: 3, epoch: 9 } });
    client.close();
  });

  it('ends when the server says so, alone', async () => {
    const { client, clock, told, ids } = await live();
    client.room(8).subscribe();
    FakeSocket.last.say({ type: 'subscribed', room_id: 8, head: 0, epoch: 9 });
    FakeSocket.last.say({ type: 'unsubscribed', room_id: 7, code: 4003, reason: 'Removed from the room' });
    FakeSocket.last.say(message(4), message(1, { room: 8 }));
    assert.deepEqual(told.filter(([name]) => name === 'ended').map(([, end]) => end), [{ room_id: 7, reason: 'removed', code: 4003 }]);
    assert.deepEqual([client.room(7).state, client.room(8).state, client.state.name], ['ended', 'live', 'open']);
    assert.deepEqual(ids(), [1]);
    FakeSocket.last.end();
    await clock.pass(500);
    FakeSocket.last.hello();
    assert.deepEqual(FakeSocket.last.take('subscribe').map((frame) => frame.room_id), [8]);
    client.close();
  });

  it('asks again, later, for what is refused for the time being', async () => {
    const { client, clock, told } = start();
    client.room(7).subscribe();
    client.connect();
    await settle();
    FakeSocket.last.hello();
    FakeSocket.last.take('subscribe');
    FakeSocket.last.say({ type: 'error', room_id: 7, code: 'database_unavailable', message: '', temporary: true });
    assert.equal(client.room(7).state, 'waiting');
    await clock.pass(250);
    assert.equal(FakeSocket.last.take('subscribe').length, 1);
    FakeSocket.last.say({ type: 'error', room_id: 7, code: 'not_a_member', message: '', temporary: false });
    assert.deepEqual(told.find(([name]) => name === 'ended')[1], { room_id: 7, reason: 'not_a_member', code: 'not_a_member' });
    await clock.pass(20_000);
    assert.equal(FakeSocket.last.take('subscribe').length, 0);
    client.close();
  });

  it('asks again after an end that may pass', async () => {
    const { client, clock } = await live();
    FakeSocket.last.say({ type: 'unsubscribed', room_id: 7, code: 1011, reason: 'The log cannot be read' });
    assert.equal(client.room(7).state, 'waiting');
    await clock.pass(250);
    assert.deepEqual(FakeSocket.last.take('subscribe'), [{ type: 'subscribe', room_id: 7, since: 3, epoch: 9 }]);
    client.close();
  });

  it('is not confused by answers to a subscription that was given up', async () => {
    const { client, ids } = await live();
    const room = client.room(7);
    room.subscribe({ since: 0 });
    assert.deepEqual(FakeSocket.last.sent, [{ type: 'unsubscribe', room_id: 7 }, { type: 'subscribe', room_id: 7, since: 0 }]);
    FakeSocket.last.say(message(4), subscribed({ head: 4, recovered: true }), message(4), { type: 'unsubscribed', room_id: 7 });
    assert.deepEqual(ids(), []);
    assert.equal(room.state, 'waiting');
    FakeSocket.last.say(subscribed({ head: 2, recovered: true }), message(1), message(2));
    assert.deepEqual(ids(), [1, 2]);
    room.unsubscribe();
    FakeSocket.last.say(message(3), { type: 'unsubscribed', room_id: 7 });
    assert.deepEqual(ids(), [1, 2]);
    assert.equal(room.state, 'idle');
    client.close();
  });

  it('says at most every two seconds that somebody types', async () => {
    const { client, clock, room } = await live();
    room.typing();
    room.typing();
    await clock.pass(2_000);
    room.typing();
    assert.equal(FakeSocket.last.take('typing').length, 2);
    client.close();
  });

  it('one listener that throws takes nothing from the others', async () => {
    const { client, ids, room } = await live();
    const thrown = [];
    const keep = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.once('uncaughtException', (error) => thrown.push(error.message));
    room.on('message', () => {
      throw new Error('of the program');
    });
    FakeSocket.last.say(message(4));
    await settle();
    keep.forEach((listener) => process.on('uncaughtException', listener));
    FakeSocket.last.say();
    assert.deepEqual(ids(), [4]);
    assert.deepEqual(thrown, ['of the program']);
    client.close();
  });
});

describe('events as an iterator', () => {
  it('gives them in order and ends with the room', async () => {
    const { client } = await live();
    const events = client.room(7).events();
    FakeSocket.last.say(message(4), message(5));
    assert.equal((await events.next()).value.id, 4);
    assert.equal((await events.next()).value.id, 5);
    const next = events.next();
    FakeSocket.last.say(message(6));
    assert.equal((await next).value.id, 6);
    const last = events.next();
    FakeSocket.last.say({ type: 'unsubscribed', room_id: 7, code: 4004, reason: 'Room removed' });
    assert.equal((await last).done, true);
    client.close();
  });

  it('ends by its signal, by a reset, and when it is not read', async () => {
    const { client, room } = await live();
    const cut = new AbortController();
    const cancelled = room.events({ signal: cut.signal });
    const slow = room.events({ bufferMax: 2 });
    const reset = room.events();
    FakeSocket.last.say(message(4), message(5), message(6));
    cut.abort();
    for (const id of [4, 5, 6]) assert.equal((await cancelled.next()).value.id, id);
    await assert.rejects(cancelled.next(), { code: 'aborted' });
    assert.equal((await cancelled.next()).done, true);
    for (const id of [4, 5]) assert.equal((await slow.next()).value.id, id);
    await assert.rejects(slow.next(), { code: 'reader_too_slow', seq: 5 });
    room.subscribe({ since: 9 });
    FakeSocket.last.say({ type: 'unsubscribed', room_id: 7 }, subscribed({ head: 6, recovered: false, reason: 'since_beyond_head' }));
    for (const id of [4, 5, 6]) assert.equal((await reset.next()).value.id, id);
    await assert.rejects(reset.next(), { code: 'reset' });
    client.close();
  });

});
