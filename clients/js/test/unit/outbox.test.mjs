// Sends: acknowledged, repeated over reconnections, refused, given up, bounded.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeSocket, fetchOf, live, settle, start } from './fakes.mjs';

const ack = (clientId, id, more = {}) => ({ type: 'ack', client_id: clientId, room_id: 7, id, created_at: 'x', duplicate: false, ...more });
const subscribed = { type: 'subscribed', room_id: 7, head: 3, epoch: 9, recovered: true };
const sentIds = () => FakeSocket.last.take('message').map((frame) => frame.client_id);

async function reconnect({ client, clock }) {
  FakeSocket.last.end();
  await clock.pass(client.state.retryAt - clock.now());
  FakeSocket.last.hello();
  FakeSocket.last.say(subscribed, { type: 'caught_up', room_id: 7, seq: 3 });
}

const temporary = (clientId, code = 'overloaded') => ({ type: 'error', room_id: 7, client_id: clientId, code, message: 'later', temporary: true });

describe('a send', () => {
  it('settles with its acknowledgement', async () => {
    const { client, room, told } = await live();
    const sent = room.send('hello', { clientId: 'a' });
    assert.deepEqual(FakeSocket.last.take('message'), [{ type: 'message', room_id: 7, text: 'hello', client_id: 'a' }]);
    FakeSocket.last.say(ack('a', 4));
    assert.deepEqual(await sent, { room_id: 7, id: 4, client_id: 'a', created_at: 'x', duplicate: false });
    assert.deepEqual(told.filter(([name]) => name === 'outgoing').map(([, { state, tries, id }]) => [state, tries, id]), [['waiting', 0, null], ['sending', 1, null], ['sent', 1, 4]]);
    assert.deepEqual(client.outgoing, []);
    client.close();
  });

  it('has a client_id of its own', async () => {
    const { client, room } = await live();
    for (let i = 0; i < 50; i += 1) room.send('x').catch(() => {});
    assert.equal(new Set(sentIds()).size, 50);
    client.close();
  });

  it('is repeated under its client_id on each new connection, in order, until it is settled', async () => {
    const world = await live();
    const { client, room } = world;
    const sends = ['a', 'b', 'c'].map((clientId) => room.send(clientId, { clientId }));
    assert.deepEqual(sentIds(), ['a', 'b', 'c']);
    FakeSocket.last.say(ack('b', 5));
    await reconnect(world);
    assert.deepEqual(sentIds(), ['a', 'c']);
    await reconnect(world);
    sends.push(room.send('d', { clientId: 'd' }));
    assert.deepEqual(sentIds(), ['a', 'c', 'd']);
    FakeSocket.last.say(ack('a', 4, { duplicate: true }), ack('c', 6), ack('d', 7));
    assert.deepEqual((await Promise.all(sends)).map(({ id, duplicate }) => [id, duplicate]), [[4, true], [5, false], [6, false], [7, false]]);
    assert.equal(client.stats.resends, 4);
    client.close();
  });

  it('waits until the room is subscribed', async () => {
    const { client } = start();
    client.connect();
    await settle();
    FakeSocket.last.hello();
    client.room(7).subscribe();
    client.room(7).send('x', { clientId: 'a' }).catch(() => {});
    assert.deepEqual(sentIds(), []);
    FakeSocket.last.say({ ...subscribed, recovered: undefined });
    assert.deepEqual(sentIds(), ['a']);
    client.close();
  });

  it('is tried again, later each time, after an error that may pass, and nothing overtakes it', async () => {
    const { client, clock, room } = await live();
    const first = room.send('x', { clientId: 'a' });
    assert.deepEqual(sentIds(), ['a']);
    FakeSocket.last.say(temporary('a'));
    room.send('y', { clientId: 'b' }).catch(() => {});
    assert.deepEqual(sentIds(), []);
    await clock.pass(250);
    assert.deepEqual(sentIds(), ['a', 'b']);
    FakeSocket.last.say(temporary('a', 'outcome_unknown'));
    await clock.pass(499);
    assert.deepEqual(sentIds(), []);
    await clock.pass(1);
    assert.deepEqual(sentIds(), ['a']);
    FakeSocket.last.say(ack('a', 4));
    assert.equal((await first).id, 4);
    client.close();
  });

  it('that was too much at once waits as long as the server says, and nothing overtakes it', async () => {
    const { client, clock, room } = await live();
    room.send('x', { clientId: 'a' }).catch(() => {});
    assert.deepEqual(sentIds(), ['a']);
    FakeSocket.last.say({ ...temporary('a', 'rate_limited'), retry_after_ms: 3_000 });
    room.send('y', { clientId: 'b' }).catch(() => {});
    await clock.pass(3_000);
    assert.deepEqual(sentIds(), []);
    await clock.pass(250);
    assert.deepEqual(sentIds(), ['a', 'b']);
    client.close();
  });

  it('is repeated when its answer does not come, though the connection lives', async () => {
    const { client, clock, room } = await live();
    room.send('x', { clientId: 'a' }).catch(() => {});
    assert.deepEqual(sentIds(), ['a']);
    await clock.pass(19_000);
    FakeSocket.last.say({ type: 'pong' });
    assert.deepEqual(sentIds(), []);
    await clock.pass(1_000);
    assert.deepEqual(sentIds(), ['a']);
    client.close();
  });

  it('fails with what the server will never take', async () => {
    const { client, room } = await live();
    const sent = room.send('x', { clientId: 'a' });
    FakeSocket.last.say({ type: 'error', room_id: 7, client_id: 'a', code: 'not_a_member', message: 'Not a member of this room', temporary: false });
    await assert.rejects(sent, { name: 'SendError', code: 'not_a_member', clientId: 'a', temporary: false, uncertain: false });
    await assert.rejects(room.send(''), { code: 'bad_frame' });
    await assert.rejects(room.send('x'.repeat(4_001)), { code: 'message_too_long' });
    await assert.rejects(room.send('x', { clientId: 'y'.repeat(65) }), { code: 'bad_frame' });
    room.send('🔔'.repeat(4_000)).catch(() => {});
    assert.equal(FakeSocket.last.take('message').length, 2);
    client.close();
  });

  it('is given up by its signal, before and after it left', async () => {
    const world = await live();
    const { client, room, clock } = world;
    const cut = new AbortController();
    const under = room.send('x', { clientId: 'a', signal: cut.signal });
    FakeSocket.last.end();
    const waiting = room.send('y', { clientId: 'b', signal: cut.signal });
    cut.abort();
    await assert.rejects(under, { name: 'SendError', code: 'aborted', uncertain: true });
    await assert.rejects(waiting, { code: 'aborted', uncertain: false });
    await assert.rejects(room.send('z', { signal: cut.signal }), { code: 'aborted' });
    await clock.pass(250);
    FakeSocket.last.hello();
    FakeSocket.last.say(subscribed);
    assert.deepEqual(sentIds(), []);
    client.close();
  });

  it('with the same client_id is the same send', async () => {
    const { client, room } = await live();
    assert.equal(room.send('x', { clientId: 'a' }), room.send('x', { clientId: 'a' }));
    assert.deepEqual(sentIds(), ['a']);
    FakeSocket.last.say(ack('a', 4));
    client.close();
  });
});

