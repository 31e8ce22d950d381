// Frames: sizes, masks, reserved bits and opcodes, control frames, fragments.
import { randomBytes } from 'node:crypto';

import { OP, fragments, frame } from '../system/lib/raw_websocket.mjs';
import { Group, binary, closed, lastPong, pong, text } from './suite.mjs';

const SIZES = [0, 1, 125, 126, 127, 128, 1000, 65535, 65536];
const hello = () => frame(OP.text, 'Hello');

const framing = new Group('1', 'Framing', 'each form of the length, in text and binary');
for (const [name, opcode, back, make] of [
  ['text', OP.text, text, (size) => '*'.repeat(size)],
  ['binary', OP.binary, binary, (size) => randomBytes(size)],
]) {
  for (const size of SIZES)
    framing.add(`${name} of ${size} bytes`, '6455 5.2', () => {
      const payload = make(size);
      return [[frame(opcode, payload)], [back(payload)]];
    });
  framing.add(`${name} of 65536 bytes in segments of 997`, '6455 5.2', () => {
    const payload = make(65536);
    return [[frame(opcode, payload)], [back(payload)]];
  }, { way: 997 });
  framing.add(`${name} of 128 bytes, a segment for each byte`, '6455 5.2', () => {
    const payload = make(128);
    return [[frame(opcode, payload)], [back(payload)]];
  }, { way: 'bytes' });
}
for (const [size, lengthBytes] of [[0, 2], [125, 2], [0, 8], [125, 8], [126, 8], [65535, 8]])
  framing.add(`${size} bytes with a length of ${lengthBytes} bytes`, '6455 5.2', () => [
    [frame(OP.binary, Buffer.alloc(size), { lengthBytes })], [closed(1002)],
  ]);
framing.add('a length with its highest bit set', '6455 5.2', () => [
  [frame(OP.binary, '', { announce: 2n ** 63n, lengthBytes: 8 })], [closed(1002)],
]);

const masking = new Group('14', 'Masking', 'every client frame is masked, by whatever key');
for (const key of ['00000000', 'ffffffff', '80000001', '37fa213d'])
  masking.add(`the key ${key}`, '6455 5.3', () => [
    [frame(OP.text, 'masked', { key: Buffer.from(key, 'hex') })], [text('masked')],
  ]);
for (const [name, opcode] of [['text', OP.text], ['ping', OP.ping], ['close', OP.close]])
  masking.add(`a ${name} without a mask`, '6455 5.1', () => [
    [hello(), frame(opcode, '', { mask: false })], [text('Hello'), closed(1002)],
  ]);

const pings = new Group('2', 'Pings and pongs', 'control frames of every lawful size, and of none');
pings.add('a ping without a payload', '6455 5.5.2', () => [[frame(OP.ping)], [pong()]]);
pings.add('a ping with a payload', '6455 5.5.3', () => [[frame(OP.ping, 'Hello')], [pong('Hello')]]);
pings.add('a ping with bytes that are no text', '6455 5.5.2', () => [
  [frame(OP.ping, Buffer.from('00fffefdfc80', 'hex'))], [pong(Buffer.from('00fffefdfc80', 'hex'))],
]);
for (const way of ['whole', 'bytes'])
  pings.add(`a ping of 125 bytes${way === 'bytes' ? ', a segment for each byte' : ''}`, '6455 5.5', () => [
    [frame(OP.ping, Buffer.alloc(125, 0xfe))], [pong(Buffer.alloc(125, 0xfe))],
  ], { way });
for (const [name, opcode] of [['ping', OP.ping], ['pong', OP.pong]])
  pings.add(`a ${name} of 126 bytes`, '6455 5.5', () => [[frame(opcode, Buffer.alloc(126))], [closed(1002)]]);
pings.add('a pong that nobody asked for', '6455 5.5.3', () => [[frame(OP.pong)], []]);
pings.add('the same with a payload', '6455 5.5.3', () => [[frame(OP.pong, 'here')], []]);
pings.add('the same, then a ping', '6455 5.5.3', () => [[frame(OP.pong, 'x'), frame(OP.ping, 'y')], [pong('y')]]);
const ten = Array.from({ length: 10 }, (_, i) => `payload-${i}`);
pings.add('ten pings in one segment', '6455 5.5.3', () => [
  ten.map((one) => frame(OP.ping, one)), [lastPong(ten.at(-1))],
], { allowed: 'a pong for the latest ping only: 6455 5.5.3' });
pings.add('ten pings, a segment for each byte', '6455 5.5.3', () => [
  ten.map((one) => frame(OP.ping, one)), [lastPong(ten.at(-1))],
], { way: 'bytes', allowed: 'a pong for the latest ping only: 6455 5.5.3' });

