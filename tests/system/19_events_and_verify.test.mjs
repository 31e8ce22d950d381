// Server-sent events of a room, the same cursor as the WebSocket's; and verify, with which anybody
// can check the log.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Api, ReliableSender, assertError, makeRoom } from './lib/client.mjs';
import { EventStream } from './lib/event_stream.mjs';
import { startStack, withStack } from './lib/stack.mjs';
import { delay, poll } from './lib/wait.mjs';

// The stream of a room; the options are those of a client.
function listen(stack, room, { token, since, lastEventId, queryToken } = {}) {
  const query = new URLSearchParams();
  if (since !== undefined) query.set('since', String(since));
  if (queryToken !== undefined) query.set('token', queryToken);
  const headers = lastEventId === undefined ? {} : { 'last-event-id': String(lastEventId) };
  return EventStream.open(stack.url, `/api/chat/rooms/${room.id}/events?${query}`, { token, headers });
}

for (const workers of [1, 4]) {
  describe(`server-sent events, workers: ${workers}`, () => {
    let stack;
    let api;
    before(async () => {
      stack = await startStack({ workers });
      api = new Api(stack.url);
    });
    after(() => stack?.stop());

    const path = (room, rest) => `/api/chat/rooms/${room.id}/${rest}`;
    const send = (user, room, text) => user.api.post(path(room, 'messages'), { text });

    it('brings what is after since, then what happens', async () => {
      const { owner, room } = await makeRoom(api, 0);
      for (const text of ['one', 'two', 'multi\nline']) await send(owner, room, text);
      const stream = await listen(stack, room, { token: owner.token, since: 1 });
      assert.equal(stream.status, 200);
      assert.match(stream.headers['content-type'], /^text\/event-stream/);
      assert.match(stream.headers['cache-control'] ?? '', /no-(store|cache)/);
      await stream.waitType('caught_up');
      const [subscribed] = stream.frames;
      assert.deepEqual(subscribed, {
        type: 'subscribed', room_id: room.id, head: 4, epoch: subscribed.epoch, recovered: true,
      });
      assert.deepEqual(stream.logged.map((event) => event.frame.text), ['one', 'two', 'multi\nline']);
      assert.deepEqual(stream.logged.map((event) => event.id), [2, 3, 4], 'id is the seq');
      await send(owner, room, 'live');
      const live = await stream.waitFor((frame) => frame.text === 'live');
      assert.equal(stream.logged.at(-1).id, 5);
      assert.deepEqual(live, { type: 'new_message', ...(await owner.api.history(room.id)).at(-1) });
      stream.destroy();
    });

    it('begins with now without since, and with Last-Event-ID after that', async () => {
      const { owner, room } = await makeRoom(api, 0);
      await send(owner, room, 'before');
      const now = await listen(stack, room, { token: owner.token });
      await now.waitType('subscribed');
      const again = await listen(stack, room, { token: owner.token, lastEventId: 1 });
      await again.waitFor((frame) => frame.text === 'before');
      await send(owner, room, 'after');
      for (const stream of [now, again]) await stream.waitFor((frame) => frame.text === 'after');
      assert.ok(!now.frames.some((frame) => frame.text === 'before'));
      const both = await listen(stack, room, { token: owner.token, since: 0, lastEventId: 2 });
      await both.waitFor((frame) => frame.text === 'after');
      assert.ok(!both.frames.some((frame) => frame.text === 'before'), 'what the browser says is newer');
      for (const stream of [now, again, both]) stream.destroy();
    });

    it('takes the token from the query, here only', async () => {
      const { owner, room } = await makeRoom(api, 0);
      const stream = await listen(stack, room, { queryToken: owner.token });
      assert.equal(stream.status, 200);
      await stream.waitType('subscribed');
      stream.destroy();
    });

    it('answers errors as HTTP does', async () => {
      const { owner, room } = await makeRoom(api, 0);
      const stranger = await api.user();
      assertError(await api.get(path(room, 'events')), 401, 'unauthenticated');
      assertError(await api.get(path(room, 'events?token=nonsense')), 401, (await api.get(path(room, 'events?token=nonsense'))).json.code);
      assertError(await stranger.api.get(path(room, 'events')), 403, 'not_a_member');
      assertError(await owner.api.get('/api/chat/rooms/4000000000/events'), 404, 'room_not_found');
      for (const query of ['since=x', 'since=-1', 'since=99999999999999999999']) {
        assertError(await owner.api.get(path(room, `events?${query}`)), 422, 'validation_failed');
      }
      assertError(await owner.api.post(path(room, 'events'), {}), 405, 'method_not_allowed');
    });

    it('says bye and ends when the session ends or the user leaves', async () => {
      const { room, members: [one, two] } = await makeRoom(api, 2);
      const first = await listen(stack, room, { token: one.token });
      const second = await listen(stack, room, { token: two.token });
      for (const stream of [first, second]) await stream.waitType('subscribed');
      await one.api.post('/api/logout');
      await first.waitEnd();
      assert.equal(first.frames.at(-1).type, 'bye');
      assert.equal(first.frames.at(-1).code, 4001);
      assert.equal(first.frames.at(-1).reconnect, false);
      await two.api.leave(room.id);
      await second.waitEnd();
      assert.equal(second.frames.at(-1).type, 'bye');
      assert.equal(second.frames.at(-1).code, 4003);
    });

    it('counts as being online', async () => {
      const { owner, room, members: [member] } = await makeRoom(api, 1);
      const online = async () => {
        const { json } = await owner.api.get(path(room, 'users'));
        return json.data.users.find((user) => user.id === member.id).is_online;
      };
      const stream = await listen(stack, room, { token: member.token });
      await poll('to be online', online);
      stream.destroy();
      await poll('to be offline', async () => !(await online()));
    });

    it('verify counts the log', async () => {
      const { owner, room } = await makeRoom(api, 2);
      const stranger = await api.user();
      for (let i = 0; i < 7; i += 1) await send(owner, room, `${i}`);
      const answer = await owner.api.get(path(room, 'verify'));
      assert.equal(answer.status, 200, answer.text);
      assert.ok(answer.json.epoch > 0);
      assert.deepEqual(answer.json, {
        room_id: room.id, first_seq: 1, last_seq: 10, count: 10, holes: 0, epoch: answer.json.epoch,
      });
      assertError(await stranger.api.get(path(room, 'verify')), 403, 'not_a_member');
      assertError(await api.get(path(room, 'verify')), 401, 'unauthenticated');
      assertError(await owner.api.get('/api/chat/rooms/4000000000/verify'), 404, 'room_not_found');
      await stack.database.query(`DELETE FROM events WHERE room_id = ${room.id} AND seq IN (5, 6)`);
      const torn = await owner.api.get(path(room, 'verify'));
      assert.equal(torn.json.count, 8);
      assert.equal(torn.json.holes, 2, 'it tells the truth');
    });
  });
}

