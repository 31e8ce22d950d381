// permessage-deflate (RFC 7692): members with and without it in one room, what goes over the wire,
// what it costs by the metrics, and hostile compressed messages.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Api, Socket, makeRoom } from './lib/client.mjs';
import { OP, RawSocket, closePayload, deflated, fragments, frame, handshake } from './lib/raw_websocket.mjs';
import { freePort } from './lib/ports.mjs';
import { residentBytes } from './lib/procfs.mjs';
import { startStack, withStack } from './lib/stack.mjs';
import { poll } from './lib/wait.mjs';

const OFFER = 'permessage-deflate; client_max_window_bits';
const ANSWER = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';
const MESSAGE_BYTES_MAX = 64 * 1024;
const long = (name) => `${name}: ${'A room full of people who talk about the weather. '.repeat(40)}`;

let stack;
let api;
let adminPort;
before(async () => {
  adminPort = await freePort(2);
  const env = { deflate_min_bytes: 300, admin_listen: `127.0.0.1:${adminPort}` };
  stack = await startStack({ workers: 1, env });
  api = new Api(stack.url);
});
after(() => stack?.stop());

// A raw socket in the room, with this offer or none (null); socket.deflate says what was agreed.
async function join(t, room, user, offer = OFFER, query = '') {
  const socket = await RawSocket.connect('127.0.0.1', stack.port);
  t.after(() => socket.destroy());
  const headers = { 'Sec-WebSocket-Extensions': offer ?? undefined };
  const path = `/ws/chat/${room.id}?token=${user.token}${query}`;
  socket.write(handshake(`127.0.0.1:${stack.port}`, path, { headers }));
  const head = await socket.readHead();
  assert.equal(head.status, 101);
  socket.answer = head.headers['sec-websocket-extensions'];
  socket.deflate = socket.answer ? {} : false;
  // Nothing is read before the membership was checked: with the pong it hears the room.
  socket.write(frame(OP.ping));
  await socket.readUntil('the first pong', (next) => next.opcode === OP.pong);
  return socket;
}

// The frame that brings the text, as { compressed, payload }.
const frameWith = (socket, text) =>
  socket.readUntil(`"${text.slice(0, 20)}"`, ({ opcode, payload }) => {
    if (opcode !== OP.text) return false;
    const json = JSON.parse(payload.toString('utf8'));
    return json.type === 'new_message' && json.text === text;
  });

const say = (socket, text, compress = false) => {
  const json = JSON.stringify({ text });
  socket.write(compress ? frame(OP.text, deflated(json), { rsv: 4 }) : frame(OP.text, json));
};

async function expectClosed(socket, code) {
  assert.equal((await socket.readClose()).code, code);
  socket.write(frame(OP.close, closePayload(code)));
  await socket.readEnd();
}

async function counter(name) {
  const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  return Number(new RegExp(`^banter_${name} (\\d+)$`, 'm').exec(text)[1]);
}

describe('an independent client', () => {
  test('members with it, without it and with a small window hear the same', async () => {
    const { owner, room, members } = await makeRoom(api, 3);
    const users = [owner, ...members];
    const offers = [true, false, { serverMaxWindowBits: 9 }, { threshold: 0 }];
    const sockets = await Promise.all(
      offers.map((perMessageDeflate, i) =>
        Socket.open(stack.url, room.id, users[i].token, { perMessageDeflate }),
      ),
    );
    await Promise.all(sockets.map((socket) => socket.settle()));
    const extensions = sockets.map((socket) => socket.ws.extensions);
    assert.deepEqual(extensions, ['permessage-deflate', '', 'permessage-deflate', 'permessage-deflate']);
    const texts = ['short', long('long'), '💬'.repeat(3990), 'x'.repeat(3990), `ü${'\u0001'.repeat(900)}`];
    for (const [at, sender] of sockets.entries())
      for (const text of texts) sender.send({ text: `${at} ${text}` });
    for (const socket of sockets) {
      for (const at of sockets.keys())
        for (const text of texts)
          await socket.waitFor((f) => f.type === 'new_message' && f.text === `${at} ${text}`);
      await socket.settle();
      assert.equal(socket.messages.length, sockets.length * texts.length);
      await socket.end();
    }
  });

  test('what was missed comes compressed, too, and in its order', async () => {
    const { owner, room } = await makeRoom(api, 0);
    const sender = await Socket.open(stack.url, room.id, owner.token);
    const texts = Array.from({ length: 50 }, (_, i) => long(`missed ${i}`));
    for (const text of texts) sender.send({ text });
    await sender.waitFor((f) => f.type === 'new_message' && f.text === texts.at(-1));
    await sender.end();
    const socket = await Socket.open(stack.url, room.id, owner.token, { since: 0 });
    await socket.waitFor((f) => f.type === 'new_message' && f.text === texts.at(-1));
    assert.deepEqual(socket.messages.map((f) => f.text), texts);
    await socket.end();
  });
});

