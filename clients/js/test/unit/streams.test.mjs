// The way without WebSockets: reading text/event-stream, falling back to it, and back.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EventStreamReader } from '../../dist/event_stream.js';
import { FakeSocket, fetchOf, message, settle, start } from './fakes.mjs';

const read = (pieces) => {
  const found = [];
  const reader = new EventStreamReader((data) => found.push(data));
  pieces.forEach((piece) => reader.push(piece));
  return found;
};

describe('reading a stream', () => {
  const cases = {
    'a comment, a retry, ids and names': [': ping\nretry: 1000\n\nid: 4\nevent: x\ndata: {"a":1}\n\n', ['{"a":1}']],
    'every kind of line end': ['data: a\n\ndata: b\r\n\r\ndata: c\r\rdata: d\r\n\n', ['a', 'b', 'c', 'd']],
    'several data lines, with and without a blank': ['data: a\ndata:b\ndata\n\n', ['a\nb\n']],
    'characters of two, three and four bytes': ['data: é€🔔\n\ndata: 🔔\n\n', ['é€🔔', '🔔']],
    'what is not finished': ['data: a\n\ndata: b\n', ['a']],
    'nothing': ['\n\n: x\n\nid: 1\n\n', []],
    'a byte order mark': ['\uFEFFdata: a\n\n', ['a']],
  };
  for (const [name, [text, expected]] of Object.entries(cases)) {
    it(`${name}, cut at every byte`, () => {
      const bytes = new TextEncoder().encode(text);
      assert.deepEqual(read([bytes]), expected);
      for (let cut = 0; cut <= bytes.length; cut += 1) {
        assert.deepEqual(read([bytes.slice(0, cut), bytes.slice(cut)]), expected, `cut at ${cut}`);
      }
      assert.deepEqual(read([...bytes].map((byte) => Uint8Array.of(byte))), expected, 'byte by byte');
    });
  }
});

// A server that has event streams, and answers the list of rooms.
function streamServer() {
  const server = { streams: [], calls: [], refuse: null };
  server.fetch = fetchOf((url, init) => {
    if (server.refuse) return server.refuse(url, init);
    if (!url.includes('/events')) return init.method === 'POST'
      ? [200, { id: 9, room_id: 7, created_at: 'x', duplicate: false }]
      : [200, []];
    let stream;
    const body = new ReadableStream({
      start(controller) {
        stream = {
          url, init,
          say: (...frames) => frames.forEach((frame) => controller.enqueue(new TextEncoder().encode(`data: ${JSON.stringify(frame)}\n\n`))),
          end: () => controller.close(),
          cut: () => controller.error(new TypeError('terminated')),
        };
        init.signal.addEventListener('abort', () => {
          stream.isAborted = true;
          try { controller.error(new DOMException('aborted', 'AbortError')); } catch { /* it ended */ }
        });
      },
    });
    server.streams.push(stream);
    return [200, body];
  }, server.calls);
  return server;
}

const subscribed = (room, head, more = {}) => ({ type: 'subscribed', room_id: room, head, epoch: 9, ...more });

async function streaming(options = {}) {
  const server = streamServer();
  const world = start({ fetch: server.fetch, eventStream: 'always', ...options });
  world.client.connect();
  await settle();
  return { ...world, server };
}

