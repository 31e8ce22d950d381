// Who the client is behind balancers, and how a complaint is followed through the log: addresses,
// request ids, connection ids, the access log, and the probes that need no token.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ask, logged, openFrom, untilLogged } from './lib/access_log.mjs';
import { Api, Socket, makeRoom } from './lib/client.mjs';
import { EventStream } from './lib/event_stream.mjs';
import { freePort } from './lib/ports.mjs';
import { encodeClose, encodeFrame, handshakeRequest } from './lib/raw.mjs';
import { startStack, withStack } from './lib/stack.mjs';
import { poll } from './lib/wait.mjs';

const BALANCER = '127.0.0.2'; // of TRUSTED_PROXIES below
const STRANGER = '127.0.0.9';

const V2_SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');

function proxyV2(command, family, block) {
  const head = Buffer.from([0x20 | command, family, block.length >> 8, block.length & 0xff]);
  return Buffer.concat([V2_SIGNATURE, head, block]);
}

const V4_BLOCK = Buffer.from([198, 51, 100, 7, 127, 0, 0, 1, 0x12, 0x67, 0x1f, 0x40]);

describe('the client behind a balancer', () => {
  let stack;
  let gateway;
  let proxyPort;
  let adminPort;
  before(async () => {
    proxyPort = await freePort();
    adminPort = await freePort(2);
    stack = await startStack({
      workers: 2,
      gatewayEnv: {
        access_log: 1,
        trusted_proxies: '127.0.0.2/31, 2001:db8::/32',
        proxy_listen: `127.0.0.1:${proxyPort}`,
        admin_listen: `127.0.0.1:${adminPort}`,
        request_head_ms: 1500,
      },
    });
    [gateway] = stack.gateways;
  });
  after(() => stack?.stop());

  const requestOf = (answer) =>
    untilLogged(gateway, 'http.request', (line) => line.req === answer.headers['x-request-id']);

  it('is the peer, whatever a stranger says about it', async () => {
    const answer = await ask(stack.port, '/health?token=secret', {
      from: STRANGER,
      headers: { 'x-forwarded-for': '6.6.6.6', forwarded: 'for=6.6.6.6', 'x-request-id': 'mine' },
    });
    assert.equal(answer.status, 200);
    assert.match(answer.headers['x-request-id'], /^[0-9a-f]{16}-[0-9a-f]+$/);
    const line = await requestOf(answer);
    assert.equal(line.client, `${STRANGER}:${answer.localPort}`);
    assert.match(line.conn, /^w[01]-[0-9a-f]+$/);
    assert.equal(line.method, 'GET');
    assert.equal(line.path, '/health');
    assert.equal(line.status, '200');
    assert.equal(Number(line.bytes), answer.text.length);
    assert.match(line.duration_us, /^\d+$/);
  });

  it('is the right-most hop that is no balancer', async () => {
    const rows = [
      [{ 'x-forwarded-for': '198.51.100.7' }, '198.51.100.7'],
      [{ 'x-forwarded-for': '6.6.6.6, 198.51.100.7, 127.0.0.3' }, '198.51.100.7'],
      [['x-forwarded-for', '6.6.6.6', 'X-Forwarded-For', '198.51.100.7:4711', 'x-forwarded-for', '127.0.0.3'], '198.51.100.7:4711'],
      [{ 'x-forwarded-for': '[2001:db9::7]:4711' }, '[2001:db9::7]:4711'],
      [{ 'x-forwarded-for': '198.51.100.7, 2001:db8::1' }, '198.51.100.7'],
      [{ 'x-forwarded-for': '198.51.100.7, unknown, 127.0.0.3' }, '127.0.0.3'],
    ];
    for (const [headers, client] of rows) {
      const all = Array.isArray(headers) ? ['host', 'x', ...headers] : headers;
      const answer = await ask(stack.port, '/health', { from: BALANCER, headers: all });
      assert.equal((await requestOf(answer)).client, client, JSON.stringify(headers));
    }
    for (const headers of [{}, { 'x-forwarded-for': 'garbage' }, { 'x-forwarded-for': '' }]) {
      const answer = await ask(stack.port, '/health', { from: BALANCER, headers });
      assert.equal((await requestOf(answer)).client, `${BALANCER}:${answer.localPort}`);
    }
  });

  it("takes a balancer's request id, if it can be one", async () => {
    const given = 'edge-1.A_b';
    const answer = await ask(stack.port, '/nothing', { from: BALANCER, headers: { 'x-request-id': given } });
    assert.equal(answer.status, 404);
    assert.equal(answer.headers['x-request-id'], given);
    assert.equal((await requestOf(answer)).status, '404');
    for (const bad of ['a b', 'a"b', 'x'.repeat(65), 'a=b', '']) {
      const other = await ask(stack.port, '/health', { from: BALANCER, headers: { 'x-request-id': bad } });
      assert.match(other.headers['x-request-id'], /^[0-9a-f]{16}-[0-9a-f]+$/, bad);
    }
  });

  it('gives every request an id of its own, over workers and restarts', async () => {
    const ids = new Set();
    const more = async () => {
      for (let i = 0; i < 20; i += 1) ids.add((await ask(stack.port, '/health')).headers['x-request-id']);
    };
    await more();
    await stack.killWorker();
    await stack.waitReady();
    await more();
    assert.equal(ids.size, 40);
  });

  it('logs one line a request, and those of one connection with one conn', async () => {
    const connection = await openFrom(STRANGER, stack.port);
    const ids = [];
    for (const method of ['GET', 'HEAD', 'GET']) {
      connection.write(`${method} /readyz?token=secret HTTP/1.1\r\nHost: x\r\n\r\n`);
      const answer = await connection.readResponse({ noBody: method === 'HEAD' });
      ids.push(answer.headers['x-request-id']);
    }
    const lines = [];
    for (const id of ids) lines.push(await untilLogged(gateway, 'http.request', (line) => line.req === id));
    assert.equal(new Set(lines.map((line) => line.conn)).size, 1);
    assert.deepEqual(lines.map((line) => line.method), ['GET', 'HEAD', 'GET']);
    assert.equal(lines[1].bytes, '0');
    for (const id of ids) {
      assert.equal(logged(gateway, 'http.request').filter((line) => line.req === id).length, 1);
    }
    connection.destroy();
    const bad = await openFrom(STRANGER, stack.port);
    bad.write('GET / HTTP/1.1\r\n\r\n');
    const port = bad.localPort;
    const line = await untilLogged(gateway, 'http.refused', (one) => one.client === `${STRANGER}:${port}`);
    assert.equal(line.status, '400');
    bad.destroy();
  });

  it('follows a WebSocket from its handshake to its end', async () => {
    const { room, members: [member] } = await makeRoom(new Api(stack.url), 1);
    const connection = await openFrom(BALANCER, stack.port);
    connection.write(handshakeRequest(`/ws/chat/${room.id}?token=${member.token}`, {
      headers: { 'X-Forwarded-For': '198.51.100.7', 'X-Request-Id': 'upgrade-1' },
    }));
    const handshake = await connection.readResponse();
    assert.equal(handshake.status, 101);
    assert.equal(handshake.headers['x-request-id'], 'upgrade-1');
    const upgrade = await untilLogged(gateway, 'http.request', (line) => line.req === 'upgrade-1');
    assert.equal(upgrade.status, '101');
    assert.equal(upgrade.path, `/ws/chat/${room.id}`);
    const open = await untilLogged(gateway, 'ws.open', (line) => line.req === 'upgrade-1');
    assert.deepEqual([open.conn, open.client], [upgrade.conn, '198.51.100.7']);
    assert.equal(open.user, String(member.id));
    connection.write(encodeFrame(Buffer.from(JSON.stringify({ text: 'a whispered text' }))));
    connection.write(encodeClose(1000, 'bye'));
    const close = await untilLogged(gateway, 'ws.close', (line) => line.conn === open.conn);
    assert.equal(close.client, '198.51.100.7');
    assert.equal(close.user, String(member.id));
    assert.equal(close.by, 'client');
    assert.equal(close.code, '1000');
    assert.equal(close.frames_in, '2');
    assert.ok(Number(close.frames_out) >= 1, close.frames_out);
    assert.match(close.duration_ms, /^\d+$/);
    connection.destroy();

    const lost = await Socket.open(stack.url, room.id, member.token);
    await lost.settle();
    const from = `127.0.0.1:${lost.localPort}`;
    lost.ws.terminate();
    const gone = await untilLogged(gateway, 'ws.close', (line) => line.client === from);
    assert.deepEqual([gone.by, gone.code], ['network', '1006']);

    const refused = await Socket.open(stack.url, room.id, 'ab'.repeat(32));
    const at = `127.0.0.1:${refused.localPort}`;
    await refused.closed;
    const end = await untilLogged(gateway, 'ws.close', (line) => line.client === at);
    assert.deepEqual([end.by, end.code, end.user], ['server', '1008', '0']);
    assert.ok(end.reason.length > 0);

    const stream = await EventStream.open(stack.url, `/api/chat/rooms/${room.id}/events?token=${member.token}`, {});
    assert.equal(stream.status, 200);
    const id = stream.headers['x-request-id'];
    const begun = await untilLogged(gateway, 'ws.open', (line) => line.req === id);
    assert.equal(begun.kind, 'stream');
    stream.request.destroy();
    await untilLogged(gateway, 'ws.close', (line) => line.conn === begun.conn);

    const output = gateway.output();
    assert.ok(!output.includes(member.token), 'no token in the log');
    assert.ok(!output.includes('token='), 'no query in the log');
    assert.ok(!output.includes('whispered'), 'no message text in the log');
  });

  it('is what the PROXY header of a balancer says', async () => {
    const rows = [
      [Buffer.from('PROXY TCP4 198.51.100.7 127.0.0.1 4711 8000\r\n'), '198.51.100.7:4711'],
      [Buffer.from('PROXY TCP6 2001:db9::7 ::1 4711 8000\r\n'), '[2001:db9::7]:4711'],
      [proxyV2(1, 0x11, V4_BLOCK), '198.51.100.7:4711'],
      [proxyV2(1, 0x11, Buffer.concat([V4_BLOCK, Buffer.from([4, 0, 2, 0, 0])])), '198.51.100.7:4711'],
      [Buffer.from('PROXY UNKNOWN\r\n'), null],
      [proxyV2(0, 0, Buffer.alloc(0)), null],
    ];
    for (const [header, client] of rows) {
      for (const size of [1000, 3]) {
        const connection = await openFrom(BALANCER, proxyPort);
        // The client behind it is no balancer: what it adds is not believed.
        const request = 'GET /health HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 6.6.6.6\r\nX-Request-Id: mine\r\n\r\n';
        await connection.writePieces(Buffer.concat([header, Buffer.from(request)]), size);
        const answer = await connection.readResponse();
        assert.equal(answer.status, 200);
        assert.notEqual(answer.headers['x-request-id'], 'mine');
        const line = await requestOf(answer);
        assert.equal(line.client, client ?? `${BALANCER}:${connection.localPort}`);
        connection.destroy();
      }
    }
    // A balancer in front of the balancer.
    const connection = await openFrom(BALANCER, proxyPort);
    connection.write('PROXY TCP4 127.0.0.3 127.0.0.1 1 2\r\nGET /health HTTP/1.1\r\nHost: x\r\n'
      + 'X-Forwarded-For: 198.51.100.8\r\n\r\n');
    assert.equal((await requestOf(await connection.readResponse())).client, '198.51.100.8');
    connection.destroy();
  });

  it('is refused at the PROXY port without a header, or without trust', async () => {
    const counter = async () => {
      const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
      return Number(/^banter_http_proxy_refused_total(?:\{[^}]*\})? (\d+)$/m.exec(text)[1]);
    };
    const count = await counter();
    const request = 'GET /health HTTP/1.1\r\nHost: x\r\n\r\n';
    const good = 'PROXY TCP4 198.51.100.7 127.0.0.1 4711 8000\r\n';
    const rows = [
      [STRANGER, good + request],
      [BALANCER, request],
      [BALANCER, `PROXY TCP4 198.51.100.7\r\n${request}`],
      [BALANCER, Buffer.concat([proxyV2(1, 0x11, V4_BLOCK.subarray(4)), Buffer.from(request)])],
      [BALANCER, 'PROXY TCP4 '], // and no more: the time for it ends
    ];
    for (const [from, bytes] of rows) {
      const connection = await openFrom(from, proxyPort);
      connection.write(bytes);
      await connection.waitEnd();
      assert.equal(connection.received, 0);
      connection.destroy();
    }
    await poll('all of them to be counted', async () => (await counter()) === count + rows.length);
    // One line a worker in ten seconds.
    const lines = logged(gateway, 'http.proxy_refused');
    assert.ok(lines.length >= 1 && lines.length <= 4, `${lines.length} lines`);
    assert.match(lines[0].client, /^127\.0\.0\.[29]:\d+$/);
    assert.ok(lines[0].reason);
    // And it is never looked for where it is not spoken.
    const connection = await openFrom(BALANCER, stack.port);
    connection.write(good + request);
    const answer = await connection.readResponse();
    assert.ok(answer.status >= 400 && answer.status < 600, String(answer.status));
    connection.destroy();
  });

  it('answers probes without a token, and says what is missing', async () => {
    for (const path of ['/health', '/healthz', '/livez']) {
      const answer = await ask(stack.port, path);
      assert.equal(answer.status, 200, path);
      assert.deepEqual(JSON.parse(answer.text), { status: 'healthy' });
      assert.match(answer.headers['cache-control'], /no-store/);
    }
    const ready = await ask(stack.port, '/readyz');
    assert.equal(ready.status, 200);
    await stack.database.kill();
    const answer = await poll('readiness to end', async () => {
      const now = await ask(stack.port, '/readyz');
      return now.status === 503 && JSON.parse(now.text);
    });
    assert.deepEqual([answer.ready, answer.database, answer.broker], [false, false, true]);
    assert.equal((await ask(stack.port, '/livez')).status, 200);
    const failed = await ask(stack.port, '/api/chat/rooms', { headers: { authorization: `Bearer ${'ab'.repeat(32)}` } });
    assert.equal(failed.status, 503);
    const line = await untilLogged(gateway, 'http.failed', () => true);
    assert.ok(line.conn && line.req && line.client && line.route && line.err);
    await stack.database.start();
    await stack.waitReady();
  });
});