const reserved = new Group('3', 'Reserved bits', 'none has a meaning without an extension');
for (let rsv = 1; rsv <= 7; rsv += 1) {
  reserved.add(`a text with RSV ${rsv}`, '6455 5.2', () => [
    [hello(), frame(OP.text, 'x', { rsv }), frame(OP.ping)], [text('Hello'), closed(1002)],
  ]);
  reserved.add(`a ping with RSV ${rsv}, a segment for each byte`, '6455 5.2', () => [
    [hello(), frame(OP.ping, '', { rsv })], [text('Hello'), closed(1002)],
  ], { way: 'bytes' });
}
reserved.add('a close with RSV 7', '6455 5.2', () => [[frame(OP.close, '', { rsv: 7 })], [closed(1002)]]);
reserved.add('a binary with RSV 7', '6455 5.2', () => [[frame(OP.binary, 'x', { rsv: 7 })], [closed(1002)]]);
reserved.add('a continuation with RSV 1', '6455 5.2', () => [
  [frame(OP.text, 'a', { fin: false }), frame(OP.continuation, 'b', { rsv: 1 })], [closed(1002)],
]);

const opcodes = new Group('4', 'Opcodes', 'the reserved ones');
for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
  opcodes.add(`opcode ${opcode}`, '6455 5.2', () => [[frame(opcode)], [closed(1002)]]);
  opcodes.add(`opcode ${opcode} with a payload, after a text, before a ping`, '6455 5.2', () => [
    [hello(), frame(opcode, 'x'), frame(OP.ping)], [text('Hello'), closed(1002)],
  ]);
}

const pieces = new Group('5', 'Fragmentation', 'messages in fragments, with and without control frames between');
const part = (opcode, payload) => frame(opcode, payload, { fin: false });
const more = (payload) => part(OP.continuation, payload);
const end = (payload = '') => frame(OP.continuation, payload);
for (const [name, opcode] of [['ping', OP.ping], ['pong', OP.pong], ['close', OP.close]])
  pieces.add(`a ${name} in two fragments`, '6455 5.5', () => [[part(opcode, 'a'), end('b')], [closed(1002)]]);
for (const [name, way] of [['', 'whole'], [', a segment for each byte', 'bytes']]) {
  pieces.add(`a text in two fragments${name}`, '6455 5.4', () => [[part(OP.text, 'a'), end('b')], [text('ab')]], { way });
  pieces.add(`a ping between them${name}`, '6455 5.4', () => [
    [part(OP.text, 'a'), frame(OP.ping, 'p'), end('b')], [pong('p'), text('ab')],
  ], { way });
  pieces.add(`a ping between each of five${name}`, '6455 5.4', () => [
    [part(OP.text, '1'), frame(OP.ping, '1'), more('2'), frame(OP.ping, '2'), more('3'), frame(OP.pong), more('4'),
      frame(OP.ping, '3'), end('5')],
    [lastPong('3'), text('12345')],
  ], { way, allowed: 'a pong for the latest ping only: 6455 5.5.3' });
  pieces.add(`a new text inside a message${name}`, '6455 5.4', () => [
    [part(OP.text, 'a'), frame(OP.text, 'b')], [closed(1002)],
  ], { way });
  pieces.add(`a continuation of nothing${name}`, '6455 5.4', () => [[end('a'), hello()], [closed(1002)]], { way });
  pieces.add(`an unfinished continuation of nothing${name}`, '6455 5.4', () => [[more('a'), hello()], [closed(1002)]], { way });
  pieces.add(`a continuation after a whole message${name}`, '6455 5.4', () => [
    [hello(), end('x')], [text('Hello'), closed(1002)],
  ], { way });
}
pieces.add('a binary inside a text', '6455 5.4', () => [[part(OP.text, 'a'), part(OP.binary, 'b')], [closed(1002)]]);
pieces.add('two messages in fragments', '6455 5.4', () => [
  [part(OP.text, 'a'), end('b'), part(OP.binary, 'c'), more('d'), end('e')], [text('ab'), binary('cde')],
]);
pieces.add('empty fragments', '6455 5.4', () => [[part(OP.text, ''), more(''), end('')], [text('')]]);
pieces.add('an empty first, a full middle, an empty last', '6455 5.4', () => [
  [part(OP.text, ''), more('middle'), end('')], [text('middle')],
]);
pieces.add('128 fragments', '6455 5.4', () => [
  fragments(OP.text, 'x'.repeat(500), Array(127).fill(2)), [text('x'.repeat(500))],
]);
pieces.add('129 fragments', '6455 10.4', () => [
  fragments(OP.text, 'x'.repeat(500), Array(128).fill(2)), [closed(1008)],
], { allowed: 'a bound on the fragments of a message: 6455 10.4' });
pieces.add('an unfinished message, then a close', '6455 5.5.1', () => [
  [part(OP.text, 'a'), frame(OP.close, Buffer.from('03e8', 'hex'))], [closed(1000)],
]);

const automatic = new Group('10', 'Automatic fragmentation', 'as some clients do it');
automatic.add('65536 bytes in fragments of 1300', '6455 5.4', () => [
  fragments(OP.text, '*'.repeat(65536), Array(50).fill(1300)), [text('*'.repeat(65536))],
]);

export default [framing, pings, reserved, opcodes, pieces, automatic, masking];
