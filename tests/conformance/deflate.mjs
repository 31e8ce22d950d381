// permessage-deflate (RFC 7692): contents and sizes, what a compressor may do, what is agreed, and
// what is refused.
import { randomBytes } from 'node:crypto';
import { constants, deflateRawSync } from 'node:zlib';

import { OP, deflated, fragments, frame } from '../system/lib/raw_websocket.mjs';
import { Group, binary, closed, pong, text } from './suite.mjs';

const OFFER = 'permessage-deflate; client_max_window_bits';
const ANSWER = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';
const compressed = (opcode, payload, options) => frame(opcode, deflated(payload, options), { rsv: 4 });
function inFragments(opcode, payload, lengths) {
  const list = fragments(opcode, deflated(payload), lengths);
  list[0][0] |= 0x40;
  return list;
}
const fill = (sample, size) => Buffer.from(sample.repeat(Math.ceil(size / sample.length))).subarray(0, size);

const KINDS = {
  'chat in JSON': [OP.text, (size) => fill('{"type":"new_message","id":41,"text":"Hello everybody","sender_id":7},', size)],
  'text of several scripts': [OP.text, (size) => Buffer.from('ä€💬 ζж '.repeat(Math.ceil(size / 16)))],
  'HTML': [OP.text, (size) => fill('<li class="item"><a href="/room/17">A room</a></li>\n', size)],
  'noise': [OP.binary, (size) => randomBytes(size)],
  'zeros': [OP.binary, (size) => Buffer.alloc(size)],
};
const SIZES = [16, 64, 256, 1024, 4096, 8192, 16384, 32768, 131072];

const contents = new Group('12', 'permessage-deflate: contents', 'kinds and sizes, whole and in fragments, echoed unchanged');
for (const [kind, [opcode, make]] of Object.entries(KINDS))
  for (const size of SIZES) {
    const back = opcode === OP.text ? text : binary;
    contents.add(`${kind}, ${size} bytes, 10 messages`, '7692 7.2', () => {
      const payload = make(size);
      return [Array.from({ length: 10 }, () => compressed(opcode, payload)), Array.from({ length: 10 }, () => back(payload))];
    }, { offer: OFFER });
    contents.add(`${kind}, ${size} bytes, in four fragments around a ping`, '7692 6.1', () => {
      const payload = make(size);
      const [first, ...rest] = inFragments(opcode, payload, [1, 5, 0]);
      return [[first, frame(OP.ping, 'p'), ...rest], [pong('p'), back(payload)]];
    }, { offer: OFFER });
  }

const sample = fill('A sentence about the weather, and another one about the room. ', 3000);
const encodings = new Group('12b', 'permessage-deflate: encodings', 'whatever a compressor may make');
const encoding = (what, rfc, make, back = [text(sample)]) =>
  encodings.add(what, rfc, () => [make(), back], { offer: OFFER });
for (let level = 0; level <= 9; level += 1)
  encoding(`level ${level}`, '7692 7.2.1', () => [compressed(OP.text, sample, { level })]);
for (let memLevel = 1; memLevel <= 9; memLevel += 1)
  encoding(`memory level ${memLevel}`, '7692 7.2.1', () => [compressed(OP.text, sample, { memLevel })]);
for (let windowBits = 9; windowBits <= 15; windowBits += 1)
  encoding(`a window of 2^${windowBits}`, '7692 7.1.2.2', () => [compressed(OP.text, sample, { windowBits })]);
for (const [name, strategy] of [['filtered', constants.Z_FILTERED], ['Huffman only', constants.Z_HUFFMAN_ONLY],
  ['run lengths', constants.Z_RLE], ['fixed codes', constants.Z_FIXED]])
  encoding(name, '7692 7.2.1', () => [compressed(OP.text, sample, { strategy })]);
const raw = (digits) => [frame(OP.text, Buffer.from(digits, 'hex'), { rsv: 4 })];
encoding('one block', '7692 7.2.3.1', () => raw('f248cdc9c90700'), [text('Hello')]);
encoding('two fragments of one block', '7692 7.2.3.1', () => {
  const list = fragments(OP.text, Buffer.from('f248cdc9c90700', 'hex'), [3]);
  list[0][0] |= 0x40;
  return list;
}, [text('Hello')]);
encoding('no compression', '7692 7.2.3.3', () => raw('000500faff48656c6c6f00'), [text('Hello')]);
encoding('a block with BFINAL', '7692 7.2.3.4', () => raw('f348cdc9c9070000'), [text('Hello')]);
encoding('two blocks', '7692 7.2.3.5', () => raw('f248050000 00ffffcac9c90700'.replaceAll(' ', '')), [text('Hello')]);
encoding('an empty message', '7692 7.2.3.6', () => raw('00'), [text('')]);
encoding('a finished stream, and the byte after it', '7692 7.2.3.4', () => [
  frame(OP.text, Buffer.concat([deflateRawSync(sample), Buffer.from([0])]), { rsv: 4 }),
]);
encoding('messages that are not compressed among those that are', '7692 6', () => [
  compressed(OP.text, sample), frame(OP.text, 'as it is'), compressed(OP.text, sample),
], [text(sample), text('as it is'), text(sample)]);
encoding('fragments of one that is not compressed', '7692 6', () => fragments(OP.text, 'as it is', [3]), [text('as it is')]);

