// RFC 9112 at the public port, by raw bytes: whatever one server could read differently from another
// is refused before any handler runs; a connection that breaks the framing gets its envelope and
// is closed; what came before the break is answered. Whole, byte by byte and in odd pieces.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { metric } from './lib/bus_keys.mjs';
import { Api, makeRoom } from './lib/client.mjs';
import { freePort } from './lib/ports.mjs';
import { OPCODE, RawConnection, encodeFrame, openRawSocket } from './lib/raw.mjs';
import { startStack } from './lib/stack.mjs';
import { delay, poll } from './lib/wait.mjs';

const HOST = 'Host: localhost\r\n';
const GET = `GET /health HTTP/1.1\r\n${HOST}\r\n`;
const WAITING = "SELECT info FROM information_schema.processlist WHERE state LIKE 'Waiting for table%' AND info LIKE 'SELECT%FROM sessions%'";
const LINE = 'GET /health HTTP/1.1\r\n';
const POST = `POST /api/login HTTP/1.1\r\n${HOST}`;
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`;

const CODES = {
  400: 'bad_request', 408: 'request_timeout', 413: 'payload_too_large', 414: 'uri_too_long', 417: 'expectation_failed',
  431: 'headers_too_large', 501: 'not_implemented', 503: 'overloaded', 505: 'http_version_not_supported',
};

// [what, status, bytes]: each ends the connection, and nothing in it is served.
const REFUSED = [
  ['an empty line before a request', 400, `\r\n${GET}`],
  ['a TLS hello', 400, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ['bare line feeds', 400, 'GET /health HTTP/1.1\nHost: localhost\n\n'],
  ['two spaces', 400, `GET  /health HTTP/1.1\r\n${HOST}\r\n`],
  ['a space in the target', 400, `GET /he alth HTTP/1.1\r\n${HOST}\r\n`],
  ['a control byte in the target', 400, `GET /he\x01alth HTTP/1.1\r\n${HOST}\r\n`],
  ['a target that is not ASCII', 400, `GET /h\xe9 HTTP/1.1\r\n${HOST}\r\n`],
  ['a target that looks like a host', 400, `GET //localhost/health HTTP/1.1\r\n${HOST}\r\n`],
  ['a fragment', 400, `GET /health#x HTTP/1.1\r\n${HOST}\r\n`],
  ['HTTP/1.9', 505, `GET /health HTTP/1.9\r\n${HOST}\r\n`],
  ['HTTP/2.0', 505, `GET /health HTTP/2.0\r\n${HOST}\r\n`],
  ['no version', 400, 'GET /health\r\n\r\n'],
  ['an unknown method', 501, `BREW /health HTTP/1.1\r\n${HOST}\r\n`],
  ['a method in small letters', 501, `get /health HTTP/1.1\r\n${HOST}\r\n`],
  ['CONNECT', 501, `CONNECT localhost:80 HTTP/1.1\r\n${HOST}\r\n`],
  ['no Host', 400, `${LINE}\r\n`],
  ['two Hosts', 400, `${LINE}${HOST}${HOST}\r\n`],
  ['a space before the colon', 400, `${LINE}${HOST}X : y\r\n\r\n`],
  ['an empty name', 400, `${LINE}${HOST}: y\r\n\r\n`],
  ['a name that is no token', 400, `${LINE}${HOST}X(: y\r\n\r\n`],
  ['a folded value', 400, `${LINE}${HOST}X: y\r\n z\r\n\r\n`],
  ['NUL in a value', 400, `${LINE}${HOST}X: y\0z\r\n\r\n`],
  ['a carriage return in a value', 400, `${LINE}${HOST}X: y\rz\r\n\r\n`],
  ['an unknown expectation', 417, `${LINE}${HOST}Expect: miracles\r\n\r\n`],
  ['two equal lengths', 400, `${POST}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}`],
  ['two different lengths', 400, `${POST}Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}${GET}`],
  ['a list of lengths', 400, `${POST}Content-Length: 2, 2\r\n\r\n{}`],
  ['a signed length', 400, `${POST}Content-Length: +2\r\n\r\n{}`],
  ['a negative length', 400, `${POST}Content-Length: -2\r\n\r\n{}`],
  ['a hexadecimal length', 400, `${POST}Content-Length: 0x2\r\n\r\n{}`],
  ['a length beyond 64 bits', 413, `${POST}Content-Length: 18446744073709551618\r\n\r\n{}`],
  ['a length with a coding', 400, `${POST}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${GET}`],
  ['a coding with a length', 400, `${POST}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n${GET}`],
  ['two codings', 400, `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ['gzip', 501, `${POST}Transfer-Encoding: gzip\r\n\r\n${GET}`],
  ['gzip, chunked', 501, `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
  ['xchunked', 501, `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${GET}`],
  ['chunked behind a vertical tab', 400, `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n${GET}`],
  ['chunked behind a tab', 400, `${POST}Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n${GET}`],
  ['chunked in HTTP/1.0', 400, `POST /api/login HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ['HEAD with a body', 400, `HEAD /health HTTP/1.1\r\n${HOST}Content-Length: ${GET.length}\r\n\r\n${GET}`],
  ['TRACE with a body', 400, `TRACE /health HTTP/1.1\r\n${HOST}Content-Length: ${GET.length}\r\n\r\n${GET}`],
  ['a chunk size with 0x', 400, `${CHUNKED}0x2\r\n{}\r\n0\r\n\r\n`],
  ['a chunk size with a sign', 400, `${CHUNKED}+2\r\n{}\r\n0\r\n\r\n`],
  ['a chunk size with a space', 400, `${CHUNKED} 2\r\n{}\r\n0\r\n\r\n`],
  ['a chunk extension', 400, `${CHUNKED}2;a=b\r\n{}\r\n0\r\n\r\n`],
  ['a chunk without its end', 400, `${CHUNKED}2\r\n{}0\r\n\r\n`],
  ['a chunk line with a bare line feed', 400, `${CHUNKED}2\n{}\r\n0\r\n\r\n`],
  ['a trailer', 400, `${CHUNKED}2\r\n{}\r\n0\r\nHost: evil\r\n\r\n`],
  ['chunks that are too much', 413, `${CHUNKED}10001\r\n`],
  ['an upgrade with a body', 400,
    `GET /ws/chat/1 HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\nx`],
];

// Everything that the server says until it closes, as [status, body...]
async function hearAll(connection) {
  const answers = [];
  for (;;) {
    if (connection.ended && connection.buffer.length === 0) return answers;
    try {
      answers.push(await connection.readResponse());
    } catch (error) {
      assert.match(error.message, /the connection ended before a response head; unread: ""/);
      assert.equal(connection.error, null, 'closed in order, not reset');
      return answers;
    }
  }
}

// size 0: in one write.
async function say(connection, text, size) {
  const bytes = Buffer.from(text, 'latin1');
  if (size === 0) connection.write(bytes);
  else await connection.writePieces(bytes, size, size === 1 ? 0 : 1);
}

function assertLast(answer, status, what) {
  assert.equal(answer.status, status, what);
  const envelope = JSON.parse(answer.body.toString());
  assert.deepEqual(Object.keys(envelope), ['success', 'message', 'code', 'data'], what);
  assert.equal(envelope.success, false, what);
  assert.equal(envelope.code, CODES[status], what);
  assert.match(answer.headers['content-type'], /^application\/json/, what);
  assert.equal(answer.headers.connection, 'close', what);
}

describe('HTTP/1.1 framing', () => {
  let stack;
  let admin;
  let api;
  let owner;
  let room;
  let pids;
  const open = new Set();
  before(async () => {
    admin = await freePort();
    // What comes byte by byte comes slowly on a slow machine: it is not the deadlines' turn here.
    stack = await startStack({
      workers: 2,
      gatewayEnv: {
        admin_listen: `127.0.0.1:${admin}`, request_head_ms: 600_000, request_body_ms: 600_000, keep_alive_ms: 600_000,
      },
    });
    api = new Api(stack.url);
    ({ owner, room } = await makeRoom(api, 0));
    pids = stack.workers();
  });
  after(async () => {
    for (const connection of open) connection.destroy();
    assert.deepEqual(stack.workers(), pids, 'no worker has died');
    await stack.stop();
  });

  async function dial() {
    const connection = await RawConnection.open(stack);
    open.add(connection);
    return connection;
  }

  it('counts what it refuses', async () => {
    const count = () => metric(admin, 'http_violations_total');
    assert.equal(await count(), 0);
    for (const [, , text] of REFUSED) {
      const connection = await dial();
      await say(connection, text, 0);
      await hearAll(connection);
      connection.destroy();
    }
    await poll('each to be counted', async () => (await count()) === REFUSED.length);
  });

  for (const size of [0, 1, 13]) {
    const how = size === 0 ? 'in one write' : `in pieces of ${size}`;

    it(`refuses what is ambiguous, ${how}`, async () => {
      await Promise.all(REFUSED.map(async ([what, status, text]) => {
        const connection = await dial();
        await say(connection, text, size);
        const answers = await hearAll(connection);
        assert.equal(answers.length, 1, what);
        assertLast(answers[0], status, what);
        connection.destroy();
      }));
    });

    it(`answers what came before, ${how}`, async () => {
      const slow = `GET /api/chat/rooms HTTP/1.1\r\n${HOST}Authorization: Bearer ${owner.token}\r\n\r\n`;
      for (const good of [GET, slow, `${slow}${GET}${slow}`]) {
        const connection = await dial();
        await say(connection, `${good}GET /health HTTP/1.1\r\n${HOST}X : y\r\n\r\n${GET}${GET}`, size);
        const answers = await hearAll(connection);
        assert.ok(answers.slice(0, -1).every((answer) => answer.status === 200));
        assert.equal(answers.length, good.match(/HTTP\/1\.1/g).length + 1);
        assertLast(answers.at(-1), 400, good);
        connection.destroy();
      }
    });

    it(`takes good pipelines, ${how}`, async () => {
      const body = '{"username":"nobody","password":"x"}';
      const hex = body.length.toString(16);
      const connection = await dial();
      await say(connection,
        `${GET}${POST}Content-Length: ${body.length}\r\n\r\n${body}` +
        `${CHUNKED}${hex}\r\n${body}\r\n0\r\n\r\n` +
        `${CHUNKED}1\r\n{\r\n${(body.length - 1).toString(16)}\r\n${body.slice(1)}\r\n0\r\n\r\n` +
        `${POST}Expect: 100-continue\r\nContent-Length: ${body.length}\r\n\r\n${body}${GET}`, size);
      const statuses = [];
      while (statuses.length < 6) {
        const { status } = await connection.readResponse();
        if (status !== 100) statuses.push(status);
      }
      assert.deepEqual(statuses, [200, 401, 401, 401, 401, 200]);
      connection.destroy();
    });
  }

  it('sends 100 Continue before the body', async () => {
    const connection = await dial();
    await say(connection, `${POST}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n`, 0);
    assert.equal((await connection.readResponse()).status, 100);
    await say(connection, '{}', 0);
    assert.equal((await connection.readResponse()).status, 422);
    connection.destroy();
  });

  it('a body that is too large is refused before it is sent', async () => {
    const connection = await dial();
    await say(connection, `${POST}Expect: 100-continue\r\nContent-Length: 65537\r\n\r\n`, 0);
    const answers = await hearAll(connection);
    assert.equal(answers.length, 1);
    assertLast(answers[0], 413);
  });

  it('takes the target in absolute form', async () => {
    const connection = await dial();
    await say(connection, `GET http://localhost:8000/health HTTP/1.1\r\n${HOST}\r\n`, 0);
    assert.equal((await connection.readResponse()).status, 200);
    connection.destroy();
  });

  it('methods that a path does not take are 405, and the connection goes on', async () => {
    const connection = await dial();
    for (const method of ['PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE']) {
      await say(connection, `${method} /api/login HTTP/1.1\r\n${HOST}\r\n`, 0);
      const answer = await connection.readResponse();
      assert.equal(answer.status, 405, method);
      assert.match(answer.headers.allow, /POST/, method);
    }
    connection.destroy();
  });

  it('an answer to HEAD has no body', async () => {
    const connection = await dial();
    for (const path of ['/health', '/nowhere', '/api/chat/rooms', '/openapi.json']) {
      await say(connection, `HEAD ${path} HTTP/1.1\r\n${HOST}\r\n`, 0);
      await connection.readResponse({ noBody: true });
      await say(connection, GET, 0);
      assert.equal((await connection.readResponse()).status, 200, path);
    }
    connection.destroy();
  });

  it('a refused upgrade leaves the framing guarded', async () => {
    const upgrade = `GET /nowhere HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n`;
    const connection = await dial();
    await say(connection, `${upgrade}GET /health HTTP/1.1\r\n${HOST}X : y\r\n\r\n${GET}`, 0);
    const answers = await hearAll(connection);
    assert.ok(answers.length <= 2 && answers.every((answer) => answer.status >= 400));
  });

  it('frames that come with the handshake are not taken for HTTP', async () => {
    const frame = encodeFrame('', { opcode: OPCODE.PING });
    const socket = await openRawSocket(stack, `/ws/chat/${room.id}?token=${owner.token}`, { extra: frame });
    await socket.readFrameUntil(({ opcode }) => opcode === OPCODE.PONG);
    socket.destroy();
  });
});

