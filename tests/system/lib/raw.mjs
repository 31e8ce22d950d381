// Bytes on a TCP connection: for what no well-behaved client sends. HTTP answers and WebSocket
// frames are read here by code of our own, so that no library smooths anything over.
import { createHash, randomBytes } from 'node:crypto';
import net from 'node:net';
import { deadlineMs } from './env.mjs';
import { delay } from './wait.mjs';

export class RawConnection {
  constructor(socket) {
    this.socket = socket;
    this.buffer = Buffer.alloc(0); // what has come and was not read yet
    this.received = 0;
    this.ended = false; // the server has sent FIN
    this.error = null; // ECONNRESET and such
    this.waiters = new Set();
    socket.setNoDelay(true);
    socket.on('data', (data) => {
      this.buffer = Buffer.concat([this.buffer, data]);
      this.received += data.length;
      this.wake();
    });
    socket.on('end', () => {
      this.ended = true;
      this.wake();
    });
    socket.on('error', (error) => {
      this.error = error;
      this.ended = true;
      this.wake();
    });
    socket.on('close', () => {
      this.ended = true;
      this.wake();
    });
  }

  // target: a port, or a stack, or a URL.
  static open(target) {
    const port = portOf(target);
    return new Promise((resolve, reject) => {
      const socket = net.connect({ port, host: target.hostname ?? '127.0.0.1', allowHalfOpen: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.removeListener('error', reject);
        resolve(new RawConnection(socket));
      });
    });
  }

  get localPort() {
    return this.socket.localPort;
  }

  wake() {
    for (const waiter of [...this.waiters]) waiter();
  }

  write(data) {
    if (!this.socket.destroyed) this.socket.write(data);
  }

  // In pieces of `size` bytes, each in a segment of its own, as a slow network would.
  async writePieces(data, size = 1, pauseMs = 1) {
    const bytes = Buffer.from(data);
    for (let at = 0; at < bytes.length; at += size) {
      if (this.ended) return;
      this.write(bytes.subarray(at, at + size));
      await delay(pauseMs);
    }
  }

  // Half-close: no more from us.
  finish() {
    this.socket.end();
  }

  destroy() {
    this.socket.destroy();
  }

  // Waits until look() returns something else than undefined.
  async until(what, look, timeoutMs = 10_000) {
    const value = look();
    if (value !== undefined) return value;
    return new Promise((resolve, reject) => {
      const done = (end, result) => {
        clearTimeout(timer);
        this.waiters.delete(waiter);
        end(result);
      };
      const waiter = () => {
        let result;
        try {
          result = look();
        } catch (error) {
          done(reject, error);
          return;
        }
        if (result !== undefined) done(resolve, result);
        else if (this.ended) {
          done(reject, new Error(`the connection ended before ${what}; unread: ${preview(this.buffer)}`));
        }
      };
      const timer = setTimeout(
        () => done(reject, new Error(`waited in vain for ${what}; unread: ${preview(this.buffer)}`)),
        deadlineMs(timeoutMs),
      );
      this.waiters.add(waiter);
      waiter();
    });
  }

  take(count) {
    const bytes = this.buffer.subarray(0, count);
    this.buffer = this.buffer.subarray(count);
    return bytes;
  }

  read(count, timeoutMs) {
    return this.until(
      `${count} bytes`,
      () => (this.buffer.length >= count ? this.take(count) : undefined),
      timeoutMs,
    );
  }

  // Until the server closes its side: everything unread.
  async readToEnd(timeoutMs = 10_000) {
    await this.waitEnd(timeoutMs);
    return this.take(this.buffer.length);
  }

  waitEnd(timeoutMs = 10_000) {
    return this.until('the end', () => (this.ended ? true : undefined), timeoutMs);
  }

