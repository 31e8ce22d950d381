// What browsers are told that web pages may do: whose pages may open WebSockets and call the API, and
// headers on every kind of answer that keep what is ours from being run, framed or embedded.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ask, logged, openFrom, untilLogged } from './lib/access_log.mjs';
import { Api, Socket, assertError, makeRoom } from './lib/client.mjs';
import { RawConnection } from './lib/raw.mjs';
import { freePort } from './lib/ports.mjs';
import { startStack, withStack } from './lib/stack.mjs';

const BALANCER = '127.0.0.2';
const FRIEND = 'https://www.example.org';

// The handshake's status: 101, or what it was refused with.
async function handshake(stack, origin, headers = {}) {
  const all = origin === undefined ? headers : { ...headers, origin };
  const socket = new Socket(stack.url, null, 'x', { headers: all });
  try {
    await socket.opened;
    socket.terminate();
    return 101;
  } catch (error) {
    if (error.status === 403) assertError({ ...error, status: 403, text: error.text, json: JSON.parse(error.text) }, 403, 'origin_not_allowed');
    return error.status;
  }
}

describe('a WebSocket handshake', () => {
  it('is refused to pages that are not ours', async () => {
    const adminPort = await freePort(2);
    await withStack({ workers: 1, gatewayEnv: { admin_listen: `127.0.0.1:${adminPort}` } }, async (stack) => {
      const own = `http://127.0.0.1:${stack.port}`;
      const refused = ['https://evil.example', `http://127.0.0.1:${stack.port + 1}`, 'http://127.0.0.1', 'null', `${own}.evil.example`, `${own}, ${own}`, `${own}/`];
      assert.equal(await handshake(stack, undefined), 101, 'a program that is no browser');
      assert.equal(await handshake(stack, own), 101);
      assert.equal(await handshake(stack, `https://127.0.0.1:${stack.port}`), 101, 'TLS may end before us');
      for (const origin of refused) assert.equal(await handshake(stack, origin), 403, origin);
      const metrics = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
      assert.equal(Number(/^banter_ws_origins_refused_total (\d+)$/m.exec(metrics)[1]), refused.length);
      const [gateway] = stack.gateways;
      const line = await untilLogged(gateway, 'ws.origin_refused', () => true);
      assert.equal(line.origin, 'https://evil.example');
      assert.match(line.client, /^127\.0\.0\.1:\d+$/);
      assert.equal(logged(gateway, 'ws.origin_refused').length, 1, 'a crowd is one line');
    });
  });

  it('knows its own pages behind a balancer of ours', () =>
    withStack({ workers: 1, gatewayEnv: { trusted_proxies: BALANCER } }, async (stack) => {
      const upgrade = { connection: 'upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' };
      const headers = { ...upgrade, origin: 'https://chat.example.org', 'x-forwarded-host': 'chat.example.org' };
      const status = async (from) => {
        const connection = await openFrom(from, stack.port);
        try {
          connection.write(['GET /ws/chat HTTP/1.1', `Host: 127.0.0.1:${stack.port}`, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`), '', ''].join('\r\n'));
          return (await connection.readResponse()).status;
        } finally {
          connection.destroy();
        }
      };
      assert.equal(await status(BALANCER), 101);
      assert.equal(await status('127.0.0.9'), 403, 'a stranger is not believed');
    }));

  it('is open to the pages of the list', () =>
    withStack({ workers: 1, gatewayEnv: { origins: `${FRIEND}, https://*.example.net:8443` } }, async (stack) => {
      for (const origin of [FRIEND, 'https://a.example.net:8443', `http://127.0.0.1:${stack.port}`]) {
        assert.equal(await handshake(stack, origin), 101, origin);
      }
      for (const origin of ['http://www.example.org', 'https://example.net:8443', 'https://a.example.net', 'null']) {
        assert.equal(await handshake(stack, origin), 403, origin);
      }
    }));

  it('is open to all with *', () =>
    withStack({ workers: 1, gatewayEnv: { origins: '*' } }, async (stack) => {
      for (const origin of ['https://evil.example', 'null']) assert.equal(await handshake(stack, origin), 101, origin);
      const answer = await new Api(stack.url).get('/health', { headers: { origin: 'https://evil.example' } });
      assert.equal(answer.headers['access-control-allow-origin'], '*');
      assert.equal(answer.headers['access-control-allow-credentials'], undefined);
    }));
});

describe('calls of other sites', () => {
  const preflight = (api, path, origin, method = 'POST') =>
    api.request('OPTIONS', path, { headers: { origin, 'access-control-request-method': method, 'access-control-request-headers': 'authorization,content-type' } });
  const CORS = /^access-control-/;

  it('are not allowed unless they are on the list', () =>
    withStack({ workers: 1 }, async (stack) => {
      const api = new Api(stack.url);
      assertError(await preflight(api, '/api/login', FRIEND), 405, 'method_not_allowed');
      const answer = await api.get('/health', { headers: { origin: FRIEND } });
      assert.deepEqual(Object.keys(answer.headers).filter((name) => CORS.test(name)), []);
      assert.equal(answer.headers.vary, undefined);
    }));

  it('are allowed to those on the list, with tokens and without cookies', () =>
    withStack({ workers: 1, gatewayEnv: { origins: FRIEND } }, async (stack) => {
      const api = new Api(stack.url);
      const asked = await preflight(api, '/api/chat/rooms', FRIEND);
      assert.equal(asked.status, 204);
      assert.equal(asked.headers['content-length'], undefined);
      assert.equal(asked.headers['access-control-allow-origin'], FRIEND);
      assert.match(asked.headers.vary, /origin/i);
      assert.deepEqual(asked.headers['access-control-allow-methods'].split(', ').sort(), ['GET', 'HEAD', 'POST']);
      for (const name of ['Authorization', 'Content-Type', 'Idempotency-Key']) {
        assert.ok(asked.headers['access-control-allow-headers'].split(', ').includes(name), name);
      }
      assert.equal(asked.headers['access-control-max-age'], '600');
      assert.equal(asked.headers['access-control-allow-credentials'], undefined);
      // The connection goes on: what comes behind the 204 is read.
      const { owner, room } = await makeRoom(api, 0);
      const answers = [
        await owner.api.get('/api/chat/rooms', { headers: { origin: FRIEND } }),
        await api.get('/api/chat/rooms', { headers: { origin: FRIEND } }),
        await api.get('/nothing', { headers: { origin: FRIEND } }),
      ];
      assert.deepEqual(answers.map((answer) => answer.status), [200, 401, 404]);
      for (const { headers } of answers) {
        assert.equal(headers['access-control-allow-origin'], FRIEND);
        for (const name of ['Link', 'Retry-After', 'RateLimit', 'X-Request-Id']) {
          assert.ok(headers['access-control-expose-headers'].split(', ').includes(name), name);
        }
      }
      const stream = await fetch(`${stack.url}/api/chat/rooms/${room.id}/events`, { headers: { origin: FRIEND, authorization: `Bearer ${owner.token}` } });
      assert.equal(stream.headers.get('access-control-allow-origin'), FRIEND);
      await stream.body.cancel();
      for (const origin of ['https://evil.example', 'http://www.example.org', 'null']) {
        assert.equal((await preflight(api, '/api/login', origin)).status, 405, origin);
        const answer = await owner.api.get('/api/chat/rooms', { headers: { origin } });
        assert.equal(answer.headers['access-control-allow-origin'], undefined, origin);
        assert.match(answer.headers.vary, /origin/i, 'no cache mixes them up');
      }
      assert.equal((await preflight(api, '/nothing', FRIEND)).status, 404);
      assert.equal((await api.request('OPTIONS', '/api/login', { headers: { origin: FRIEND } })).status, 405, 'no preflight');
    }));
});

describe('every answer', () => {
  let stack;
  let member;
  let room;
  before(async () => {
    stack = await startStack({ workers: 1 });
    ({ owner: member, room } = await makeRoom(new Api(stack.url), 0));
  });
  after(() => stack?.stop());

  const DATA_POLICY = "default-src 'none'; frame-ancestors 'none'";
  function assertSafe(headers, what, policy = DATA_POLICY) {
    assert.equal(headers['x-content-type-options'], 'nosniff', what);
    assert.equal(headers['referrer-policy'], 'no-referrer', what);
    assert.equal(headers['cross-origin-resource-policy'], 'same-origin', what);
    if (policy) assert.equal(headers['content-security-policy'], policy, what);
    assert.equal(headers['set-cookie'], undefined, what);
  }

  it('of the API says that it is data', async () => {
    const rows = [
      ['GET', '/health', 200],
      ['HEAD', '/health', 200],
      ['GET', '/readyz', 200],
      ['GET', '/openapi.json', 200],
      ['GET', '/api/chat/rooms', 200],
      ['GET', '/nothing', 404],
      ['POST', '/health', 405],
      ['POST', '/api/login', 422, { json: {} }],
      ['GET', '/ws/chat', 426],
      ['GET', '/docs', 308],
    ];
    for (const [method, path, status, options] of rows) {
      const answer = await member.api.request(method, path, options);
      assert.equal(answer.status, status, path);
      assertSafe(answer.headers, `${method} ${path}`);
    }
    const anonymous = await new Api(stack.url).get('/api/chat/rooms');
    assert.equal(anonymous.status, 401);
    assertSafe(anonymous.headers, '401');
  });

  it('that the guard gives before there is a request, too', async () => {
    for (const [text, status] of [['GET /health HTTP/1.1\r\n\r\n', 400], ['GET / HTTP/2.0\r\nHost: x\r\n\r\n', 505]]) {
      const connection = await RawConnection.open(stack.port);
      connection.write(text);
      const answer = await connection.readResponse();
      assert.equal(answer.status, status);
      assertSafe(answer.headers, text);
      connection.destroy();
    }
  });

  it('of a page runs only what is ours and is in no frame', async () => {
    const accept = 'text/html';
    for (const path of ['/', '/docs/']) {
      const page = await ask(stack.port, path, { headers: { accept } });
      assert.equal(page.status, 200);
      assertSafe(page.headers, path, null);
      assert.match(page.headers['content-security-policy'], /default-src 'none'/);
      assert.match(page.headers['content-security-policy'], /frame-ancestors 'none'/);
      assert.equal(page.headers['x-frame-options'], 'DENY');
      assert.equal(page.headers['cross-origin-opener-policy'], 'same-origin');
      const again = await ask(stack.port, path, { headers: { accept, 'if-none-match': page.headers.etag } });
      assert.equal(again.status, 304);
      assert.equal(again.headers['content-security-policy'], page.headers['content-security-policy']);
      for (const [, file] of page.text.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)) {
        assertSafe((await ask(stack.port, file)).headers, file);
      }
    }
  });

  it('that is a stream of events, too', async () => {
    const answer = await fetch(`${stack.url}/api/chat/rooms/${room.id}/events`, { headers: { authorization: `Bearer ${member.token}` } });
    assert.equal(answer.status, 200);
    assertSafe(Object.fromEntries(answer.headers), 'stream');
    await answer.body.cancel();
  });

  it('that is a 101 sets nothing that stays', async () => {
    const socket = await Socket.open(stack.url, room.id, member.token);
    await socket.end();
    const connection = await RawConnection.open(stack.port);
    connection.write(`GET /ws/chat HTTP/1.1\r\nHost: 127.0.0.1:${stack.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`);
    const head = await connection.readResponse();
    assert.equal(head.status, 101);
    assert.deepEqual(Object.keys(head.headers).sort(), ['connection', 'sec-websocket-accept', 'upgrade', 'x-request-id']);
    connection.destroy();
  });
});
