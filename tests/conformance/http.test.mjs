// Plays the HTTP cases at the real gateway, each whole and in odd pieces.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { RawConnection } from '../system/lib/raw.mjs';
import { startStack } from '../system/lib/stack.mjs';
import { CASES, GROUPS } from './http.mjs';

const HOST = 'Host: localhost\r\n';
const wanted = (one) => !process.env.ONLY_CASE || process.env.ONLY_CASE === one.id;

let stack;
let pids;
before(async () => {
  stack = await startStack({ workers: 1 });
  pids = stack.workers();
});
after(async () => {
  assert.deepEqual(stack.workers(), pids, 'the worker has lived through all of it');
  await stack.stop();
});

async function expectClosed(connection) {
  await assert.rejects(connection.readResponse(), /the connection ended before a response head; unread: ""/);
  assert.equal(connection.error, null, 'closed in order, not reset');
}

// Not the bytes of a case, but a question: is the connection where a server that understood it would be?
async function expectOpen(connection) {
  connection.write(`GET /nowhere HTTP/1.1\r\n${HOST}\r\n`);
  assert.equal((await connection.readResponse()).status, 404);
}

async function play(one, size) {
  const connection = await RawConnection.open(stack);
  try {
    // What is behind a request that closes is there at once, or not at all: bytes that come after the
    // close make the kernel reset the connection, and the answer may be lost with it (9112 9.6).
    const sent = size === 0 && one.behind ? one.bytes + one.behind : one.bytes;
    const bytes = Buffer.isBuffer(sent) ? sent : Buffer.from(sent, 'latin1');
    if (size === 0) connection.write(bytes);
    else await connection.writePieces(bytes, size, 0);
    let answer;
    for (const status of one.expect) {
      answer = await connection.readResponse({ noBody: one.head });
      if (one.skip100 && answer.status === 100) answer = await connection.readResponse();
      assert.ok([status, ...(one.also ?? [])].includes(answer.status), `answered ${answer.status}, not ${status}`);
    }
    if (one.header) assert.match(answer.headers[one.header[0]] ?? '', one.header[1]);
    if (answer.status >= 400 && !one.head) assert.equal(JSON.parse(answer.body.toString()).success, false);
    if (one.open === false) await expectClosed(connection);
    if (one.open === true) await expectOpen(connection);
  } finally {
    connection.destroy();
  }
}

for (const [group, about] of Object.entries(GROUPS))
  describe(`${group} ${about}`, { concurrency: 16 }, () => {
    for (const one of CASES.filter((each) => each.group === group && wanted(each)))
      test(`${one.id} ${one.what}`, async () => {
        await play(one, 0);
        await play(one, 7);
      });
  });