describe('server-sent events', () => {
  it('miss nothing over cuts and the death of workers', async () => {
    await withStack({ workers: 2 }, async (stack) => {
      const { owner, room, members: [member] } = await makeRoom(new Api(stack.url), 1);
      const seen = [];
      let stopped = false;
      const following = (async () => {
        while (!stopped) {
          try {
            const stream = await listen(stack, room, {
              token: member.token, lastEventId: seen.at(-1)?.id ?? 0,
            });
            const until = Date.now() + 300;
            await poll('the stream to be cut', () => stopped || Date.now() > until || stream.ended, { everyMs: 10 });
            stream.destroy();
            seen.push(...stream.logged);
          } catch {
            await delay(20);
          }
        }
      })();
      const sender = new ReliableSender(stack.url, room.id, owner.token, { window: 5, retryMs: 1_000 });
      const sending = sender.send(Array.from({ length: 400 }, (_, i) => `${i}`), { gap: () => delay(4) });
      for (let i = 0; i < 3; i += 1) {
        await poll('messages to flow', () => sender.acked.size >= 80 * (i + 1));
        await stack.killWorker(stack.workers()[0]);
      }
      await sending;
      await poll('the stream to have all', () => (seen.at(-1)?.id ?? 0) >= 402, { timeoutMs: 30_000 });
      stopped = true;
      await following;
      assert.deepEqual(seen.map((event) => event.id), Array.from({ length: 402 }, (_, i) => i + 1));
      await sender.stop();
      await stack.waitReady();
    });
  });

  it('send a comment now and then, so that nobody takes the stream for dead', async () => {
    await withStack({ workers: 1, env: { ping_ms: 300 } }, async (stack) => {
      const { owner, room } = await makeRoom(new Api(stack.url), 0);
      const stream = await listen(stack, room, { token: owner.token });
      await poll('comments', () => stream.comments >= 2);
      stream.destroy();
    });
  });
});
