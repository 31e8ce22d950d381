// RFC 6455 at a room's socket, by raw frames: whatever the split, lawful input works and unlawful
// input ends with the right close code. The sockets are a room's (not an echo): a text with a
// message comes back as new_message, a text without one gets an error frame.
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import {
  OP,
  RawSocket,
  acceptFor,
  closePayload,
  fragments,
  frame,
  handshake,
} from './lib/raw_websocket.mjs';
import { metric } from './lib/bus_keys.mjs';
import { freePort } from './lib/ports.mjs';
import { startStack } from './lib/stack.mjs';

const MESSAGE_BYTES_MAX = 64 * 1024;
const FRAGMENTS_MAX = 128;

const admin = await freePort();
let stack;
let token;
let room;
const open = new Set();

async function call(method, path, body) {
  const answer = await fetch(`${stack.url}${path}`, {
    method,
    headers: {
      'content-type': 'application/json',
      ...(token ? { authorization: `Bearer ${token}` } : {}),
    },
    body: JSON.stringify(body),
  });
  assert.equal(answer.status, 200, `${method} ${path}`);
  return answer.json();
}

before(async () => {
  stack = await startStack({ gatewayEnv: { admin_listen: `127.0.0.1:${admin}` } });
  const account = { username: 'raw', email: 'raw@example.com', password: 'correct horse' };
  await call('POST', '/api/register', account);
  token = (await call('POST', '/api/login', account)).data.access_token;
  room = (await call('POST', '/api/chat/rooms', { name: 'frames' })).id;
});

after(async () => {
  for (const socket of open) socket.destroy();
  await stack?.stop();
});

const path = (query = `token=${token}`) => `/ws/chat/${room}?${query}`;

async function connect() {
  const socket = await RawSocket.connect('127.0.0.1', stack.port);
  open.add(socket);
  return socket;
}

// A socket whose handshake is done.
async function join(t) {
  const socket = await connect();
  t?.after(() => socket.destroy());
  socket.write(handshake(`127.0.0.1:${stack.port}`, path()));
  assert.equal((await socket.readHead()).status, 101);
  return socket;
}

// The socket still works: a ping is answered, and what was sent before it did not close anything.
async function expectAlive(socket) {
  const payload = randomBytes(8);
  socket.write(frame(OP.ping, payload));
  await socket.readUntil(
    'the pong',
    (next) => next.opcode === OP.pong && next.payload.equals(payload),
  );
}

const message = (text) => JSON.stringify({ text, client_id: randomUUID() });

async function expectMessage(socket, text) {
  await socket.readJson('the message', (json) => json.type === 'new_message' && json.text === text);
}

// The whole ending after a violation: our close frame's answer is not needed, the server ends.
async function expectClosed(socket, code) {
  assert.equal((await socket.readClose()).code, code);
  socket.write(frame(OP.close, closePayload(code)));
  await socket.readEnd();
}

// One connection for each case, as a test of its own.
function refused(name, code, chunks) {
  test(name, async (t) => {
    const socket = await join(t);
    socket.write(...chunks());
    await expectClosed(socket, code);
  });
}