describe('the queue', () => {
  it('is bounded, and says so', async () => {
    const { client, told } = start({ queueMax: 3 });
    client.connect();
    const room = client.room(7);
    room.subscribe();
    const kept = [1, 2, 3].map((n) => room.send(`${n}`));
    await assert.rejects(room.send('4'), { name: 'QueueFullError', code: 'queue_full', limit: 3, temporary: true });
    assert.deepEqual(client.outgoing.map(({ text, state }) => [text, state]), [['1', 'waiting'], ['2', 'waiting'], ['3', 'waiting']]);
    client.close();
    for (const each of kept) await assert.rejects(each, { code: 'closed', uncertain: false });
    await assert.rejects(room.send('5'), { code: 'closed' });
    assert.equal(told.filter(([, value]) => value.state === 'failed').length, 3);
  });

  it('lets as many frames go without an answer as the server takes', async () => {
    const { client, room } = await live();
    FakeSocket.last.hello({ limits: { sends_in_flight: 2 } });
    FakeSocket.last.say({ ...subscribed });
    for (const clientId of ['a', 'b', 'c', 'd']) room.send('x', { clientId }).catch(() => {});
    assert.deepEqual(sentIds(), ['a', 'b']);
    FakeSocket.last.say(ack('a', 4));
    assert.deepEqual(sentIds(), ['c']);
    client.close();
  });
});

