// Server-sent events to the letter: the head, the lines, HEAD, slow readers, and the end.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Api, ReliableSender, assertError, makeRoom } from './lib/client.mjs';
import { EventStream } from './lib/event_stream.mjs';
import { startStack, withStack } from './lib/stack.mjs';
import { delay, poll } from './lib/wait.mjs';

const numbers = (first, last) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

describe('a stream of events', () => {
  let stack;
  let api;
  before(async () => {
    stack = await startStack({ workers: 2 });
    api = new Api(stack.url);
  });
  after(() => stack?.stop());

  const path = (room, query = '') => `/api/chat/rooms/${room.id}/events${query}`;
  const open = (room, user, query, options) =>
    EventStream.open(stack.url, path(room, query), { token: user.token, ...options });
  const send = (user, room, text) => user.api.post(`/api/chat/rooms/${room.id}/messages`, { text });

  it('has the head that proxies and browsers need, and says when to come back', async () => {
    const { owner, room } = await makeRoom(api, 0);
    const stream = await open(room, owner);
    assert.equal(stream.status, 200);
    assert.match(stream.headers['content-type'], /^text\/event-stream(; ?charset=utf-8)?$/i);
    assert.equal(stream.headers['cache-control'], 'no-store');
    assert.equal(stream.headers['x-content-type-options'], 'nosniff');
    assert.equal(stream.headers['x-accel-buffering'], 'no');
    assert.equal(stream.headers['content-length'], undefined);
    await stream.waitType('subscribed');
    assert.ok(stream.retryMs >= 100);
    stream.destroy();
  });

  it('answers HEAD with the head alone, and the connection serves on', async () => {
    const { owner, room } = await makeRoom(api, 0);
    const stream = await open(room, owner, '', { method: 'HEAD' });
    assert.equal(stream.status, 200);
    assert.match(stream.headers['content-type'], /^text\/event-stream\b/);
    await stream.waitEnd();
    assert.equal(stream.text, '');
    const stranger = await api.user();
    const { status } = await stranger.api.request('HEAD', path(room));
    assert.equal(status, 403, 'HEAD is checked like GET');
  });

  it('is the log, number by number', async () => {
    const { owner, room, members: [member] } = await makeRoom(api, 1);
    const texts = ['plain', 'two\nlines', 'three\r\nmore\rlines', 'id: 99', ': no comment', '\u2028\u0085 and ☃ 👩‍🚀', 'x'.repeat(4_000)];
    for (const text of texts) await send(owner, room, text);
    await member.api.leave(room.id);
    const stream = await open(room, owner, '?since=0');
    const caughtUp = await stream.waitType('caught_up');
    assert.equal(caughtUp.seq, 3 + texts.length);
    assert.deepEqual(stream.logged.map((event) => event.id), numbers(1, 3 + texts.length));
    for (const { id, frame } of stream.logged) assert.equal(id, frame.id);
    const messages = stream.frames.filter((frame) => frame.type === 'new_message');
    assert.deepEqual(messages, (await owner.api.history(room.id)).map((message) => ({ type: 'new_message', ...message })));
    assert.deepEqual(messages.map((frame) => frame.text), texts);
    assert.equal(stream.logged[0].frame.type, 'room_created');
    assert.equal(stream.logged.at(-1).frame.type, 'member_left');
    stream.destroy();
  });

  it('says when since is of another log', async () => {
    const { owner, room } = await makeRoom(api, 0);
    const beyond = await open(room, owner, '?since=99');
    const subscribed = await beyond.waitType('subscribed');
    assert.deepEqual(subscribed, {
      type: 'subscribed', room_id: room.id, head: 1, epoch: subscribed.epoch, recovered: false, reason: 'since_beyond_head',
    });
    const other = await open(room, owner, `?since=0&epoch=${subscribed.epoch + 1}`);
    assert.equal((await other.waitType('subscribed')).reason, 'epoch_changed');
    const same = await open(room, owner, `?since=0&epoch=${subscribed.epoch}`);
    assert.equal((await same.waitType('subscribed')).recovered, true);
    await send(owner, room, 'live');
    for (const stream of [beyond, other, same]) {
      await stream.waitFor((frame) => frame.text === 'live');
      stream.destroy();
    }
  });

  it('refuses what is no number', async () => {
    const { owner, room } = await makeRoom(api, 0);
    for (const query of ['?since=x', '?since=-1', '?since=1.5', '?epoch=x', '?since=', '?since=99999999999999999999']) {
      assertError(await owner.api.get(path(room, query)), 422, 'validation_failed');
    }
    for (const id of ['x', '-1', '1.5', '99999999999999999999']) {
      assertError(await owner.api.get(path(room), { headers: { 'last-event-id': id } }), 422, 'validation_failed');
    }
    assertError(await owner.api.get('/api/chat/rooms/x/events'), 422, 'validation_failed');
    assertError(await api.get(path(room, '?token=')), 401, 'unauthenticated');
    assertError(await api.get(path(room, `?token=${'ab'.repeat(32)}`)), 401, 'invalid_token');
  });

  it('takes a token in the query nowhere else', async () => {
    const { owner, room } = await makeRoom(api, 0);
    for (const rest of ['', '/messages', '/users', '/verify']) {
      assertError(await api.get(`/api/chat/rooms/${room.id}${rest}?token=${owner.token}`), 401, 'unauthenticated');
    }
  });

  it('lets a slow reader fall behind instead of cutting it off', async () => {
    const { owner, room, members: [member] } = await makeRoom(api, 1);
    const slow = await open(room, member, '?since=0');
    await slow.waitType('caught_up');
    slow.pause();
    const count = 2_500; // about 10 MB: more than the kernel's buffers and the queue hold
    const sender = new ReliableSender(stack.url, room.id, owner.token, { window: 200, retryMs: 5_000 });
    await sender.send(numbers(1, count).map((i) => `${i} ${'x'.repeat(3_900)}`));
    await sender.stop();
    assert.equal(slow.ended, false);
    slow.resume();
    await poll('all of it', () => slow.logged.length >= 2 + count, { timeoutMs: 60_000 });
    assert.deepEqual(slow.logged.map((event) => event.id), numbers(1, 2 + count));
    slow.destroy();
  });

  it('holds nothing of a reader that has gone', async () => {
    const { owner, room, members: [member] } = await makeRoom(api, 1);
    const streams = await Promise.all(numbers(1, 20).map(() => open(room, member, '?since=0')));
    for (const stream of streams) await stream.waitType('caught_up');
    const online = async () =>
      (await owner.api.get(`/api/chat/rooms/${room.id}/users`)).json.data.users.find((user) => user.id === member.id).is_online;
    await poll('to be online', online);
    for (const stream of streams) stream.destroy();
    await poll('to be away', async () => !(await online()));
  });
});

