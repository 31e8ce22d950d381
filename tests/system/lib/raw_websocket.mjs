// A WebSocket client that can do everything wrong: raw frames over a plain socket (RFC 6455).
//
// It checks by itself what every frame of a server must keep to (5.1, 5.2): no mask, no reserved
// bit (but RSV1 on a whole message once socket.deflate is set: RFC 7692), the shortest length,
// control frames short and whole.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import net from 'node:net';
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';

import { within } from './wait.mjs';

export const OP = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };

const CONTROL_MAX = 125;

export function acceptFor(key) {
  return createHash('sha1')
    .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
}

// The bytes of one frame. Options make it unlawful: mask: false, rsv: 1..7 (as a 3-bit number),
// lengthBytes: 2 or 8 (whatever the length is), announce: a length that is not the payload's.
export function frame(opcode, payload = '', options = {}) {
  const body = Buffer.from(payload);
  const { fin = true, rsv = 0, mask = true } = options;
  const length = BigInt(options.announce ?? body.length);
  const extra = options.lengthBytes ?? (length < 126n ? 0 : length < 65536n ? 2 : 8);
  const short = extra === 0 ? Number(length) : extra === 2 ? 126 : 127;
  const head = Buffer.alloc(2 + extra);
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  head[1] = (mask ? 0x80 : 0) | short;
  if (extra === 2) head.writeUInt16BE(Number(length), 2);
  if (extra === 8) head.writeBigUInt64BE(length, 2);
  if (!mask) return Buffer.concat([head, body]);
  const key = options.key ?? randomBytes(4);
  return Buffer.concat([head, key, body.map((byte, at) => byte ^ key[at % 4])]);
}

// The payload in pieces of the lengths that are given (the rest is the last), one frame each.
export function fragments(opcode, payload, lengths) {
  const body = Buffer.from(payload);
  const out = [];
  let at = 0;
  for (const length of [...lengths, body.length]) {
    const piece = body.subarray(at, at + length);
    at += piece.length;
    const last = out.length === lengths.length;
    out.push(frame(out.length === 0 ? opcode : OP.continuation, piece, { fin: last }));
  }
  return out;
}

// A payload as RFC 7692, 7.2.1 compresses it: what a sync flush makes, without its tail.
const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff]);
export function deflated(payload, options = {}) {
  const finishFlush = constants.Z_SYNC_FLUSH;
  const bytes = deflateRawSync(Buffer.from(payload), { finishFlush, ...options });
  assert.deepEqual(bytes.subarray(-4), TAIL);
  return bytes.subarray(0, -4);
}

// What it stands for; windowBits as agreed.
export function inflated(payload, options = {}) {
  const finishFlush = constants.Z_SYNC_FLUSH;
  return inflateRawSync(Buffer.concat([payload, TAIL]), { finishFlush, ...options });
}

export function closePayload(code, reason = '') {
  const head = Buffer.alloc(2);
  head.writeUInt16BE(code);
  return Buffer.concat([head, Buffer.from(reason)]);
}

// The lines of a lawful opening handshake; change, add (an array repeats the header) or leave out
// (undefined) headers by name.
export function handshake(host, path, changes = {}) {
  const { method = 'GET', version = 'HTTP/1.1', headers = {} } = changes;
  const lines = {
    Host: host,
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version': '13',
    ...headers,
  };
  const text = Object.entries(lines)
    .filter(([, value]) => value !== undefined)
    .flatMap(([name, value]) => [value].flat().map((one) => `${name}: ${one}\r\n`));
  return `${method} ${path} ${version}\r\n${text.join('')}\r\n`;
}