describe('HTTP deadlines', () => {
  let stack;
  let admin;
  before(async () => {
    admin = await freePort();
    stack = await startStack({
      gatewayEnv: { admin_listen: `127.0.0.1:${admin}`, request_head_ms: 1000, request_body_ms: 1500, keep_alive_ms: 3000 },
    });
  });
  after(() => stack.stop());

  it('a head that drips in is 408', async () => {
    const connection = await RawConnection.open(stack);
    const start = Date.now();
    await say(connection, LINE, 0);
    while (!connection.ended && Date.now() - start < 8000) {
      await say(connection, 'x', 0);
      await delay(100);
    }
    assert.ok(Date.now() - start >= 900);
    const answers = await hearAll(connection);
    assert.equal(answers.length, 1);
    assertLast(answers[0], 408);
  });

  it('a head that stops is 408, so is a body', async () => {
    await Promise.all(['G', `${LINE}${HOST}`, `${POST}Content-Length: 9\r\n\r\n{`, `${CHUNKED}2\r\n{`].map(async (text) => {
      const connection = await RawConnection.open(stack);
      await say(connection, text, 0);
      const answers = await hearAll(connection);
      assert.equal(answers.length, 1);
      assertLast(answers[0], 408, text);
    }));
    // The one that dripped is the fifth.
    await poll('each to be counted', async () => (await metric(admin, 'http_timeouts_total')) === 5);
  });

  it('an idle connection is closed without a word', async () => {
    const silent = await RawConnection.open(stack);
    const used = await RawConnection.open(stack);
    await say(used, GET, 0);
    assert.equal((await used.readResponse()).status, 200);
    assert.deepEqual(await hearAll(silent), []);
    assert.deepEqual(await hearAll(used), []);
    await poll('both to be counted', async () => (await metric(admin, 'http_idle_closes_total')) >= 2);
  });

  it('a client that takes nothing of its answers is cut, and counted', async () => {
    const connection = await RawConnection.open(stack);
    connection.socket.pause();
    connection.write(`GET /openapi.json HTTP/1.1\r\n${HOST}\r\n`.repeat(1000));
    await poll('it to be cut', async () => (await metric(admin, 'http_write_stalls_total')) === 1);
    connection.destroy();
  });
});