describe('by POST', () => {
  const stored = (body, id, duplicate = false) => [200, { id, text: body.text, sender_id: 1, sender_username: 'ada', room_id: 7, created_at: 'x', duplicate }];

  it('goes what is for a room that nobody subscribed to, one at a time, repeated until it is settled', async () => {
    const calls = [];
    let n = 0;
    const fetch = fetchOf((url, init) => {
      n += 1;
      if (n === 1) throw new TypeError('fetch failed');
      if (n === 2) return [503, { success: false, code: 'outcome_unknown', message: '', data: null }, { 'retry-after': '1' }];
      return stored(JSON.parse(init.body), n);
    }, calls);
    const { client, clock } = start({ fetch });
    const sends = ['a', 'b'].map((clientId) => client.room(7).send(clientId, { clientId }));
    await settle();
    await clock.pass(250);
    await clock.pass(1_500);
    assert.deepEqual((await Promise.all(sends)).map(({ client_id, id }) => [client_id, id]), [['a', 3], ['b', 4]]);
    assert.deepEqual(calls.map(({ body }) => body.client_id), ['a', 'a', 'a', 'b']);
    assert.equal(calls[0].headers.Authorization, 'Bearer T');
    assert.equal(calls[0].url, 'http://chat.test/api/chat/rooms/7/messages');
    assert.equal(clock.nextMs, null);
    client.close();
  });

  it('is settled what was under way when the room ended', async () => {
    const fetch = fetchOf((url, init) => stored(JSON.parse(init.body), 4, true));
    const { client, clock, room } = await live({ fetch });
    const sent = room.send('x', { clientId: 'a' });
    FakeSocket.last.say({ type: 'unsubscribed', room_id: 7, code: 4003, reason: '' });
    FakeSocket.last.say({ type: 'error', room_id: 7, client_id: 'a', code: 'not_subscribed', message: '', temporary: false });
    await clock.pass(250);
    assert.deepEqual(await sent, { room_id: 7, id: 4, client_id: 'a', created_at: 'x', duplicate: true });
    client.close();
  });

  it('a session that ended is told', async () => {
    const fetch = fetchOf(() => [401, { success: false, code: 'invalid_token', message: 'Invalid or expired token', data: null }]);
    const { client, told } = start({ fetch });
    await assert.rejects(client.room(7).send('x'), { code: 'signed_out' });
    assert.deepEqual(told.filter(([name]) => name === 'signed-out').length, 1);
    await assert.rejects(client.room(7).send('y'), { name: 'SignedOutError', code: 'signed_out' });
    client.close();
  });

  it('goes on with another token, without a connection', async () => {
    const fetch = fetchOf((url, init) => init.headers.Authorization === 'Bearer T'
      ? [401, { success: false, code: 'invalid_token', message: '', data: null }]
      : stored(JSON.parse(init.body), 4));
    const { client } = start({ fetch });
    await assert.rejects(client.room(7).send('x'), { code: 'signed_out' });
    client.setToken('U');
    assert.equal(client.state.name, 'idle');
    assert.equal((await client.room(7).send('x')).id, 4);
    client.close();
  });
});