export class RawSocket {
  constructor(socket) {
    this.socket = socket;
    this.received = Buffer.alloc(0);
    this.ended = false; // the server sent FIN or RST
    this.deflate = false; // permessage-deflate was agreed; { windowBits } if that, too
    this.waiters = [];
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      this.received = Buffer.concat([this.received, chunk]);
      this.#wake();
    });
    const end = () => {
      this.ended = true;
      this.#wake();
    };
    socket.on('end', end);
    socket.on('close', end);
    socket.on('error', end); // a reset after the close frame is no failure of ours
  }

  static async connect(host, port) {
    // Half open: the tests decide when our side ends.
    const socket = net.connect({ host, port, allowHalfOpen: true });
    await within(
      'a TCP connection',
      new Promise((resolve, reject) => {
        socket.once('connect', resolve);
        socket.once('error', reject);
      }),
    );
    return new RawSocket(socket);
  }

  #wake() {
    for (const wake of this.waiters.splice(0)) wake();
  }

  // Waits until check() gives something other than undefined.
  async #until(what, check) {
    const wait = async () => {
      for (;;) {
        const value = check();
        if (value !== undefined) return value;
        await new Promise((resolve) => this.waiters.push(resolve));
      }
    };
    return within(what, wait());
  }

  write(...chunks) {
    this.socket.write(Buffer.concat(chunks.map((chunk) => Buffer.from(chunk))));
  }

  // Each byte in a segment of its own, as far as TCP lets us say so.
  async writeByBytes(bytes) {
    for (const byte of bytes) {
      this.socket.write(Buffer.from([byte]));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  destroy() {
    this.socket.destroy();
  }

  // The head of a response: { status, headers } with names in lower case.
  async readHead() {
    const text = await this.#until('the head of a response', () => {
      const at = this.received.indexOf('\r\n\r\n');
      if (at < 0 && this.ended) return '';
      if (at < 0) return undefined;
      const head = this.received.subarray(0, at).toString('latin1');
      this.received = this.received.subarray(at + 4);
      return head;
    });
    const [statusLine, ...lines] = text.split('\r\n');
    const headers = {};
    for (const line of lines) {
      const colon = line.indexOf(':');
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    return { status: Number(statusLine.split(' ')[1]), headers };
  }

  #takeFrame() {
    const bytes = this.received;
    if (bytes.length < 2) return undefined;
    const short = bytes[1] & 0x7f;
    const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
    if (bytes.length < 2 + extra) return undefined;
    let length = short;
    if (extra === 2) length = bytes.readUInt16BE(2);
    if (extra === 8) length = Number(bytes.readBigUInt64BE(2));
    if (bytes.length < 2 + extra + length) return undefined;
    const fin = (bytes[0] & 0x80) !== 0;
    const opcode = bytes[0] & 0x0f;
    const compressed = (bytes[0] & 0x70) === 0x40 && this.deflate && (opcode === OP.text || opcode === OP.binary);
    assert.ok((bytes[0] & 0x70) === 0 || compressed, 'a server sets no reserved bit');
    assert.equal(bytes[1] & 0x80, 0, 'a server does not mask');
    assert.ok(extra !== 2 || length > 125, 'a length is in its shortest form');
    assert.ok(extra !== 8 || length > 65535, 'a length is in its shortest form');
    assert.ok(opcode < 8 || (fin && length <= CONTROL_MAX), 'a control frame is short and whole');
    this.received = bytes.subarray(2 + extra + length);
    const sent = Buffer.from(bytes.subarray(2 + extra, 2 + extra + length));
    const payload = compressed ? inflated(sent, this.deflate) : sent;
    if (compressed) assert.ok(sent.length < payload.length, 'what is compressed is shorter');
    return { fin, opcode, payload, compressed };
  }

  // The next frame; null when the connection ended instead.
  async readFrame() {
    return this.#until('a frame', () => this.#takeFrame() ?? (this.ended ? null : undefined));
  }

  // Frames until one satisfies match; fails at a close frame or the end, unless that is the match.
  async readUntil(what, match) {
    for (;;) {
      const next = await this.readFrame();
      if (next === null) assert.fail(`the connection ended before ${what}`);
      if (match(next)) return next;
      if (next.opcode === OP.close) {
        const code = next.payload.length >= 2 ? next.payload.readUInt16BE(0) : 'no code';
        assert.fail(`closed (${code} ${next.payload.subarray(2)}) before ${what}`);
      }
    }
  }

  async readJson(what, match) {
    let found;
    await this.readUntil(what, (next) => {
      if (next.opcode !== OP.text) return false;
      found = JSON.parse(next.payload.toString('utf8'));
      return match(found);
    });
    return found;
  }

  // The close frame, as { code, reason }; code 1005 when it has none.
  async readClose() {
    const { payload } = await this.readUntil('a close frame', (next) => next.opcode === OP.close);
    if (payload.length === 0) return { code: 1005, reason: '' };
    assert.ok(payload.length >= 2, 'a close frame has no code of one byte');
    const reason = new TextDecoder('utf8', { fatal: true }).decode(payload.subarray(2));
    return { code: payload.readUInt16BE(0), reason };
  }

  // The end of the connection, with nothing more before it.
  async readEnd() {
    await this.#until('the end of the connection', () => (this.ended ? true : undefined));
    assert.equal(this.received.length, 0, `nothing follows: ${this.received.toString('hex')}`);
  }
}