describe('HTTP connections are counted', () => {
  it('one too many takes the place of who keeps the server waiting longest', async () => {
    const admin = await freePort();
    const stack = await startStack({
      workers: 1, gatewayEnv: { http_connections_max: 5, admin_listen: `127.0.0.1:${admin}` },
    });
    try {
      await poll('those to go that asked whether it is ready', async () => (await metric(admin, 'http_connections')) === 0);
      const connections = [];
      for (let i = 0; i < 5; i += 1) connections.push(await RawConnection.open(stack));
      // One after the other, so that it is known who waits longest.
      for (const connection of connections) {
        connection.write(GET);
        await connection.readResponse();
        await delay(20);
      }
      const first = await RawConnection.open(stack);
      first.write(GET);
      assert.equal((await first.readResponse()).status, 200);
      assert.deepEqual(await hearAll(connections[0]), []);
      connections[0] = first;
      // Those that are within a request keep the server waiting, too: each new one ends the oldest.
      for (const connection of connections) {
        connection.write(GET.slice(0, 20));
        await delay(20);
      }
      for (let i = 0; i < 2; i += 1) {
        const extra = await RawConnection.open(stack);
        extra.write(GET);
        assert.equal((await extra.readResponse()).status, 200);
        const told = await hearAll(connections.find((connection) => !connection.told));
        connections.find((connection) => !connection.told).told = true;
        assert.equal(told.length, 1);
        assertLast(told[0], 503);
        assert.equal(told[0].headers['retry-after'], '1');
      }
      for (const connection of connections.filter((one) => !one.told)) {
        connection.write(GET.slice(20));
        assert.equal((await connection.readResponse()).status, 200);
        connection.destroy();
      }
      await poll('the three to be counted', async () =>
        (await metric(admin, 'shed_total\\{reason="waiting_http_connections"\\}')) === 3);
      const again = await RawConnection.open(stack);
      again.write(GET);
      assert.equal((await again.readResponse()).status, 200);
      again.destroy();
    } finally {
      await stack.stop();
    }
  });

  it('one too many is 503 while all others are being answered', async () => {
    const admin = await freePort();
    const stack = await startStack({ workers: 1, gatewayEnv: { admin_listen: `127.0.0.1:${admin}` } });
    try {
      const { owner } = await makeRoom(new Api(stack.url), 0);
      stack.expectedDead.add(stack.gateways[0]);
      await stack.gateways[0].end('SIGTERM');
      await stack.startGateway(0, { http_connections_max: 1 });
      await stack.waitReady();
      await poll('those to go that asked whether it is ready', async () => (await metric(admin, 'http_connections')) === 0);
      const lock = await stack.database.hold('LOCK TABLES sessions WRITE');
      const busy = await RawConnection.open(stack);
      busy.write(`GET /api/chat/rooms HTTP/1.1\r\n${HOST}Authorization: Bearer ${owner.token}\r\n\r\n`);
      await poll('it to ask the database', async () => (await stack.database.query(WAITING)).length === 1);
      const extra = await RawConnection.open(stack);
      const told = await hearAll(extra);
      assert.equal(told.length, 1);
      assertLast(told[0], 503);
      assert.equal(told[0].headers['retry-after'], '1');
      await poll('it to be counted', async () => (await metric(admin, 'http_refused_total')) === 1);
      assert.equal(await metric(admin, 'shed_total\\{reason="http_connections"\\}'), 1);
      await lock.release();
      assert.equal((await busy.readResponse()).status, 200);
      busy.destroy();
    } finally {
      await stack.stop();
    }
  });
});