describe('event streams', () => {
  it('are taken after three WebSockets without a hello, and left for one that says it', async () => {
    const server = streamServer();
    const { client, clock, ids } = start({ fetch: server.fetch });
    client.room(7).subscribe();
    client.connect();
    for (let i = 0; i < 3; i += 1) {
      await settle();
      FakeSocket.last.end();
      await clock.pass(client.state.retryAt - clock.now());
    }
    await settle();
    assert.deepEqual(client.state, { name: 'open', transport: 'event-stream' });
    server.streams[0].say(subscribed(7, 3), message(4));
    await settle();
    assert.deepEqual(ids(), [4]);
    assert.equal(FakeSocket.all.length, 3);
    await clock.pass(15_000);
    assert.equal(FakeSocket.all.length, 4);
    FakeSocket.last.end();
    await clock.pass(29_999);
    assert.equal(FakeSocket.all.length, 4);
    await clock.pass(1);
    FakeSocket.last.hello();
    assert.deepEqual(client.state, { name: 'open', transport: 'websocket' });
    assert.equal(server.streams[0].isAborted, true);
    assert.deepEqual(FakeSocket.last.take('subscribe'), [{ type: 'subscribe', room_id: 7, since: 4, epoch: 9 }]);
    client.close();
    await settle();
    assert.equal(clock.nextMs, null);
  });

  it('are not taken when nothing answers at all', async () => {
    const { client, clock } = start();
    client.connect();
    for (let i = 0; i < 6; i += 1) {
      await settle();
      if (client.state.name === 'connecting') FakeSocket.last.end();
      await clock.pass(client.state.retryAt - clock.now());
      await settle();
    }
    assert.notEqual(client.state.name, 'open');
    client.close();
  });

  it('resume where they were', async () => {
    const { client, clock, server, ids } = await streaming();
    client.room(7).subscribe({ since: 2, epoch: 9 });
    await settle();
    assert.match(server.streams[0].url, /\/api\/chat\/rooms\/7\/events\?since=2&epoch=9$/);
    assert.equal(server.streams[0].init.headers.Authorization, 'Bearer T');
    server.streams[0].say(subscribed(7, 3, { recovered: true }), message(3), { type: 'caught_up', room_id: 7, seq: 3 });
    await settle();
    assert.equal(client.room(7).state, 'live');
    server.streams[0].cut();
    await settle();
    assert.equal(client.state.name, 'waiting', 'the only one is lost: so is all');
    await clock.pass(500);
    assert.match(server.streams[1].url, /since=3&epoch=9$/);
    server.streams[1].say(subscribed(7, 4, { recovered: true }), message(4));
    await settle();
    assert.deepEqual(ids(), [3, 4]);
    client.close();
    await settle();
    assert.equal(clock.nextMs, null);
  });

  it('obey a bye', async () => {
    const { client, clock, server, told } = await streaming();
    client.room(7).subscribe();
    client.room(8).subscribe();
    await settle();
    for (const [i, room] of [7, 8].entries()) server.streams[i].say(subscribed(room, 0));
    await settle();
    server.streams[1].say({ type: 'bye', code: 4003, reason: 'Removed from the room', reconnect: false, after_ms: 0 });
    server.streams[1].end();
    await settle();
    assert.equal(client.room(8).state, 'ended');
    assert.equal(client.room(7).state, 'live');
    server.streams[0].say({ type: 'bye', code: 4001, reason: 'Session ended', reconnect: false, after_ms: 0 });
    server.streams[0].end();
    await settle();
    assert.equal(client.state.name, 'signed-out');
    assert.equal(told.filter(([name]) => name === 'signed-out').length, 1);
    assert.equal(clock.nextMs, null);
    client.close();
  });

  it('end with a room that one may not hear', async () => {
    const { client, server, told } = await streaming();
    server.refuse = () => [403, { success: false, code: 'not_a_member', message: '', data: null }];
    client.room(7).subscribe();
    await settle();
    assert.deepEqual(told.find(([name]) => name === 'ended')[1], { room_id: 7, reason: 'not_a_member', code: 'not_a_member' });
    client.close();
  });

  it('leave messages to POST', async () => {
    const { client, server } = await streaming();
    client.room(7).subscribe();
    await settle();
    server.streams[0].say(subscribed(7, 3));
    await settle();
    assert.equal((await client.room(7).send('x', { clientId: 'a' })).id, 9);
    client.close();
  });

  it('take turns when there are more rooms than may be open', async () => {
    const { client, clock, server, ids } = await streaming({ eventStreamsMax: 2 });
    for (const room of [1, 2, 3]) client.room(room).subscribe();
    await settle();
    const seen = new Set();
    for (let i = 0; i < 6; i += 1) {
      const open = server.streams.filter((stream) => !stream.isAborted);
      assert.equal(open.length, 2);
      for (const stream of open.filter((each) => !each.wasGreeted)) {
        const [, room, since] = /rooms\/(\d)\/events\?(?:since=(\d+))?/.exec(stream.url);
        seen.add(room);
        stream.wasGreeted = true;
        if (since) {
          stream.say(subscribed(Number(room), Number(since) + 1, { recovered: true }), message(Number(since) + 1, { room: Number(room) }), { type: 'caught_up', room_id: Number(room), seq: Number(since) + 1 });
        } else stream.say(subscribed(Number(room), 0));
      }
      await settle();
      await clock.pass(3_000);
    }
    assert.equal(seen.size, 3);
    assert.equal(client.stats.gaps + client.stats.duplicates, 0);
    assert.ok(ids().length >= 6);
    client.close();
    await settle();
    assert.equal(clock.nextMs, null);
  });

  it('are given up after a minute of silence', async () => {
    const { client, clock, server } = await streaming();
    client.room(7).subscribe();
    await settle();
    server.streams[0].say(subscribed(7, 3));
    await settle();
    await clock.pass(60_000);
    assert.equal(server.streams[0].isAborted, true);
    assert.ok(server.streams.length > 1 || client.state.name === 'waiting');
    client.close();
  });
});