const terms = new Group('13', 'permessage-deflate: parameters', 'offers, the answers to them, and messages after them');
const agreed = (offer, answer, options = {}) =>
  terms.add(`offer: \`${offer}\``, '7692 7.1', () => {
    const long = fill('0123456789 and so on, ', 40000);
    const sent = [fill('short ', 100), fill('longer than short ', 2000), long];
    const lists = answer ? sent.map((one) => compressed(OP.text, one)) : sent.map((one) => frame(OP.text, one));
    return [lists, sent.map((one) => text(one))];
  }, { offer, answer, ...options });
agreed('permessage-deflate', ANSWER);
agreed('permessage-deflate; client_max_window_bits', ANSWER);
agreed('permessage-deflate; server_no_context_takeover', ANSWER);
agreed('permessage-deflate; client_no_context_takeover', ANSWER);
agreed('permessage-deflate; server_no_context_takeover; client_no_context_takeover', ANSWER);
agreed('Permessage-Deflate;  Server_No_Context_Takeover', ANSWER);
for (let bits = 8; bits <= 15; bits += 1) {
  agreed(`permessage-deflate; server_max_window_bits=${bits}`, `${ANSWER}; server_max_window_bits=${bits}`, { window: bits });
  agreed(`permessage-deflate; client_max_window_bits=${bits}`, ANSWER);
}
agreed('permessage-deflate; server_max_window_bits="10"', `${ANSWER}; server_max_window_bits=10`, { window: 10 });
agreed('permessage-deflate; server_max_window_bits=12; client_max_window_bits=12', `${ANSWER}; server_max_window_bits=12`, { window: 12 });
agreed('foo; bar="baz", permessage-deflate', ANSWER);
agreed('permessage-deflate; unknown, permessage-deflate', ANSWER);
agreed('permessage-deflate; server_max_window_bits=7, permessage-deflate; server_max_window_bits=9', `${ANSWER}; server_max_window_bits=9`, { window: 9 });
agreed(', permessage-deflate ,', ANSWER);
for (const declined of ['x-webkit-deflate-frame', 'permessage-bzip2', 'permessage-deflate; unknown', 'permessage-deflate; unknown=1',
  'permessage-deflate; server_max_window_bits', 'permessage-deflate; server_max_window_bits=7',
  'permessage-deflate; server_max_window_bits=16', 'permessage-deflate; server_max_window_bits=08',
  'permessage-deflate; client_max_window_bits=16', 'permessage-deflate; client_max_window_bits=x',
  'permessage-deflate; server_no_context_takeover=1', 'permessage-deflate; client_no_context_takeover=1',
  'permessage-deflate; server_no_context_takeover; server_no_context_takeover',
  'permessage-deflate; server_max_window_bits=9; server_max_window_bits=9',
  'permessage-deflate; client_max_window_bits; client_max_window_bits'])
  agreed(declined, null);

const refused = new Group('13b', 'permessage-deflate: what is refused', 'RSV1 where it has no meaning, streams that are none');
const refuse = (what, rfc, code, make, options = {}) =>
  refused.add(what, rfc, () => [make(), [closed(code)]], { offer: OFFER, ...options });
refuse('RSV1 without the extension', '6455 5.2', 1002, () => [compressed(OP.text, 'x')], { offer: undefined });
refuse('RSV1 on a continuation', '7692 6.1', 1002, () => {
  const list = fragments(OP.text, deflated(sample), [10]);
  for (const one of list) one[0] |= 0x40;
  return list;
});
refuse('RSV1 on the continuation only', '7692 6.1', 1002, () => {
  const list = fragments(OP.text, 'as it is', [2]);
  list[1][0] |= 0x40;
  return list;
});
refuse('RSV1 on a ping', '7692 6.1', 1002, () => [frame(OP.ping, '', { rsv: 4 })]);
refuse('RSV1 on a pong', '7692 6.1', 1002, () => [frame(OP.pong, '', { rsv: 4 })]);
refuse('RSV1 on a close', '7692 6.1', 1002, () => [frame(OP.close, '', { rsv: 4 })]);
for (const rsv of [1, 2, 5, 6, 7])
  refuse(`RSV ${rsv}`, '6455 5.2', 1002, () => [frame(OP.text, deflated('x'), { rsv })]);
refuse('text that was never compressed', '7692 7.2.2', 1007, () => [frame(OP.text, 'Hello', { rsv: 4 })]);
refuse('a block of the reserved type', '7692 7.2.2', 1007, () => raw('07'));
refuse('half a stream', '7692 7.2.2', 1007, () => [frame(OP.text, deflated(sample).subarray(0, 40), { rsv: 4 })]);
refuse('a stored block with a wrong length', '7692 7.2.2', 1007, () => raw('000500fafe48656c6c6f00'));
refuse('no payload', '7692 7.2.3.6', 1007, () => [frame(OP.text, '', { rsv: 4 })]);
refuse('a reference to the message before', '7692 7.1.1.2', 1007, () => raw('f200110000'));
refuse('text that is not UTF-8 when it is inflated', '6455 8.1', 1007, () => [compressed(OP.text, Buffer.from('61ff62', 'hex'))]);
refuse('text that ends in half a character', '6455 8.1', 1007, () => [compressed(OP.text, Buffer.from('61e282', 'hex'))]);
refuse('a zlib header before the stream', '7692 7.2.1', 1007, () => [
  frame(OP.text, Buffer.concat([Buffer.from('789c', 'hex'), deflated(sample)]), { rsv: 4 }),
]);

export default [contents, encodings, terms, refused];
