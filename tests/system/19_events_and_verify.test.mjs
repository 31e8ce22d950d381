// Server-sent events of a room, the same cursor as the WebSocket's; and verify, with which anybody
// can check the log.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, it } from 'node:test';
import { Api, ReliableSender, assertError, makeRoom } from './lib/client.mjs';
import { startStack, withStack } from './lib/stack.mjs';
import { delay, poll, within } from './lib/wait.mjs';

// A stream of events, parsed as the standard says: {id, data} with data as JSON.
class EventStream {
  static open(url, roomId, { token, since, lastEventId, queryToken } = {}) {
    const query = new URLSearchParams();
    if (since !== undefined) query.set('since', since);
    if (queryToken !== undefined) query.set('token', queryToken);
    const headers = { accept: 'text/event-stream' };
    if (token) headers.authorization = `Bearer ${token}`;
    if (lastEventId !== undefined) headers['last-event-id'] = String(lastEventId);
    const stream = new EventStream();
    return within('the stream', new Promise((resolve, reject) => {
      stream.request = http.get(`${url}/api/chat/rooms/${roomId}/events?${query}`, { headers, agent: false }, (response) => {
        stream.response = response;
        response.setEncoding('utf8');
        response.on('data', (text) => stream.take(text));
        response.on('error', () => {});
        stream.ended = new Promise((done) => response.on('close', done));
        resolve(stream);
      });
      stream.request.on('error', reject);
    }));
  }

  constructor() {
    this.events = [];
    this.comments = 0;
    this.rest = '';
  }

  take(text) {
    this.rest += text;
    for (let at = this.rest.indexOf('\n\n'); at >= 0; at = this.rest.indexOf('\n\n')) {
      const event = {};
      for (const line of this.rest.slice(0, at).split('\n')) {
        if (line.startsWith(':')) this.comments += 1;
        const found = /^(id|data|event|retry): ?(.*)$/.exec(line);
        if (found) event[found[1]] = found[2];
      }
      this.rest = this.rest.slice(at + 2);
      if ('data' in event) this.events.push({ id: event.id, event: event.event, data: JSON.parse(event.data) });
    }
  }

  get data() {
    return this.events.map((event) => event.data);
  }

  waitFor(predicate, what = 'an event') {
    return poll(what, () => this.events.find(predicate));
  }

  close() {
    this.request.destroy();
  }
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
      const stream = await EventStream.open(stack.url, room.id, { token: owner.token, since: 1 });
      assert.equal(stream.response.statusCode, 200);
      assert.match(stream.response.headers['content-type'], /^text\/event-stream/);
      assert.match(stream.response.headers['cache-control'] ?? '', /no-(store|cache)/);
      await stream.waitFor((event) => event.data.type === 'caught_up');
      const [subscribed] = stream.data;
      assert.deepEqual(subscribed, {
        type: 'subscribed', room_id: room.id, head: 4, epoch: subscribed.epoch, recovered: true,
      });
      const messages = stream.events.filter((event) => event.data.type === 'new_message');
      assert.deepEqual(messages.map((event) => event.data.text), ['one', 'two', 'multi\nline']);
      assert.deepEqual(messages.map((event) => event.id), ['2', '3', '4'], 'id is the seq');
      await send(owner, room, 'live');
      const live = await stream.waitFor((event) => event.data.text === 'live');
      assert.equal(live.id, '5');
      assert.deepEqual(live.data, { type: 'new_message', ...(await owner.api.history(room.id)).at(-1) });
      stream.close();
    });

    it('begins with now without since, and with Last-Event-ID after that', async () => {
      const { owner, room } = await makeRoom(api, 0);
      await send(owner, room, 'before');
      const now = await EventStream.open(stack.url, room.id, { token: owner.token });
      await now.waitFor((event) => event.data.type === 'subscribed');
      const again = await EventStream.open(stack.url, room.id, { token: owner.token, lastEventId: 1 });
      await again.waitFor((event) => event.data.text === 'before');
      await send(owner, room, 'after');
      for (const stream of [now, again]) await stream.waitFor((event) => event.data.text === 'after');
      assert.ok(!now.data.some((data) => data.text === 'before'));
      const both = await EventStream.open(stack.url, room.id, { token: owner.token, since: 0, lastEventId: 2 });
      await both.waitFor((event) => event.data.text === 'after');
      assert.ok(!both.data.some((data) => data.text === 'before'), 'what the browser says is newer');
      for (const stream of [now, again, both]) stream.close();
    });

    it('takes the token from the query, here only', async () => {
      const { owner, room } = await makeRoom(api, 0);
      const stream = await EventStream.open(stack.url, room.id, { queryToken: owner.token });
      assert.equal(stream.response.statusCode, 200);
      await stream.waitFor((event) => event.data.type === 'subscribed');
      stream.close();
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
      const first = await EventStream.open(stack.url, room.id, { token: one.token });
      const second = await EventStream.open(stack.url, room.id, { token: two.token });
      for (const stream of [first, second]) await stream.waitFor((event) => event.data.type === 'subscribed');
      await one.api.post('/api/logout');
      await within('the end', first.ended);
      assert.equal(first.data.at(-1).type, 'bye');
      assert.equal(first.data.at(-1).code, 4001);
      assert.equal(first.data.at(-1).reconnect, false);
      await two.api.leave(room.id);
      await within('the end', second.ended);
      assert.equal(second.data.at(-1).type, 'bye');
      assert.equal(second.data.at(-1).code, 4003);
    });

    it('counts as being online', async () => {
      const { owner, room, members: [member] } = await makeRoom(api, 1);
      const online = async () => {
        const { json } = await owner.api.get(path(room, 'users'));
        return json.data.users.find((user) => user.id === member.id).is_online;
      };
      const stream = await EventStream.open(stack.url, room.id, { token: member.token });
      await poll('to be online', online);
      stream.close();
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
            const stream = await EventStream.open(stack.url, room.id, {
              token: member.token, lastEventId: seen.at(-1)?.id ?? 0,
            });
            const until = Date.now() + 300;
            await poll('the stream to be cut', () => stopped || Date.now() > until || stream.response.destroyed, { everyMs: 10 });
            stream.close();
            for (const event of stream.events.filter((one) => one.id)) seen.push({ id: Number(event.id), data: event.data });
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
      const stream = await EventStream.open(stack.url, room.id, { token: owner.token });
      await poll('comments', () => stream.comments >= 2);
      stream.close();
    });
  });
});
