// Back-off, byes and closes, hello and heartbeats, by fake sockets and a fake clock.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import { backoffMs } from '../../dist/backoff.js';
import { CLOSES } from '../../dist/closing.js';
import { AbortedError, ClosedError, SignedOutError } from '../../dist/index.js';
import { FakeSocket, fetchOf, live, settle, start } from './fakes.mjs';

const names = (told) => told.filter(([name]) => name === 'state').map(([, state]) => state.name);

describe('back-off', () => {
  it('is anything up to a ceiling that doubles up to its maximum', () => {
    assert.deepEqual([0, 1, 2, 3, 4, 5, 6, 60].map((n) => backoffMs(n, 15_000, () => 1)), [500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
    assert.equal(backoffMs(3, 15_000, () => 0), 0);
    assert.equal(backoffMs(3, 15_000, () => 0.25), 1000);
  });

  it('grows with each failure and begins anew after a connection that held', async () => {
    const { client, clock } = start({ eventStream: 'never' });
    client.connect();
    await settle();
    const waits = [];
    for (let i = 0; i < 8; i += 1) {
      FakeSocket.last.end();
      waits.push(client.state.retryAt - clock.now());
      await clock.pass(waits.at(-1));
      assert.equal(client.state.name, 'connecting');
    }
    assert.deepEqual(waits, [250, 500, 1000, 2000, 4000, 7500, 7500, 7500]);
    client.close();

    const held = await live();
    await held.clock.pass(6_000);
    FakeSocket.last.end();
    assert.equal(held.client.state.retryAt - held.clock.now(), 250);
    held.client.close();
  });

  it('is not begun anew by a server that only says hello', async () => {
    const { client, clock } = start();
    client.connect();
    await settle();
    const waits = [];
    for (let i = 0; i < 3; i += 1) {
      FakeSocket.last.hello();
      FakeSocket.last.end();
      waits.push(client.state.retryAt - clock.now());
      await clock.pass(waits.at(-1));
    }
    assert.deepEqual(waits, [250, 500, 1000]);
    client.close();
  });
});

describe('the close table', () => {
  it('is that of the server', () => {
    const text = fs.readFileSync(new URL('../../../../src/gateway/close_reasons.def', import.meta.url), 'utf8');
    const rows = [...text.matchAll(/^CLOSE\(\w+, (\d+), (\w+), (\d+),/gm)].map(([, code, verdict, ms]) => [Number(code), verdict.toLowerCase(), Number(ms)]);
    const unique = [...new Map(rows.map((row) => [row[0], row])).values()].sort((a, b) => a[0] - b[0]);
    assert.ok(unique.length > 5);
    assert.deepEqual([...CLOSES].sort((a, b) => a[0] - b[0]), unique);
  });

  for (const [code, verdict, afterMs] of CLOSES) {
    it(`${code} without a bye: ${verdict}`, async () => {
      const { client, clock } = await live();
      await clock.pass(6_000);
      FakeSocket.last.end(code, code === 1008 ? 'Invalid token' : '');
      if (verdict === 'never') {
        assert.notEqual(client.state.name, 'waiting');
        await clock.pass(3_600_000);
        assert.equal(FakeSocket.all.length, 1, 'it never comes back');
        assert.equal(client.state.name, code === 1008 || code === 4001 ? 'signed-out' : 'stopped');
      } else {
        const expected = verdict === 'now' ? afterMs / 2 : afterMs + 250;
        assert.equal(client.state.retryAt - clock.now(), expected);
        await clock.pass(expected);
        assert.equal(FakeSocket.all.length, 2);
      }
      client.close();
    });
  }

  it('a bye says exactly how long to wait', async () => {
    const { client, clock } = await live();
    await clock.pass(6_000);
    FakeSocket.last.say({ type: 'bye', code: 1012, reason: 'Server restarting', reconnect: true, after_ms: 1734 });
    FakeSocket.last.end(1012);
    assert.deepEqual({ ...client.state, retryAt: client.state.retryAt - clock.now() }, {
      name: 'waiting', retryAt: 1734, attempt: 1, last: { code: 1012, reason: 'Server restarting' }, offline: false,
    });
    client.close();
  });

  it('a bye that says no is obeyed, whatever its code', async () => {
    const { client, clock } = await live();
    FakeSocket.last.say({ type: 'bye', code: 4999, reason: 'Enough', reconnect: false, after_ms: 0 });
    FakeSocket.last.end(4999);
    assert.deepEqual(client.state, { name: 'stopped', last: { code: 4999, reason: 'Enough' } });
    assert.equal(clock.nextMs, null);
    client.close();
  });

  it('4001 is told as signed-out, once, and what waited fails', async () => {
    const { client, clock, told, room } = await live();
    const sent = room.send('never answered');
    FakeSocket.last.say({ type: 'bye', code: 4001, reason: 'Session ended', reconnect: false, after_ms: 0 });
    FakeSocket.last.end(4001, 'Session ended');
    await assert.rejects(sent, (error) => error.code === 'signed_out' && error.uncertain && !error.temporary);
    assert.deepEqual(told.filter(([name]) => name === 'signed-out'), [['signed-out', { code: 4001, reason: 'Session ended' }]]);
    await assert.rejects(Promise.race([client.connect(), settle().then(() => FakeSocket.last.end(1008, 'Invalid token')).then(() => new Promise(() => {}))]), SignedOutError);
    assert.equal(clock.nextMs, null);
    client.close();
  });
});

describe('opening', () => {
  it('asks for the token each time', async () => {
    let n = 0;
    const { client, clock } = start({ token: async () => `t${(n += 1)}` });
    client.connect();
    await settle();
    assert.equal(FakeSocket.last.url, 'ws://chat.test/ws/chat');
    assert.deepEqual(FakeSocket.last.protocols, ['banter.v1', 'banter.token.t1']);
    FakeSocket.last.end();
    await clock.pass(500);
    assert.equal(FakeSocket.last.url, 'ws://chat.test/ws/chat', 'no token in an address');
    assert.deepEqual(FakeSocket.last.protocols, ['banter.v1', 'banter.token.t2']);
    client.close();
  });

  it('names no protocol that cannot be one, whatever the token is', async () => {
    const { client } = start({ token: 'a, b\n"ü"()' });
    client.connect();
    await settle();
    assert.deepEqual(FakeSocket.last.protocols, ['banter.v1', 'banter.token.a__b______']);
    FakeSocket.last.end(1008, 'Invalid token');
    assert.equal(client.state.name, 'signed-out');
    client.close();
  });

  it('puts the token into the address for old servers only', async () => {
    const { client } = start({ token: 'a&b', socketAuth: 'url' });
    client.connect();
    await settle();
    assert.equal(FakeSocket.last.url, 'ws://chat.test/ws/chat?token=a%26b');
    assert.deepEqual(FakeSocket.last.protocols, []);
    client.close();
  });

  it('asks for a ticket before each connection, if that is wished', async () => {
    const calls = [];
    let n = 0;
    const fetch = fetchOf(() => {
      n += 1;
      return n === 2 ? [503, { code: 'overloaded', message: 'Busy.' }] : n === 4 ? [401, { code: 'invalid_token', message: 'No.' }] : [200, { ticket: `k${n}`, expires_in: 30 }];
    }, calls);
    const { client, clock } = start({ socketAuth: 'ticket', fetch });
    client.connect();
    await settle();
    assert.equal(FakeSocket.last.url, 'ws://chat.test/ws/chat?ticket=k1');
    assert.deepEqual(FakeSocket.last.protocols, ['banter.v1']);
    assert.deepEqual([calls[0].method, calls[0].url, calls[0].headers.Authorization ?? calls[0].headers.authorization], ['POST', 'http://chat.test/api/ws-ticket', 'Bearer T']);
    FakeSocket.last.hello();
    FakeSocket.last.end();
    await clock.pass(500);
    assert.equal(FakeSocket.all.length, 1, 'none without a ticket');
    assert.equal(client.state.name, 'waiting');
    await clock.pass(2_000);
    assert.equal(FakeSocket.last.url, 'ws://chat.test/ws/chat?ticket=k3');
    FakeSocket.last.end();
    await clock.pass(5_000);
    assert.equal(client.state.name, 'signed-out', 'the session has ended');
    client.close();
  });

  it('without a token is signed out', async () => {
    const { client } = start({ token: null });
    await assert.rejects(client.connect(), SignedOutError);
    assert.equal(FakeSocket.all.length, 0);
    client.close();
  });

  it('waits for hello, and not for ever', async () => {
    const { client, clock } = start();
    const connected = client.connect();
    await settle();
    const first = FakeSocket.last;
    await clock.pass(9_999);
    assert.equal(first.isClosed, false);
    await clock.pass(1);
    assert.equal(first.isClosed, true);
    await clock.pass(500);
    FakeSocket.last.hello();
    await connected;
    assert.deepEqual(client.user, { id: 1, username: 'ada' });
    client.close();
  });

  it('can be given up', async () => {
    const { client } = start();
    const cut = new AbortController();
    const connected = client.connect({ signal: cut.signal });
    cut.abort();
    await assert.rejects(connected, AbortedError);
    client.close();
    await assert.rejects(client.connect(), ClosedError);
  });

  it('leaves no timer and no open socket behind, wherever it stands', async () => {
    for (const upTo of [0, 1, 2, 3]) {
      const { client, clock } = start();
      client.connect();
      await settle();
      if (upTo > 0) FakeSocket.last.hello();
      if (upTo > 1) client.room(7).subscribe();
      if (upTo > 2) FakeSocket.last.end();
      client.room(8).send('waits').catch(() => {});
      client.close();
      await settle();
      assert.equal(clock.nextMs, null, `a timer after step ${upTo}`);
      assert.ok(FakeSocket.all.every((socket) => socket.isClosed));
      assert.equal(client.state.name, 'closed');
    }
  });

  it('says each state as it comes', async () => {
    const { client, clock, told } = start();
    client.connect();
    await settle();
    FakeSocket.last.hello();
    FakeSocket.last.end();
    await clock.pass(500);
    client.disconnect();
    client.close();
    assert.deepEqual(names(told), ['connecting', 'open', 'waiting', 'connecting', 'idle', 'closed']);
  });
});

describe('heartbeats', () => {
  it('breaks silence with a ping, and gives a dead connection up', async () => {
    const { client, clock } = await live();
    const socket = FakeSocket.last;
    await clock.pass(24_999);
    assert.deepEqual(socket.take('ping'), []);
    await clock.pass(1);
    assert.equal(socket.take('ping').length, 0, 'something was heard in this time');
    await clock.pass(25_000);
    assert.equal(socket.take('ping').length, 1);
    socket.say({ type: 'pong' });
    await clock.pass(10_000);
    assert.equal(client.state.name, 'open');
    await clock.pass(25_000);
    assert.equal(socket.take('ping').length, 1);
    await clock.pass(10_000);
    assert.equal(client.state.name, 'waiting');
    assert.equal(socket.isClosed, true);
    client.close();
  });
});

describe('the browser', () => {
  it('coming online ends the waiting; going offline asks the server', async (t) => {
    const target = new EventTarget();
    for (const name of ['addEventListener', 'removeEventListener']) {
      globalThis[name] = target[name].bind(target);
      t.after(() => delete globalThis[name]);
    }
    const { client, clock } = await live();
    target.dispatchEvent(new Event('offline'));
    assert.equal(FakeSocket.last.take('ping').length, 1);
    await clock.pass(10_000);
    assert.equal(client.state.name, 'waiting');
    target.dispatchEvent(new Event('online'));
    await settle();
    assert.equal(client.state.name, 'connecting');
    client.close();
    target.dispatchEvent(new Event('online'));
    assert.equal(clock.nextMs, null);
  });
});