describe('on the wire', () => {
  test('long messages are compressed, short ones and control frames are not', async (t) => {
    const { owner, room } = await makeRoom(api, 0);
    const socket = await join(t, room, owner);
    assert.equal(socket.answer, ANSWER);
    say(socket, 'short');
    assert.equal((await frameWith(socket, 'short')).compressed, false);
    say(socket, long('long'));
    assert.equal((await frameWith(socket, long('long'))).compressed, true);
    socket.write(frame(OP.ping, 'a'.repeat(125)));
    const pong = await socket.readUntil('the pong', (next) => next.opcode === OP.pong);
    assert.equal(pong.compressed, false);
  });

  test('without the offer nothing is', async (t) => {
    const { owner, room } = await makeRoom(api, 0);
    const socket = await join(t, room, owner, null);
    assert.equal(socket.answer, undefined);
    say(socket, long('plain'));
    assert.equal((await frameWith(socket, long('plain'))).compressed, false);
  });

  test('a small window is kept to: what is longer comes as it is', async (t) => {
    const { owner, room } = await makeRoom(api, 0);
    const socket = await join(t, room, owner, 'permessage-deflate; server_max_window_bits=10');
    assert.equal(socket.answer, `${ANSWER}; server_max_window_bits=10`);
    socket.deflate = { windowBits: 10 };
    const fits = 'fits '.repeat(100);
    say(socket, fits);
    assert.equal((await frameWith(socket, fits)).compressed, true);
    say(socket, long('too long'));
    assert.equal((await frameWith(socket, long('too long'))).compressed, false);
  });

  test('many in one turn: each is a message of its own, compressed or not', async (t) => {
    const { owner, room, members } = await makeRoom(api, 2);
    const sockets = await Promise.all([
      join(t, room, owner), join(t, room, members[0]), join(t, room, members[1], null),
    ]);
    const texts = Array.from({ length: 60 }, (_, i) => (i % 3 === 0 ? `brief ${i}` : long(`turn ${i}`)));
    sockets[0].write(...texts.map((text) => frame(OP.text, deflated(JSON.stringify({ text })), { rsv: 4 })));
    for (const [i, socket] of sockets.entries())
      for (const text of texts)
        assert.equal((await frameWith(socket, text)).compressed, i < 2 && text.startsWith('turn'));
  });

  test('compressed once for all members, and the bytes that were saved are counted', async (t) => {
    const { owner, room, members } = await makeRoom(api, 4);
    const sockets = await Promise.all([owner, ...members].map((user) => join(t, room, user)));
    const made = await counter('ws_deflated_total');
    const saved = await counter('ws_deflate_saved_bytes_total');
    const received = await counter('ws_inflated_total');
    say(sockets[0], long('once'), true);
    let plain = 0;
    for (const socket of sockets) plain += (await frameWith(socket, long('once'))).payload.length;
    const bytes = async () => (await counter('ws_deflate_saved_bytes_total')) - saved;
    await poll('the turn to be counted', async () => (await bytes()) > 0);
    assert.equal((await counter('ws_deflated_total')) - made, 1);
    assert.equal((await counter('ws_inflated_total')) - received, 1);
    assert.ok((await bytes()) > plain / 2 && (await bytes()) < plain, `${await bytes()} of ${plain}`);
  });
});

