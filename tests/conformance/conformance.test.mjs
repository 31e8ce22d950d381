// Plays the whole suite: RFC 6455, 7692 and 3629 case by case, each on a connection of its own.
//   node --test tests/conformance/           ONLY_CASE=13.4 plays one
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Api, makeRoom } from '../system/lib/client.mjs';
import { BIN_DIR } from '../system/lib/env.mjs';
import { OP, RawSocket, acceptFor, frame, handshake } from '../system/lib/raw_websocket.mjs';
import { startStack } from '../system/lib/stack.mjs';
import { CASES as HANDSHAKES } from './handshake.mjs';
import { GROUPS, isCurrent } from './table.mjs';
import { play } from './suite.mjs';

const AT_ONCE = 16;
const wanted = (one) => !process.env.ONLY_CASE || process.env.ONLY_CASE === one.id;

let echo;
let ports;
before(async () => {
  echo = spawn(path.join(BIN_DIR, '../tests/tools/ws_echo'), { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = await new Promise((resolve, reject) => {
    echo.once('error', reject);
    echo.stdout.once('data', (chunk) => resolve(chunk.toString().split('\n')));
  });
  const [great, ordinary] = line.split(' ').map(Number);
  ports = { great, ordinary };
});
after(() => {
  assert.equal(echo.exitCode, null, 'the echo has lived through all of it');
  echo.kill();
});

for (const group of GROUPS)
  describe(`${group.number} ${group.title}`, { concurrency: AT_ONCE }, () => {
    for (const one of group.cases.filter(wanted)) test(`${one.id} ${one.what}`, () => play(one, ports));
  });

describe('16 Opening handshake', { concurrency: AT_ONCE }, () => {
  let stack;
  let target;
  before(async () => {
    stack = await startStack({ workers: 1 });
    const { owner, room } = await makeRoom(new Api(stack.url), 0);
    target = `/ws/chat/${room.id}?token=${owner.token}`;
  });
  after(() => stack?.stop());

  for (const one of HANDSHAKES.filter(wanted))
    test(`${one.id} ${one.what}`, async () => {
      const socket = await RawSocket.connect('127.0.0.1', stack.port);
      try {
        socket.write(handshake(`127.0.0.1:${stack.port}`, target, one.changes));
        const head = await socket.readHead();
        assert.ok([one.status, ...(one.also ?? [])].includes(head.status), `answered ${head.status}`);
        if (one.status === 426) assert.equal(head.headers['sec-websocket-version'], '13');
        if (head.status !== 101) return;
        const key = one.changes.headers?.['Sec-WebSocket-Key'] ?? 'dGhlIHNhbXBsZSBub25jZQ==';
        assert.equal(head.headers['sec-websocket-accept'], acceptFor(key));
        for (const name of ['extensions', 'protocol']) {
          const expected = name === 'extensions' ? one.answer : one.protocol;
          if (expected !== undefined) assert.equal(head.headers[`sec-websocket-${name}`] ?? null, expected);
        }
        socket.write(frame(OP.ping, 'works'));
        await socket.readUntil('the pong', (next) => next.opcode === OP.pong);
      } finally {
        socket.destroy();
      }
    });
});

const writes = process.env.CONFORMANCE_WRITES ? 'it is written after this run' : false;
test('docs/CONFORMANCE.md lists these cases', { skip: writes }, () => {
  assert.ok(isCurrent(), 'it does not: make test-conformance writes it when all cases pass');
});