describe('a reload', () => {
  it('changes who is believed', async () => {
    const file = path.join(os.tmpdir(), `banter-edge-${process.pid}.conf`);
    fs.writeFileSync(file, '');
    try {
      await withStack({ workers: 2, gatewayEnv: { access_log: 1, config: file } }, async (stack) => {
        const [gateway] = stack.gateways;
        const clientOf = async () => {
          const answer = await ask(stack.port, '/health', { from: BALANCER, headers: { 'x-forwarded-for': '198.51.100.7' } });
          const id = answer.headers['x-request-id'];
          return (await untilLogged(gateway, 'http.request', (line) => line.req === id)).client;
        };
        assert.match(await clientOf(), /^127\.0\.0\.2:/);
        fs.writeFileSync(file, 'BANTER_TRUSTED_PROXIES=127.0.0.2\n');
        gateway.kill('SIGHUP');
        await poll('the new workers to believe it', async () => (await clientOf()) === '198.51.100.7');
      });
    } finally {
      fs.rmSync(file, { force: true });
    }
  });
});

describe('a PROXY port without trusted balancers', () => {
  it('refuses everyone, and says so at the start', async () => {
    const port = await freePort();
    await withStack({ gatewayEnv: { proxy_listen: `127.0.0.1:${port}` } }, async (stack) => {
      await untilLogged(stack.gateways[0], 'http.proxy_trusts_nobody', (line) => line.listen === `127.0.0.1:${port}`);
      const connection = await openFrom('127.0.0.1', port);
      connection.write('PROXY TCP4 198.51.100.7 127.0.0.1 4711 8000\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n');
      await connection.waitEnd();
      assert.equal(connection.received, 0);
      connection.destroy();
      assert.equal((await ask(stack.port, '/health')).status, 200);
      assert.equal(logged(stack.gateways[0], 'http.request').length, 0, 'ACCESS_LOG is off');
    });
  });
});
