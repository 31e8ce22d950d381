// The close handshake: codes, reasons, what comes after it.
import { OP, closePayload, frame } from '../system/lib/raw_websocket.mjs';
import { Group, closed, pong, text } from './suite.mjs';

const close = (code, reason) => frame(OP.close, closePayload(code, reason));
const hello = () => frame(OP.text, 'Hello');

const closing = new Group('7', 'Close handling', 'codes, reasons, and what comes before and after');
closing.add('a message, then a close', '6455 5.5.1', () => [[hello(), close(1000)], [text('Hello'), closed(1000)]]);
closing.add('two closes', '6455 5.5.1', () => [[close(1000), close(1000)], [closed(1000)]]);
closing.add('a ping after it', '6455 5.5.1', () => [[close(1000), frame(OP.ping)], [closed(1000)]]);
closing.add('a text after it', '6455 5.5.1', () => [[close(1000), hello()], [closed(1000)]]);
closing.add('a violation after it', '6455 5.5.1', () => [[close(1000), frame(3)], [closed(1000)]]);
closing.add('a ping before it', '6455 5.5.2', () => [[frame(OP.ping, 'p'), close(1000)], [pong('p'), closed(1000)]]);
closing.add('inside a message', '6455 5.4', () => [
  [frame(OP.text, 'a', { fin: false }), close(1000), frame(OP.continuation, 'b')], [closed(1000)],
]);
closing.add('after 256 KiB', '6455 5.5.1', () => [
  [frame(OP.text, '*'.repeat(262144)), close(1000)], [text('*'.repeat(262144)), closed(1000)],
]);
closing.add('a segment for each byte', '6455 5.5.1', () => [[close(1000, 'bye')], [closed(1000)]], { way: 'bytes' });

closing.add('without a code', '6455 7.1.5', () => [[frame(OP.close)], [closed(1005)]]);
closing.add('one byte', '6455 5.5.1', () => [[frame(OP.close, Buffer.from([3]))], [closed(1002)]]);
closing.add('with a code', '6455 5.5.1', () => [[close(1000)], [closed(1000)]]);
closing.add('with a reason', '6455 7.1.6', () => [[close(1000, 'Hello')], [closed(1000)]]);
closing.add('with a reason of 123 bytes', '6455 5.5', () => [[close(1000, 'r'.repeat(123))], [closed(1000)]]);
closing.add('with a reason of 124 bytes', '6455 5.5', () => [[close(1000, 'r'.repeat(124))], [closed(1002)]]);
closing.add('with a reason of several scripts', '6455 7.1.6', () => [[close(1001, 'Tschüß, до свидания')], [closed(1001)]]);
for (const [name, digits] of [['overlong', 'c0af'], ['a surrogate', 'eda080'], ['incomplete', 'e282'], ['ff', 'ff']])
  closing.add(`with a reason that is not UTF-8: ${name}`, '6455 8.1', () => [
    [frame(OP.close, Buffer.concat([closePayload(1000), Buffer.from(digits, 'hex')]))], [closed(1007)],
  ]);

for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999])
  closing.add(`code ${code}`, '6455 7.4', () => [[close(code)], [closed(code)]]);
for (const code of [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 32768, 65535])
  closing.add(`code ${code}, which nobody may send`, '6455 7.4', () => [[close(code)], [closed(1002)]]);

export default [closing];
