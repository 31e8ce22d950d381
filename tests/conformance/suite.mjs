// What a case of the conformance suite is, and how one is played.
//
// A case says what is sent after the handshake and what has to come back, frame by frame, from an
// echo (tests/tools/ws_echo.c: the gateway's own WebSocket floors). Whatever is not said must not
// come: a case that ends without a close is closed, and the close has to be the next thing.
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';

import { OP, RawSocket, closePayload, frame, handshake } from '../system/lib/raw_websocket.mjs';

// A group of cases with the same beginning of their numbers. add() takes a sentence, the section of
// the RFC, and a function that gives [what is sent, what comes back], called when the case is played.
// Options:
//   way       'whole' (default), 'bytes' (a segment for each byte) or a number of bytes a segment
//   ordinary  at the port with the gateway's bound on messages, not 16 MiB
//   offer     Sec-WebSocket-Extensions; answer: what the server has to say to it
//   window    what the server may use towards us, when that is less than 15
//   allowed   where the result is one that the RFC permits, not demands: which and why
export class Group {
  constructor(number, title, about) {
    Object.assign(this, { number, title, about, cases: [] });
  }

  add(what, rfc, make, options = {}) {
    const id = `${this.number}.${this.cases.length + 1}`;
    this.cases.push({ id, what, rfc, make, ...options });
  }
}

// What comes back.
export const text = (payload) => ({ opcode: OP.text, payload: Buffer.from(payload) });
export const binary = (payload) => ({ opcode: OP.binary, payload: Buffer.from(payload) });
export const pong = (payload = '') => ({ opcode: OP.pong, payload: Buffer.from(payload) });
export const closed = (code, reason) => ({ opcode: OP.close, code, reason });
// Pongs of which some may be left out, but the last.
export const lastPong = (payload) => ({ opcode: OP.pong, last: Buffer.from(payload) });

async function send(socket, bytes, way = 'whole') {
  if (way === 'bytes') return socket.writeByBytes(bytes);
  if (way === 'whole') return socket.write(bytes);
  for (let at = 0; at < bytes.length; at += way) {
    socket.write(bytes.subarray(at, at + way));
    await new Promise((resolve) => setImmediate(resolve));
  }
  return undefined;
}

function check(got, expected) {
  assert.notEqual(got, null, 'the connection ended early');
  if (expected.opcode === OP.close && got.opcode === OP.close) {
    const code = got.payload.length === 0 ? 1005 : got.payload.readUInt16BE(0);
    assert.equal(code, expected.code, `closed with ${code} ${got.payload.subarray(2)}`);
    if (expected.reason !== undefined) assert.equal(got.payload.subarray(2).toString(), expected.reason);
    return;
  }
  const said = got.opcode === OP.close ? ` ${got.payload.readUInt16BE(0)} ${got.payload.subarray(2)}` : '';
  assert.equal(got.opcode, expected.opcode, `opcode ${got.opcode}${said}`);
  assert.ok(got.fin);
  assert.ok(got.payload.equals(expected.payload), `${got.payload.length} bytes, other than was sent`);
}

async function expectPongs(socket, payload) {
  for (;;) {
    const got = await socket.readFrame();
    assert.equal(got?.opcode, OP.pong);
    if (got.payload.equals(payload)) return;
  }
}

async function expectAll(socket, expected) {
  for (const one of expected)
    if (one.last) await expectPongs(socket, one.last);
    else check(await socket.readFrame(), one);
}

// Plays one case at ports {great, ordinary}; throws if something else happens than it says.
export async function play(one, ports) {
  const socket = await RawSocket.connect('127.0.0.1', one.ordinary ? ports.ordinary : ports.great);
  try {
    const headers = { 'Sec-WebSocket-Extensions': one.offer };
    socket.write(handshake('localhost', '/', { headers }));
    const head = await socket.readHead();
    assert.equal(head.status, 101);
    const answer = head.headers['sec-websocket-extensions'];
    if (one.answer !== undefined) assert.equal(answer ?? null, one.answer);
    socket.deflate = answer ? { windowBits: one.window ?? 15 } : false;
    const [chunks, expected] = one.make();
    await send(socket, Buffer.concat(chunks), one.way);
    await expectAll(socket, expected);
    // 7.1.1: both have said it; the server is the first to end the connection.
    const last = expected.at(-1);
    const ended = last?.opcode === OP.close;
    socket.write(frame(OP.close, closePayload(ended && last.code !== 1005 ? last.code : 1000)));
    if (!ended) check(await socket.readFrame(), closed(1000));
    await socket.readEnd();
  } finally {
    socket.destroy();
  }
}
