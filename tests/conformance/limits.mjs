// Sizes, bounds, and bytes that arrive in whatever portions.
import { OP, closePayload, deflated, fragments, frame } from '../system/lib/raw_websocket.mjs';
import { Group, binary, closed, pong, text } from './suite.mjs';

const KIB = 1024;
const MIB = KIB * KIB;
const BOUND = 64 * KIB; // the gateway's
const name = (size) => (size >= MIB ? `${size / MIB} MiB` : `${size / KIB} KiB`);

const sizes = new Group('9', 'Limits and sizes', 'great messages, many small ones, and the bounds');
for (const size of [64 * KIB, 256 * KIB, MIB, 4 * MIB]) {
  sizes.add(`a text of ${name(size)}`, '6455 5.2', () => [[frame(OP.text, '*'.repeat(size))], [text('*'.repeat(size))]]);
  sizes.add(`a binary of ${name(size)}`, '6455 5.2', () => {
    const payload = Buffer.alloc(size, 0xfe);
    return [[frame(OP.binary, payload)], [binary(payload)]];
  });
}
sizes.add('a binary of 16 MiB', '6455 5.2', () => {
  const payload = Buffer.alloc(16 * MIB, 0x2a);
  return [[frame(OP.binary, payload)], [binary(payload)]];
});
for (const length of [64 * KIB, 256 * KIB, MIB])
  sizes.add(`4 MiB in fragments of ${name(length)}`, '6455 5.4', () => {
    const payload = Buffer.alloc(4 * MIB, 0x61);
    return [fragments(OP.text, payload, Array(4 * MIB / length - 1).fill(length)), [text(payload)]];
  });
for (const length of [64, 256, KIB, 4 * KIB, 16 * KIB])
  sizes.add(`4 MiB in fragments of ${length} bytes`, '6455 10.4', () => [
    fragments(OP.text, Buffer.alloc(4 * MIB, 0x61), Array(4 * MIB / length - 1).fill(length)), [closed(1008)],
  ], { allowed: 'a bound of 128 fragments: 6455 10.4' });
for (const way of [64, 1000, 8191])
  sizes.add(`64 KiB in segments of ${way}`, '6455 5.2', () => [
    [frame(OP.text, '*'.repeat(64 * KIB))], [text('*'.repeat(64 * KIB))],
  ], { way });
for (const size of [0, 16, 64, 256, 1024])
  for (const [kind, opcode, back] of [['texts', OP.text, text], ['binaries', OP.binary, binary]])
    sizes.add(`1000 ${kind} of ${size} bytes`, '6455 5.4', () => {
      const payload = Buffer.alloc(size, 0x62);
      return [Array.from({ length: 1000 }, () => frame(opcode, payload)), Array.from({ length: 1000 }, () => back(payload))];
    });

const bounds = new Group('9b', 'The gateway\'s bound on messages', 'RFC 6455, 10.4 permits one; the code is 7.4.1\'s');
const refusals = { ordinary: true, allowed: 'a bound on messages, 64 KiB: 6455 10.4' };
bounds.add('65,536 bytes', '6455 10.4', () => [[frame(OP.text, '*'.repeat(BOUND))], [text('*'.repeat(BOUND))]], { ordinary: true });
bounds.add('65,537 bytes', '6455 7.4.1', () => [[frame(OP.text, '*'.repeat(BOUND + 1))], [closed(1009)]], refusals);
bounds.add('a head that announces 65,537, and nothing more', '6455 7.4.1', () => [
  [frame(OP.binary, '', { announce: BOUND + 1 })], [closed(1009)],
], refusals);
bounds.add('a head that announces 2^62', '6455 7.4.1', () => [
  [frame(OP.binary, '', { announce: 2n ** 62n })], [closed(1009)],
], refusals);
bounds.add('fragments of 65,536 together', '6455 5.4', () => [
  fragments(OP.text, '*'.repeat(BOUND), [BOUND / 2]), [text('*'.repeat(BOUND))],
], { ordinary: true });
bounds.add('fragments of 65,537 together', '6455 7.4.1', () => [
  fragments(OP.text, '*'.repeat(BOUND + 1), [BOUND / 2]), [closed(1009)],
], refusals);
bounds.add('a ping after 65,535 bytes of a message', '6455 5.4', () => [
  [frame(OP.text, '*'.repeat(BOUND - 1), { fin: false }), frame(OP.ping, 'p'), frame(OP.continuation, '*')],
  [pong('p'), text('*'.repeat(BOUND))],
], { ordinary: true });
const offer = 'permessage-deflate';
bounds.add('65,536 bytes, compressed', '7692 7.2.2', () => [
  [frame(OP.text, deflated('*'.repeat(BOUND)), { rsv: 4 })], [text('*'.repeat(BOUND))],
], { ordinary: true, offer });
bounds.add('65,537 bytes, compressed', '6455 7.4.1', () => [
  [frame(OP.text, deflated('*'.repeat(BOUND + 1)), { rsv: 4 })], [closed(1009)],
], { ...refusals, offer });
bounds.add('32 MiB, compressed into 32 KiB', '6455 7.4.1', () => [
  [frame(OP.binary, deflated(Buffer.alloc(32 * MIB)), { rsv: 4 })], [closed(1009)],
], { ...refusals, offer });

// Everything that a connection may be in the middle of, cut after each number of bytes.
const portions = new Group('15', 'Portions', 'the same bytes in segments of any length');
const script = () => [
  [
    frame(OP.text, 'Hello'),
    ...fragments(OP.text, 'grüße 💬', [2, 1, 5]),
    frame(OP.ping, 'between'),
    frame(OP.text, deflated('compressed, compressed'), { rsv: 4 }),
    frame(OP.binary, Buffer.alloc(126, 0xff)),
    frame(OP.close, closePayload(1001, 'gone')),
  ],
  [
    text('Hello'), text('grüße 💬'), pong('between'), text('compressed, compressed'),
    binary(Buffer.alloc(126, 0xff)), closed(1001),
  ],
];
for (const way of ['whole', 'bytes', 2, 3, 5, 7, 11, 13, 64, 100])
  portions.add(`a whole conversation in segments of ${way === 'bytes' ? 1 : way === 'whole' ? 'any size' : way}`, '6455 5.2', script, { way, offer });

export default [sizes, bounds, portions];