  // {version, status, reason, headers (lower case), rawHeaders, body}. noBody: for HEAD.
  async readResponse({ timeoutMs = 10_000, noBody = false } = {}) {
    const head = await this.until(
      'a response head',
      () => {
        const at = this.buffer.indexOf('\r\n\r\n');
        return at < 0 ? undefined : this.take(at + 4).toString('latin1');
      },
      timeoutMs,
    );
    const [first, ...lines] = head.slice(0, -4).split('\r\n');
    const status = /^HTTP\/(1\.[01]) (\d{3}) ?(.*)$/.exec(first);
    if (!status) throw new Error(`not a status line: ${first}`);
    const response = {
      version: status[1],
      status: Number(status[2]),
      reason: status[3],
      headers: {},
      rawHeaders: [],
      body: Buffer.alloc(0),
    };
    for (const line of lines) {
      const at = line.indexOf(':');
      const name = line.slice(0, at).toLowerCase();
      const value = line.slice(at + 1).trim();
      response.rawHeaders.push([line.slice(0, at), value]);
      response.headers[name] = name in response.headers ? `${response.headers[name]}, ${value}` : value;
    }
    if (noBody || response.status < 200 || response.status === 204 || response.status === 304) {
      return response;
    }
    if (/chunked/i.test(response.headers['transfer-encoding'] ?? '')) {
      response.body = await this.readChunks(timeoutMs);
    } else if ('content-length' in response.headers) {
      response.body = await this.read(Number(response.headers['content-length']), timeoutMs);
    } else {
      response.body = await this.readToEnd(timeoutMs);
    }
    return response;
  }

  async readLine(timeoutMs) {
    return this.until(
      'a line',
      () => {
        const at = this.buffer.indexOf('\r\n');
        return at < 0 ? undefined : this.take(at + 2).subarray(0, at).toString('latin1');
      },
      timeoutMs,
    );
  }

  async readChunks(timeoutMs) {
    const chunks = [];
    for (;;) {
      const size = Number.parseInt(await this.readLine(timeoutMs), 16);
      if (size === 0) {
        while ((await this.readLine(timeoutMs)) !== '');
        return Buffer.concat(chunks);
      }
      chunks.push(await this.read(size, timeoutMs));
      await this.read(2, timeoutMs);
    }
  }

  // The next WebSocket frame: {fin, rsv, opcode, masked, payload}; a close has code and reason.
  async readFrame(timeoutMs = 10_000) {
    return this.until('a frame', () => this.parseFrame(), timeoutMs);
  }

  parseFrame() {
    const b = this.buffer;
    if (b.length < 2) return undefined;
    let length = b[1] & 0x7f;
    let at = 2;
    if (length === 126) {
      if (b.length < 4) return undefined;
      length = b.readUInt16BE(2);
      at = 4;
    } else if (length === 127) {
      if (b.length < 10) return undefined;
      length = Number(b.readBigUInt64BE(2));
      at = 10;
    }
    if (b.length < at + length) return undefined;
    const masked = (b[1] & 0x80) !== 0;
    if (masked) throw new Error('a server must not mask');
    const frame = {
      fin: (b[0] & 0x80) !== 0,
      rsv: (b[0] >> 4) & 7,
      opcode: b[0] & 0x0f,
      masked,
      payload: Buffer.from(b.subarray(at, at + length)),
    };
    this.take(at + length);
    if (frame.opcode === OPCODE.CLOSE && frame.payload.length >= 2) {
      frame.code = frame.payload.readUInt16BE(0);
      frame.reason = frame.payload.subarray(2).toString('utf8');
    }
    return frame;
  }

  // Frames until one that the predicate takes; the others are dropped.
  async readFrameUntil(predicate, timeoutMs = 10_000) {
    for (;;) {
      const frame = await this.readFrame(timeoutMs);
      if (predicate(frame)) return frame;
    }
  }