describe('compressed messages from clients', () => {
  test('whole, in fragments around a ping, and beside those that are not', async (t) => {
    const { owner, room } = await makeRoom(api, 0);
    const socket = await join(t, room, owner);
    const bytes = deflated(JSON.stringify({ text: long('fragments') }));
    const [first, ...rest] = fragments(OP.text, bytes, [1, 0, 7]);
    say(socket, 'as it is');
    say(socket, 'compressed', true);
    first[0] |= 0x40;
    socket.write(first, frame(OP.ping, 'between'), ...rest);
    await frameWith(socket, 'as it is');
    await frameWith(socket, 'compressed');
    await frameWith(socket, long('fragments'));
  });

  const refused = {
    'RSV1 on a continuation': [1002, () => {
      const pieces = fragments(OP.text, deflated('{"text":"a"}'), [3]);
      for (const piece of pieces) piece[0] |= 0x40;
      return pieces;
    }],
    'RSV1 on a ping': [1002, () => [frame(OP.ping, '', { rsv: 4 })]],
    'what is not DEFLATE': [1007, () => [frame(OP.text, 'never compressed', { rsv: 4 })]],
    'half a stream': [1007, () => [frame(OP.text, deflated(long('x')).subarray(0, 60), { rsv: 4 })]],
    'what is not UTF-8': [1007, () => [frame(OP.text, deflated(Buffer.from('7b22ff', 'hex')), { rsv: 4 })]],
    'one byte too many': [1009, () => [frame(OP.text, deflated('x'.repeat(MESSAGE_BYTES_MAX + 1)), { rsv: 4 })]],
    'a bomb of 64 MB': [1009, () => [frame(OP.binary, deflated(Buffer.alloc(64 << 20)), { rsv: 4 })]],
    'a bomb in fragments': [1009, () => {
      const pieces = fragments(OP.text, deflated(Buffer.alloc(32 << 20, ' ')), [1000, 1000]);
      pieces[0][0] |= 0x40;
      return pieces;
    }],
  };
  for (const [name, [code, make]] of Object.entries(refused))
    test(`${name}: ${code}`, async (t) => {
      const { owner, room } = await makeRoom(api, 0);
      const socket = await join(t, room, owner);
      socket.write(...make());
      await expectClosed(socket, code);
    });

  test('RSV1 without the extension: 1002', async (t) => {
    const { owner, room } = await makeRoom(api, 0);
    const socket = await join(t, room, owner, null);
    say(socket, 'not agreed', true);
    await expectClosed(socket, 1002);
  });

  test('bombs take no memory, and others do not notice', async (t) => {
    const { owner, room, members } = await makeRoom(api, 1);
    const witness = await join(t, room, members[0]);
    const bomb = frame(OP.text, deflated(Buffer.alloc(16 << 20, ' ')), { rsv: 4 });
    const resident = () => Math.max(...stack.workers().map(residentBytes));
    const before = resident();
    for (let round = 0; round < 20; round += 1) {
      const sockets = await Promise.all(Array.from({ length: 10 }, () => join(t, room, owner)));
      for (const socket of sockets) socket.write(bomb);
      for (const socket of sockets) await expectClosed(socket, 1009);
    }
    const grown = resident() - before;
    say(witness, 'still here', true);
    await frameWith(witness, 'still here');
    assert.ok(grown < 16 << 20, `${grown} bytes more for 200 bombs of 16 MB each`);
  });
});

test('BANTER_DEFLATE_MIN_BYTES=0: never agreed', async () => {
  await withStack({ workers: 1, env: { deflate_min_bytes: 0 } }, async (other) => {
    const { owner, room } = await makeRoom(new Api(other.url), 0);
    const socket = await Socket.open(other.url, room.id, owner.token, { perMessageDeflate: true });
    assert.equal(socket.ws.extensions, '');
    socket.send({ text: long('plain') });
    await socket.waitFor((f) => f.type === 'new_message' && f.text === long('plain'));
    await socket.end();
  });
});
