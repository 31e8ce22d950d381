// What a worker's memory holds of the passwords that it was sent, right or wrong, in bodies of every
// kind: nothing, once it has answered.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { it } from 'node:test';
import { Api, uniqueName } from './lib/client.mjs';
import { SANDBOX } from './lib/env.mjs';
import { RawConnection } from './lib/raw.mjs';
import { withStack } from './lib/stack.mjs';

const PIECE = 1 << 20;
const secret = (name) => `${name}-${randomBytes(12).toString('hex')}`;

// Yama or a container may forbid it.
function mayLookInto(pid) {
  try {
    fs.closeSync(fs.openSync(`/proc/${pid}/mem`, 'r'));
    return true;
  } catch (error) {
    if (error.code === 'EACCES' || error.code === 'EPERM') return false;
    throw error;
  }
}

// Which of these texts stand somewhere in what the process may write to.
function findInMemory(pid, texts) {
  const found = new Set();
  const memory = fs.openSync(`/proc/${pid}/mem`, 'r');
  const bytes = Buffer.alloc(PIECE + 256);
  for (const line of fs.readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n')) {
    const [, from, to, what] = /^([0-9a-f]+)-([0-9a-f]+) rw.. \S+ \S+ \S+ *(.*)$/.exec(line) ?? [];
    if (!from || what.startsWith('[v')) continue;
    const end = Number(`0x${to}`);
    for (let at = Number(`0x${from}`); at < end; at += PIECE) {
      const length = fs.readSync(memory, bytes, 0, Math.min(bytes.length, end - at), at);
      const piece = bytes.subarray(0, length);
      for (const text of texts) if (piece.includes(text, 'latin1')) found.add(text);
    }
  }
  fs.closeSync(memory);
  return [...found];
}

// Each piece is a write of its own, and arrives before the next one leaves.
async function post(stack, path, body, { token, pieces = 1 } = {}) {
  const connection = await RawConnection.open(stack.port);
  const head = [`POST ${path} HTTP/1.1`, 'Host: a', 'Content-Type: application/json', `Content-Length: ${body.length}`];
  if (token) head.push(`Authorization: Bearer ${token}`);
  const bytes = `${head.join('\r\n')}\r\n\r\n${body}`;
  const step = Math.ceil(bytes.length / pieces);
  for (let at = 0; at < bytes.length; at += step) {
    connection.write(bytes.slice(at, at + step));
    await new Promise((resolve) => connection.socket.write('', resolve));
    await fetch(`${stack.url}/health`).then((answer) => answer.text()); // the worker has had its turn
  }
  const { status } = await connection.readResponse();
  connection.destroy();
  return status;
}

it('nothing is left of a password when its request is answered', { skip: SANDBOX === '0' && 'sanitizers keep what is freed' }, (t) =>
  withStack({ workers: 1, gatewayEnv: { sandbox: 0 } }, async (stack) => {
    const [pid] = stack.workers();
    if (!mayLookInto(pid)) {
      t.skip('the memory of a child must not be read here');
      return;
    }
    const user = await new Api(stack.url).user();
    const names = ['register', 'wrong', 'unknown', 'pieces', 'escaped', 'nested', 'malformed', 'number', 'long', 'common',
      'current', 'next', 'short', 'field'];
    const secrets = Object.fromEntries(names.map((name) => [name, secret(name)]));
    const login = (password, extra = '') => `{"username":"${user.username}","password":"${password}"${extra}}`;
    const name = uniqueName('u');
    const cases = [
      ['/api/register', `{"username":"${name}","email":"${name}@example.org","password":"${secrets.register}"}`, 200],
      ['/api/login', login(secrets.wrong), 401],
      ['/api/login', `{"username":"${uniqueName('nobody')}","password":"${secrets.unknown}"}`, 401],
      ['/api/login', login(secrets.pieces), 401, { pieces: 5 }],
      ['/api/login', login(`\\u0041${secrets.escaped}`), 401],
      ['/api/login', login('x', `,"more":{"password":["${secrets.nested}"]}`), 401],
      ['/api/login', login(secrets.malformed, ',,'), 422],
      ['/api/login', `{"username":5,"password":"${secrets.number}"}`, 422],
      ['/api/login', login(secrets.long.padEnd(1025, 'x')), 422],
      ['/api/register', `{"username":"${secrets.common}","email":"a@example.org","password":"${secrets.common}"}`, 422],
      ['/api/password', `{"current_password":"${secrets.current}","new_password":"${secrets.next}"}`, 403, { token: user.token }],
      ['/api/password', `{"current_password":"${secrets.short}","new_password":"short"}`, 422, { token: user.token }],
      ['/api/password', `{"current_password":"${secrets.field}"}`, 422, { token: user.token }],
    ];
    for (const [path, body, status, options] of cases) {
      assert.equal(await post(stack, path, body, options), status, body);
    }
    assert.deepEqual(findInMemory(pid, [user.username]), [user.username], 'what is looked for can be found');
    assert.deepEqual(findInMemory(pid, Object.values(secrets)), []);
  }));