  // The next text frame as JSON whose type is one of these.
  async readJson(types, timeoutMs = 10_000) {
    const wanted = [types].flat();
    for (;;) {
      const frame = await this.readFrame(timeoutMs);
      if (frame.opcode === OPCODE.CLOSE) {
        throw new Error(`closed ${frame.code} ${frame.reason} before ${wanted.join('/')}`);
      }
      if (frame.opcode !== OPCODE.TEXT) continue;
      const value = JSON.parse(frame.payload.toString('utf8'));
      if (wanted.includes(value.type)) return value;
    }
  }

  readClose(timeoutMs = 10_000) {
    return this.readFrameUntil((frame) => frame.opcode === OPCODE.CLOSE, timeoutMs);
  }
}

function portOf(target) {
  if (typeof target === 'number') return target;
  if (typeof target === 'string') return Number(new URL(target).port);
  return target.port;
}

function preview(bytes) {
  return JSON.stringify(bytes.subarray(0, 300).toString('latin1'));
}

// One request on a connection of its own: sends the bytes, returns the answer.
export async function rawRequest(target, bytes, options) {
  const connection = await RawConnection.open(target);
  try {
    connection.write(bytes);
    return await connection.readResponse(options);
  } finally {
    connection.destroy();
  }
}

// --- WebSocket by hand (RFC 6455) ---------------------------------------------------------------

export const OPCODE = { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 };

// A client's frame. Everything that the RFC fixes can be bent: fin, rsv (0..7), opcode, mask
// (false: none), length (the declared one), lengthBytes (0, 2 or 8: how it is written).
export function encodeFrame(
  payload = '',
  { fin = true, rsv = 0, opcode = OPCODE.TEXT, mask = true, length, lengthBytes } = {},
) {
  const bytes = Buffer.from(payload);
  const declared = length ?? bytes.length;
  const width = lengthBytes ?? (declared < 126 ? 0 : declared < 65_536 ? 2 : 8);
  const head = Buffer.alloc(2 + width);
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  head[1] = (mask ? 0x80 : 0) | (width === 0 ? declared : width === 2 ? 126 : 127);
  if (width === 2) head.writeUInt16BE(declared, 2);
  if (width === 8) head.writeBigUInt64BE(BigInt(declared), 2);
  if (!mask) return Buffer.concat([head, bytes]);
  const key = Buffer.isBuffer(mask) ? mask : randomBytes(4);
  const masked = Buffer.from(bytes);
  for (let i = 0; i < masked.length; i += 1) masked[i] ^= key[i % 4];
  return Buffer.concat([head, key, masked]);
}

export function encodeClose(code, reason = '') {
  if (code === undefined) return encodeFrame('', { opcode: OPCODE.CLOSE });
  const payload = Buffer.concat([Buffer.from([code >> 8, code & 255]), Buffer.from(reason)]);
  return encodeFrame(payload, { opcode: OPCODE.CLOSE });
}

export function handshakeRequest(path, { key = randomBytes(16).toString('base64'), headers = {} } = {}) {
  const all = {
    Host: '127.0.0.1',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': key,
    'Sec-WebSocket-Version': '13',
    ...headers,
  };
  const lines = Object.entries(all)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

export const acceptOf = (key) =>
  createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');

// A WebSocket without a library: the RawConnection after its 101. extra is sent with the handshake,
// in the same write.
export async function openRawSocket(target, path, { extra, headers } = {}) {
  const connection = await RawConnection.open(target);
  const key = randomBytes(16).toString('base64');
  const request = Buffer.from(handshakeRequest(path, { key, headers }));
  connection.write(extra ? Buffer.concat([request, extra]) : request);
  connection.handshake = await connection.readResponse();
  if (connection.handshake.status !== 101) {
    connection.destroy();
    throw new Error(`the upgrade was answered ${connection.handshake.status}`);
  }
  if (connection.handshake.headers['sec-websocket-accept'] !== acceptOf(key)) {
    throw new Error('Sec-WebSocket-Accept is wrong');
  }
  return connection;
}