describe('opening handshake', () => {
  // What the server says to a handshake that differs from a lawful one.
  async function answerTo(t, changes, target = path()) {
    const socket = await connect();
    t.after(() => socket.destroy());
    socket.write(handshake(`127.0.0.1:${stack.port}`, target, changes));
    return { socket, ...(await socket.readHead()) };
  }

  test('is answered as RFC 6455, 4.2.2 says', async (t) => {
    const key = randomBytes(16).toString('base64');
    const { status, headers } = await answerTo(t, { headers: { 'Sec-WebSocket-Key': key } });
    assert.equal(status, 101);
    assert.equal(headers.upgrade.toLowerCase(), 'websocket');
    assert.equal(headers.connection.toLowerCase(), 'upgrade');
    assert.equal(headers['sec-websocket-accept'], acceptFor(key));
  });

  const accepted = {
    'tokens in any case': { Upgrade: 'WebSocket', Connection: 'uPGRADE' },
    'tokens in lists': { Upgrade: 'h2c, websocket', Connection: 'keep-alive, Upgrade' },
    'spaces around values': { 'Sec-WebSocket-Version': '  13 ', Upgrade: '  websocket ' },
    'a repeated Connection': { Connection: ['keep-alive', 'Upgrade'] },
  };
  for (const [name, headers] of Object.entries(accepted)) {
    test(`accepts ${name}`, async (t) => {
      const { status, socket } = await answerTo(t, { headers });
      assert.equal(status, 101);
      await expectAlive(socket);
    });
  }

  const refusedHeaders = {
    'no Upgrade': [426, { Upgrade: undefined }],
    'another Upgrade': [426, { Upgrade: 'h2c' }],
    'an old version': [426, { 'Sec-WebSocket-Version': '8' }],
    'no Connection: Upgrade': [400, { Connection: 'keep-alive' }],
    'no version': [400, { 'Sec-WebSocket-Version': undefined }],
    'no key': [400, { 'Sec-WebSocket-Key': undefined }],
    'an empty key': [400, { 'Sec-WebSocket-Key': '' }],
    'a short key': [400, { 'Sec-WebSocket-Key': 'c2hvcnQ=' }],
    'a long key': [400, { 'Sec-WebSocket-Key': randomBytes(17).toString('base64') }],
    'a key that is not base64': [400, { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25j!Q==' }],
    'two keys': [
      400,
      { 'Sec-WebSocket-Key': ['dGhlIHNhbXBsZSBub25jZQ==', 'AAAAAAAAAAAAAAAAAAAAAA=='] },
    ],
    'no Host': [400, { Host: undefined }],
  };
  for (const [name, [expected, changes]] of Object.entries(refusedHeaders)) {
    test(`refuses ${name} with ${expected}`, async (t) => {
      const { status, headers } = await answerTo(t, { headers: changes });
      assert.equal(status, expected);
      if (expected === 426) assert.equal(headers['sec-websocket-version'], '13');
    });
  }

  test('refuses HTTP/1.0', async (t) => {
    const { status } = await answerTo(t, { version: 'HTTP/1.0' });
    assert.equal(status, 400);
  });

  test('refuses a POST with 405', async (t) => {
    const { status, headers } = await answerTo(t, {
      method: 'POST',
      headers: { 'Content-Length': '0' },
    });
    assert.equal(status, 405);
    assert.match(headers.allow, /\bGET\b/);
  });

  test('accepts no extension and no subprotocol that it does not know', async (t) => {
    const { status, headers, socket } = await answerTo(t, {
      headers: {
        'Sec-WebSocket-Extensions': 'x-webkit-deflate-frame, permessage-bzip2; level=9',
        'Sec-WebSocket-Protocol': 'unknown',
      },
    });
    assert.equal(status, 101);
    assert.equal(headers['sec-websocket-extensions'], undefined);
    assert.equal(headers['sec-websocket-protocol'], undefined);
    socket.write(frame(OP.text, message('not compressed'), { rsv: 4 }));
    await expectClosed(socket, 1002);
  });

  test('closes 1008 for a wrong token, after the handshake', async (t) => {
    for (const query of ['token=00', `token=${'0'.repeat(64)}`, 'token=']) {
      const { status, socket } = await answerTo(t, {}, path(query));
      assert.equal(status, 101);
      const close = await socket.readClose();
      assert.deepEqual(close, { code: 1008, reason: 'Invalid token' });
      socket.write(frame(OP.close, closePayload(1008)));
      await socket.readEnd();
    }
  });

  test('closes 1008 for a room that is not there', async (t) => {
    const { status, socket } = await answerTo(t, {}, `/ws/chat/999999?token=${token}`);
    assert.equal(status, 101);
    assert.deepEqual(await socket.readClose(), { code: 1008, reason: 'Room not found' });
  });

  test('may come byte by byte', async (t) => {
    const socket = await connect();
    t.after(() => socket.destroy());
    await socket.writeByBytes(Buffer.from(handshake('localhost', path())));
    assert.equal((await socket.readHead()).status, 101);
    await expectAlive(socket);
  });

  test('may come in one segment with frames', async (t) => {
    const socket = await connect();
    t.after(() => socket.destroy());
    const text = randomUUID();
    const rest = frame(OP.text, message(text));
    socket.write(handshake('localhost', path()), frame(OP.ping, 'early'), rest.subarray(0, 9));
    assert.equal((await socket.readHead()).status, 101);
    await socket.readUntil('the early pong', (next) => next.opcode === OP.pong);
    socket.write(rest.subarray(9));
    await expectMessage(socket, text);
  });
});

describe('messages', () => {
  test('a text comes back as new_message', async (t) => {
    const socket = await join(t);
    const text = randomUUID();
    socket.write(frame(OP.text, message(text)));
    await expectMessage(socket, text);
  });

  test('any masking key', async (t) => {
    const socket = await join(t);
    for (const key of ['00000000', 'ffffffff', '01020304', '80000000', '7b7b7b7b']) {
      const text = `key ${key}`;
      socket.write(frame(OP.text, message(text), { key: Buffer.from(key, 'hex') }));
      await expectMessage(socket, text);
    }
  });

  test('each form of the length', async (t) => {
    const socket = await join(t);
    for (const size of [125, 126, 127, 128, 65535, MESSAGE_BYTES_MAX]) {
      const text = `length ${size}`;
      const bare = message(text);
      // A field that nobody reads makes the frame as long as it has to be.
      const padding = size - bare.length - ',"x":""'.length;
      const padded = `${bare.slice(0, -1)},"x":"${'x'.repeat(padding)}"}`;
      assert.equal(padded.length, size);
      socket.write(frame(OP.text, padded));
      await expectMessage(socket, text);
    }
  });

  test('many in one segment', async (t) => {
    const socket = await join(t);
    const texts = Array.from({ length: 50 }, (_, i) => `${i} ${randomUUID()}`);
    socket.write(...texts.map((text) => frame(OP.text, message(text))));
    for (const text of texts) await expectMessage(socket, text);
  });

  test('byte by byte', async (t) => {
    const socket = await join(t);
    const text = `grüße 💬 ${randomUUID()}`;
    await socket.writeByBytes(frame(OP.text, message(text)));
    await expectMessage(socket, text);
  });

  test('cut at every byte', async (t) => {
    const socket = await join(t);
    const text = randomUUID();
    const bytes = Buffer.concat([
      ...fragments(OP.text, message(text), [4]),
      frame(OP.ping, 'between'),
    ]);
    for (let cut = 1; cut < bytes.length; cut += 1) {
      socket.write(bytes.subarray(0, cut));
      await new Promise((resolve) => setImmediate(resolve));
      socket.write(bytes.subarray(cut));
      await socket.readUntil('the pong', (next) => next.opcode === OP.pong);
    }
  });

  test('texts that say nothing usable get an error frame, and the socket stays', async (t) => {
    const socket = await join(t);
    for (const payload of ['', '{', '[]', '"text"', 'null', '{"text":1}', '{"text":"a"', 'plain']) {
      socket.write(frame(OP.text, payload));
      const error = await socket.readJson('an error', (json) => json.type === 'error');
      assert.equal(typeof error.code, 'string');
      assert.equal(typeof error.message, 'string');
    }
    await expectAlive(socket);
  });

  test('a binary message gets an error frame, and the socket stays', async (t) => {
    const socket = await join(t);
    for (const payload of ['', '{"text":"binary"}', Buffer.from([0xff, 0xfe])]) {
      socket.write(frame(OP.binary, payload));
      await socket.readJson('an error', (json) => json.type === 'error');
    }
    await expectAlive(socket);
  });
});

describe('fragmentation', () => {
  const splits = {
    'two fragments': [10],
    'an empty first fragment': [0],
    'empty fragments in between': [3, 0, 0, 4],
    'one byte each': Array(40).fill(1),
    'as many fragments as may be': Array(FRAGMENTS_MAX - 1).fill(1),
    'an empty last fragment': [10_000],
  };
  for (const [name, lengths] of Object.entries(splits)) {
    test(name, async (t) => {
      const socket = await join(t);
      const text = `${name}: ${'ä€💬'.repeat(20)} ${randomUUID()}`;
      socket.write(...fragments(OP.text, message(text), lengths));
      await expectMessage(socket, text);
    });
  }

  test('control frames between fragments are answered at once', async (t) => {
    const socket = await join(t);
    const text = `between ${randomUUID()}`;
    const [first, second, third] = fragments(OP.text, message(text), [5, 5]);
    socket.write(first, frame(OP.ping, 'one'));
    await socket.readUntil('a pong', (next) => next.payload.toString() === 'one');
    socket.write(second, frame(OP.pong, 'unasked'), frame(OP.ping, 'two'));
    await socket.readUntil('a pong', (next) => next.payload.toString() === 'two');
    socket.write(third);
    await expectMessage(socket, text);
  });

  refused('a continuation of nothing', 1002, () => [frame(OP.continuation, 'x')]);
  refused('an unfinished continuation of nothing', 1002, () => [
    frame(OP.continuation, 'x', { fin: false }),
  ]);
  refused('a continuation after a whole message', 1002, () => [
    frame(OP.text, message('whole')),
    frame(OP.continuation, 'x'),
  ]);
  refused('a new text inside a message', 1002, () => [
    frame(OP.text, '{', { fin: false }),
    frame(OP.text, '}'),
  ]);
  refused('a new binary inside a message', 1002, () => [
    frame(OP.text, '{', { fin: false }),
    frame(OP.binary, '}', { fin: false }),
  ]);
  refused('one fragment too many', 1008, () =>
    fragments(OP.text, 'x'.repeat(1000), Array(FRAGMENTS_MAX).fill(1)),
  );
  refused('empty fragments without end', 1008, () => [
    frame(OP.text, '', { fin: false }),
    ...Array.from({ length: FRAGMENTS_MAX }, () => frame(OP.continuation, '', { fin: false })),
  ]);
});

describe('control frames', () => {
  for (const size of [0, 1, 124, 125]) {
    test(`a ping of ${size} bytes gets the same in its pong`, async (t) => {
      const socket = await join(t);
      const payload = randomBytes(size);
      socket.write(frame(OP.ping, payload));
      const pong = await socket.readUntil('the pong', (next) => next.opcode === OP.pong);
      assert.deepEqual(pong.payload, payload);
    });
  }

  test('a ping byte by byte', async (t) => {
    const socket = await join(t);
    await socket.writeByBytes(frame(OP.ping, 'slow'));
    const pong = await socket.readUntil('the pong', (next) => next.opcode === OP.pong);
    assert.equal(pong.payload.toString(), 'slow');
  });

  test('pings in one segment: pongs in their order, the last one surely', async (t) => {
    const socket = await join(t);
    socket.write(...Array.from({ length: 100 }, (_, i) => frame(OP.ping, String(i))));
    for (let last = -1; last < 99; ) {
      const pong = await socket.readUntil('a pong', (next) => next.opcode === OP.pong);
      assert.ok(Number(pong.payload) > last);
      last = Number(pong.payload);
    }
  });

  test('a pong that nobody asked for is ignored', async (t) => {
    const socket = await join(t);
    socket.write(frame(OP.pong), frame(OP.pong, randomBytes(125)));
    await expectAlive(socket);
  });

  for (const [name, opcode] of Object.entries({ close: OP.close, ping: OP.ping, pong: OP.pong })) {
    refused(`a fragmented ${name}`, 1002, () => [frame(opcode, '', { fin: false })]);
    refused(`a ${name} of 126 bytes`, 1002, () => [frame(opcode, 'x'.repeat(126))]);
  }
});

describe('headers of frames', () => {
  for (let rsv = 1; rsv < 8; rsv += 1) {
    refused(`reserved bits ${rsv} on a text`, 1002, () => [frame(OP.text, 'x', { rsv })]);
  }
  refused('a reserved bit on a ping', 1002, () => [frame(OP.ping, '', { rsv: 1 })]);
  refused('a reserved bit on a continuation', 1002, () => [
    frame(OP.text, 'x', { fin: false }),
    frame(OP.continuation, 'x', { rsv: 4 }),
  ]);
  for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
    refused(`reserved opcode ${opcode}`, 1002, () => [frame(opcode, 'x')]);
  }
  refused('a text without a mask', 1002, () => [frame(OP.text, message('x'), { mask: false })]);
  refused('a ping without a mask', 1002, () => [frame(OP.ping, '', { mask: false })]);
  refused('a length in 16 bits that fits in 7', 1002, () => [
    frame(OP.text, 'x'.repeat(125), { lengthBytes: 2 }),
  ]);
  refused('a length in 64 bits that fits in 16', 1002, () => [
    frame(OP.text, 'x'.repeat(300), { lengthBytes: 8 }),
  ]);
  refused('a length with the highest bit', 1002, () => [
    frame(OP.text, '', { lengthBytes: 8, announce: 1n << 63n }),
  ]);
  refused('nothing is taken after a violation', 1002, () => [
    frame(3, ''),
    frame(OP.text, message('too late')),
    frame(OP.ping, 'too late'),
  ]);
});

describe('sizes', () => {
  test('what breaks the protocol or a bound is counted', async (t) => {
    const before = await metric(admin, 'ws_protocol_errors_total');
    const socket = await join(t);
    socket.write(frame(OP.text, 'x'.repeat(MESSAGE_BYTES_MAX + 1)));
    await expectClosed(socket, 1009);
    assert.equal(await metric(admin, 'ws_protocol_errors_total'), before + 1);
  });
  refused('a frame above the bound', 1009, () => [
    frame(OP.text, 'x'.repeat(MESSAGE_BYTES_MAX + 1)),
  ]);
  refused('a binary above the bound', 1009, () => [
    frame(OP.binary, Buffer.alloc(MESSAGE_BYTES_MAX + 1)),
  ]);
  refused('fragments that sum up above the bound', 1009, () =>
    fragments(OP.text, 'x'.repeat(MESSAGE_BYTES_MAX + 1), [MESSAGE_BYTES_MAX / 2]),
  );
  for (const announce of [BigInt(MESSAGE_BYTES_MAX + 1), 1n << 32n, (1n << 63n) - 1n]) {
    refused(`${announce} bytes that are only announced`, 1009, () => [
      frame(OP.text, '', { announce }),
    ]);
  }
});

describe('closing', () => {
  // Sends a close frame and gives the payload of the server's; the server ends the connection.
  async function closeWith(t, payload) {
    const socket = await join(t);
    socket.write(frame(OP.close, payload));
    const close = await socket.readClose();
    await socket.readEnd();
    return close;
  }

  test('an empty close is answered', async (t) => {
    assert.ok([1000, 1005].includes((await closeWith(t, '')).code));
  });

  const lawful = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
  for (const code of [...lawful, 3000, 3999, 4000, 4999]) {
    test(`code ${code} is answered with itself`, async (t) => {
      assert.equal((await closeWith(t, closePayload(code, 'bye'))).code, code);
    });
  }
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]) {
    test(`code ${code} is refused`, async (t) => {
      assert.equal((await closeWith(t, closePayload(code))).code, 1002);
    });
  }

  test('the longest reason', async (t) => {
    assert.equal((await closeWith(t, closePayload(1000, 'é'.repeat(61)))).code, 1000);
  });
  test('a payload of one byte', async (t) => {
    assert.equal((await closeWith(t, Buffer.from([3]))).code, 1002);
  });
  test('a reason that is not UTF-8', async (t) => {
    const payload = Buffer.concat([closePayload(1000), Buffer.from([0xce, 0xba, 0xed, 0xa0])]);
    assert.equal((await closeWith(t, payload)).code, 1007);
  });

  test('byte by byte', async (t) => {
    const socket = await join(t);
    await socket.writeByBytes(frame(OP.close, closePayload(1000, 'slowly')));
    assert.equal((await socket.readClose()).code, 1000);
    await socket.readEnd();
  });

  test('in the middle of a message', async (t) => {
    const socket = await join(t);
    socket.write(frame(OP.text, '{', { fin: false }), frame(OP.close, closePayload(1001)));
    assert.equal((await socket.readClose()).code, 1001);
    await socket.readEnd();
  });

  test('what follows a close frame is ignored', async (t) => {
    const socket = await join(t);
    const text = `after close ${randomUUID()}`;
    socket.write(
      frame(OP.close, closePayload(1000)),
      frame(OP.ping, 'late'),
      frame(OP.text, message(text)),
      frame(3, ''),
    );
    assert.equal((await socket.readClose()).code, 1000);
    await socket.readEnd();
    const messages = await fetch(`${stack.url}/api/chat/rooms/${room}/messages?limit=500`, {
      headers: { authorization: `Bearer ${token}` },
    }).then((answer) => answer.json());
    assert.ok(!messages.some((one) => one.text === text));
  });

  test('a client that just goes away harms nobody', async (t) => {
    for (const bytes of ['', frame(OP.text, 'half').subarray(0, 7), Buffer.from([0x81])]) {
      const socket = await join(t);
      socket.write(bytes);
      socket.destroy();
    }
    await expectAlive(await join(t));
  });
});

