// UTF-8 (RFC 3629; RFC 6455, 8.1): each text in one frame, in a frame for each byte, and in one frame
// that arrives byte by byte.
import { OP, fragments, frame } from '../system/lib/raw_websocket.mjs';
import { Group, binary, closed, text } from './suite.mjs';

const point = (...points) => Buffer.from(String.fromCodePoint(...points));
const hex = (digits) => Buffer.from(digits.replaceAll(' ', ''), 'hex');
const bytes = (from, to, after = '') =>
  Buffer.concat(Array.from({ length: to - from + 1 }, (_, i) => Buffer.concat([Buffer.from([from + i]), Buffer.from(after)])));

const VALID = {
  'nothing': Buffer.alloc(0),
  'ASCII': Buffer.from('Hello, world!'),
  'NUL and control characters': hex('00 01 1f 7f'),
  'Greek': Buffer.from('κόσμε'),
  'Latin, Cyrillic, Hebrew, Arabic': Buffer.from('Grüße привет שלום مرحبا'),
  'Han, Hangul, Thai': Buffer.from('你好 안녕 สวัสดี'),
  'emoji with joiners and variation selectors': Buffer.from('👩‍👩‍👧‍👦 ❤️ 🏳️‍🌈'),
  'the first of two bytes, U+0080': point(0x80),
  'the first of three, U+0800': point(0x800),
  'the first of four, U+10000': point(0x10000),
  'the last of one byte, U+007F': point(0x7f),
  'the last of two, U+07FF': point(0x7ff),
  'the last of three, U+FFFF': point(0xffff),
  'the last of all, U+10FFFF': point(0x10ffff),
  'before the surrogates, U+D7FF': point(0xd7ff),
  'after them, U+E000': point(0xe000),
  'the replacement character, U+FFFD': point(0xfffd),
  'the byte order mark, U+FEFF': point(0xfeff),
  'noncharacters of the first plane': point(0xfdd0, 0xfdef, 0xfffe, 0xffff),
  'noncharacters of the other planes': point(...Array.from({ length: 16 }, (_, i) => [(i + 1) * 0x10000 + 0xfffe, (i + 1) * 0x10000 + 0xffff]).flat()),
  'the edges of each length in a row': point(0x7f, 0x80, 0x7ff, 0x800, 0xfffd, 0x10000, 0x10ffff),
};

const INVALID = {
  'a continuation byte, 80': hex('80'),
  'a continuation byte, bf': hex('bf'),
  'two continuation bytes': hex('80 bf'),
  'seven of them': hex('80 bf 80 bf 80 bf 80'),
  'all 64 of them': bytes(0x80, 0xbf),
  'first bytes of two, each before a blank': bytes(0xc2, 0xdf, ' '),
  'first bytes of three, each before a blank': bytes(0xe0, 0xef, ' '),
  'first bytes of four, each before a blank': bytes(0xf0, 0xf4, ' '),
  'first bytes of five and six': bytes(0xf8, 0xfd, ' '),
  'two bytes without the last': hex('61 c3'),
  'three bytes without the last': hex('61 e2 82'),
  'three bytes without two': hex('61 e2'),
  'four bytes without the last': hex('61 f0 9f 92'),
  'four bytes without three': hex('61 f0'),
  'incomplete ones in a row': hex('c0 e0 80 f0 80 80 f8 80 80 80'),
  'fe': hex('61 fe 62'),
  'ff': hex('61 ff 62'),
  'fe fe ff ff': hex('fe fe ff ff'),
  'an overlong / in two bytes': hex('c0 af'),
  'an overlong / in three': hex('e0 80 af'),
  'an overlong / in four': hex('f0 80 80 af'),
  'an overlong / in five': hex('f8 80 80 80 af'),
  'an overlong / in six': hex('fc 80 80 80 80 af'),
  'the greatest overlong of two bytes': hex('c1 bf'),
  'the greatest overlong of three': hex('e0 9f bf'),
  'the greatest overlong of four': hex('f0 8f bf bf'),
  'an overlong NUL': hex('c0 80'),
  'an overlong NUL in three bytes': hex('e0 80 80'),
  'the surrogate D800': hex('ed a0 80'),
  'the surrogate DB7F': hex('ed ad bf'),
  'the surrogate DBFF': hex('ed af bf'),
  'the surrogate DC00': hex('ed b0 80'),
  'the surrogate DFFF': hex('ed bf bf'),
  'a pair of surrogates': hex('ed a0 80 ed b0 80'),
  'another pair': hex('ed af bf ed bf bf'),
  'above the last, U+110000': hex('f4 90 80 80'),
  'far above it': hex('f7 bf bf bf'),
  'five bytes': hex('f8 88 80 80 80'),
  'six bytes': hex('fc 84 80 80 80 80'),
  'a wrong second byte': hex('e2 28 a1'),
  'a wrong third byte': hex('e2 82 28'),
  'a wrong fourth byte': hex('f0 9f 92 28'),
  'Latin-1': hex('47 72 fc df 65'),
};

const WAYS = {
  'in one frame': (payload) => [frame(OP.text, payload)],
  'in a frame for each byte': (payload) => fragments(OP.text, payload, Array(Math.max(payload.length - 1, 0)).fill(1)),
  'in segments of a byte': (payload) => [frame(OP.text, payload)],
};

const utf8 = new Group('6', 'UTF-8', 'what RFC 3629 has and has not, however it is cut');
for (const [way, make] of Object.entries(WAYS)) {
  const options = way === 'in segments of a byte' ? { way: 'bytes' } : {};
  for (const [name, payload] of Object.entries(VALID))
    utf8.add(`${name}, ${way}`, '3629 4', () => [make(payload), [text(payload)]], options);
  for (const [name, payload] of Object.entries(INVALID))
    utf8.add(`not UTF-8: ${name}, ${way}`, '3629 3', () => [make(payload), [closed(1007)]], options);
}
utf8.add('refused before the message is whole', '6455 8.1', () => [
  [frame(OP.text, hex('ce ba f4 90'), { fin: false })], [closed(1007)],
]);
utf8.add('refused before the frame is whole', '6455 8.1', () => [
  [frame(OP.text, hex('61 ed a0 80 61 61')).subarray(0, 9)], [closed(1007)],
]);
utf8.add('a fresh beginning for each message', '6455 8.1', () => [
  [frame(OP.text, hex('c3'), { fin: false }), frame(OP.continuation, hex('bc')), frame(OP.text, hex('bc'))],
  [text('ü'), closed(1007)],
]);
utf8.add('any bytes in a binary', '6455 5.6', () => [[frame(OP.binary, hex('ff c0 80'))], [binary(hex('ff c0 80'))]]);

export default [utf8];