describe('the end of a stream', () => {
  it('has a bye that says whether to come back', async () => {
    await withStack({ workers: 1, env: { ping_ms: 200, drain_ms: 1_000 } }, async (stack) => {
      const { room, members } = await makeRoom(new Api(stack.url), 3);
      const streams = await Promise.all(members.map((user) =>
        EventStream.open(stack.url, `/api/chat/rooms/${room.id}/events`, { token: user.token })));
      for (const stream of streams) {
        await stream.waitType('subscribed');
        await poll('a comment', () => stream.comments >= 2);
      }
      const [loggedOut, left, stays] = streams;
      await members[0].api.post('/api/logout');
      await members[1].api.leave(room.id);
      await loggedOut.waitEnd();
      assert.deepEqual(loggedOut.frames.at(-1), {
        type: 'bye', code: 4001, reason: 'Session ended', reconnect: false, after_ms: 0,
      });
      await left.waitEnd();
      assert.deepEqual(left.frames.at(-1), {
        type: 'bye', code: 4003, reason: 'Removed from the room', reconnect: false, after_ms: 0,
      });
      assert.equal(left.logged.at(-1).frame.type, 'member_left');
      await delay(100);
      assert.equal(stays.ended, false);
      stack.gateways[0].kill('SIGTERM');
      await stays.waitEnd();
      const bye = stays.frames.at(-1);
      assert.deepEqual(bye, {
        type: 'bye', code: 1012, reason: 'Server restarting', reconnect: true, after_ms: bye.after_ms,
      });
      assert.ok(bye.after_ms >= 0 && bye.after_ms <= 3_000);
      await stack.gateways[0].exited;
      stack.expectedDead.add(stack.gateways[0]);
    });
  });
});