describe('UTF-8', () => {
  const valid = {
    ASCII: ['\x7f plain'],
    'two bytes': ['\u0080', '\u07ff', 'ä'],
    'three bytes': ['\u0800', '\ud7ff', '\ue000', '\ufffd', '\uffff', '€'],
    'four bytes': ['\u{10000}', '\u{1fffe}', '\u{10ffff}', '💬'],
    mixed: ['κόσμε', 'a\u0301', '👩‍👩‍👧', 'אב', '\ufeffbom'],
  };
  const invalid = {
    'a lone continuation': ['80', 'bf', '6180'],
    'a lead without its continuations': ['c2', 'e282', 'f09f92', 'c261', 'e28261', 'f09f9261'],
    'bytes that are never used': ['c0', 'c1', 'f5', 'f8', 'fc', 'fe', 'ff'],
    'overlong forms': ['c080', 'c1bf', 'e08080', 'e09fbf', 'f0808080', 'f08fbfbf'],
    surrogates: ['eda080', 'edadbf', 'edbfbf', 'eda080edb080'],
    'above U+10FFFF': ['f4908080', 'f5808080', 'f7bfbfbf'],
  };
  const forms = {
    'in one frame': (bytes) => [frame(OP.text, bytes)],
    'in two frames, cut inside': (bytes) =>
      fragments(OP.text, bytes, [bytes.length - (bytes.length > 12 ? 12 : 1)]),
    'in a frame for each byte': (bytes) =>
      fragments(OP.text, bytes, Array(Math.min(bytes.length - 1, FRAGMENTS_MAX - 1)).fill(1)),
  };

  for (const [form, make] of Object.entries(forms)) {
    for (const [name, texts] of Object.entries(valid)) {
      test(`${name} ${form}`, async (t) => {
        const socket = await join(t);
        for (const text of texts) {
          // Unmarked, so that the frame for each byte reaches to the end of the text.
          socket.write(...make(Buffer.from(JSON.stringify({ text: `${text}.` }))));
          await expectMessage(socket, `${text}.`);
        }
      });
    }
    for (const [name, samples] of Object.entries(invalid)) {
      test(`${name} ${form} is refused`, async (t) => {
        for (const hex of samples) {
          const socket = await join(t);
          const bytes = Buffer.concat([Buffer.from('{"text":"'), Buffer.from(hex, 'hex')]);
          socket.write(...make(bytes));
          await expectClosed(socket, 1007);
        }
      });
    }
  }

  test('a wrong byte is refused before its message is whole', async (t) => {
    const socket = await join(t);
    socket.write(frame(OP.text, Buffer.from('f490', 'hex'), { fin: false }));
    await expectClosed(socket, 1007);
  });

  test('a wrong byte is refused before its frame is whole', async (t) => {
    const socket = await join(t);
    socket.write(frame(OP.text, Buffer.from('eda0616161', 'hex')).subarray(0, 8));
    await expectClosed(socket, 1007);
  });

  test('a binary message may hold anything', async (t) => {
    const socket = await join(t);
    socket.write(frame(OP.binary, Buffer.from('ff80c0', 'hex')));
    await socket.readJson('an error', (json) => json.type === 'error');
  });
});
