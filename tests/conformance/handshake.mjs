// The opening handshake, at the real gateway. tests/system/20_websocket_protocol.test.mjs has what a
// lawful one, and one that lacks something, is answered; here is what is malformed or unusual.
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ANSWER = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';

// changes as handshake() of raw_websocket.mjs takes them; answer: of Sec-WebSocket-Extensions.
export const CASES = [];
function add(what, rfc, changes, status, more = {}) {
  CASES.push({ id: `16.${CASES.length + 1}`, what, rfc, changes, status, ...more });
}
const headers = (what, rfc, changed, status, more) => add(what, rfc, { headers: changed }, status, more);

headers('nothing unusual', '6455 4.2.2', {}, 101, { answer: null });
headers('header names in upper case', '9110 5.1', { 'SEC-WEBSOCKET-EXTENSIONS': 'permessage-deflate' }, 101, { answer: ANSWER });
headers('Upgrade among others, in capitals', '6455 4.2.1', { Upgrade: 'h2c, WEBSOCKET' }, 101);
headers('Upgrade twice', '9110 5.3', { Upgrade: ['h2c', 'websocket'] }, 101);
headers('Upgrade with a version', '9110 7.8', { Upgrade: 'websocket/13' }, 426);
headers('Upgrade that only begins so', '6455 4.2.1', { Upgrade: 'websockets' }, 426);
headers('an empty Upgrade', '6455 4.2.1', { Upgrade: '' }, 426);
headers('Connection among others', '6455 4.2.1', { Connection: 'keep-alive, upgrade' }, 101);
headers('Connection with empty members', '9110 5.6.1', { Connection: ', ,Upgrade,' }, 101);
headers('Connection that only begins so', '6455 4.2.1', { Connection: 'Upgraded' }, 400);
headers('Connection with close, too', '9110 7.6.1', { Connection: 'close, Upgrade' }, 101, { allowed: 'the upgrade ends what close is about' });
headers('no Connection', '6455 4.2.1', { Connection: undefined }, 400);
headers('version 0', '6455 4.2.2', { 'Sec-WebSocket-Version': '0' }, 426);
headers('version 7', '6455 4.2.2', { 'Sec-WebSocket-Version': '7' }, 426);
headers('version 14', '6455 4.2.2', { 'Sec-WebSocket-Version': '14' }, 426);
headers('version 013', '6455 4.3', { 'Sec-WebSocket-Version': '013' }, 426);
headers('version 13, 13', '6455 11.3.5', { 'Sec-WebSocket-Version': '13, 13' }, 426);
headers('version 13 twice', '6455 11.3.5', { 'Sec-WebSocket-Version': ['13', '13'] }, 426);
headers('versions 13 and 8', '6455 11.3.5', { 'Sec-WebSocket-Version': ['13', '8'] }, 426);
headers('an empty version', '6455 4.2.1', { 'Sec-WebSocket-Version': '' }, 426);
headers('the same key twice', '6455 11.3.1', { 'Sec-WebSocket-Key': [KEY, KEY] }, 400);
headers('a key without padding', '6455 4.2.1', { 'Sec-WebSocket-Key': KEY.slice(0, 22) }, 400);
headers('a key with a blank in it', '6455 4.2.1', { 'Sec-WebSocket-Key': 'dGhlIHNhbXBs ZSBub25jZQ=' }, 400);
headers('a key of URL-safe base64', '6455 4.2.1', { 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25j_-==' }, 400);
headers('a key with + and /', '6455 4.2.1', { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAA+/==' }, 101);
headers('a length and no body', '6455 4.1', { 'Content-Length': '0' }, 101);
headers('the answer\'s own header', '6455 11.3.3', { 'Sec-WebSocket-Accept': 'x' }, 101, { allowed: 'what only a server sends is not looked at' });
add('a HEAD', '6455 4.2.1', { method: 'HEAD' }, 405);
add('a PUT', '6455 4.2.1', { method: 'PUT' }, 405);
add('a DELETE', '6455 4.2.1', { method: 'DELETE' }, 405);
add('a lower-case get', '9110 9.1', { method: 'get' }, 400, { also: [405, 501] });
add('HTTP/1.0', '6455 4.2.1', { version: 'HTTP/1.0' }, 400);
add('HTTP/2.0', '9112 2.3', { version: 'HTTP/2.0' }, 505);
add('HTTP/0.9', '9112 2.3', { version: 'HTTP/0.9' }, 505);
headers('two Hosts', '9112 3.2', { Host: ['localhost', 'localhost'] }, 400);
headers('an empty Host', '6455 4.2.1', { Host: '' }, 400);
headers('a Host with a path', '9112 3.2', { Host: 'localhost/x' }, 400);
headers('a subprotocol that is not spoken', '6455 4.2.2', { 'Sec-WebSocket-Protocol': 'superchat' }, 101, { protocol: null });
const extensions = (value, status, answer) =>
  headers(`Sec-WebSocket-Extensions: \`${value}\``, '6455 9.1', { 'Sec-WebSocket-Extensions': value }, status, { answer });
extensions('permessage-deflate', 101, ANSWER);
extensions('foo, bar; baz=1; quux="x"', 101, null);
extensions('permessage-deflate; server_max_window_bits=99', 101, null);
for (const garbage of ['permessage-deflate;', 'permessage-deflate; =1', 'permessage-deflate; a=', 'permessage-deflate; a="',
  'permessage-deflate; a=""', 'permessage-deflate; a="b c"', 'permessage deflate', ';', '"permessage-deflate"', 'a=b, c', '(x)'])
  extensions(garbage, 400);
headers('two headers of extensions', '6455 9.1', { 'Sec-WebSocket-Extensions': ['foo', 'permessage-deflate'] }, 101, { answer: ANSWER });
headers('two of them, the second malformed', '6455 9.1', { 'Sec-WebSocket-Extensions': ['permessage-deflate', ';'] }, 400);
headers('an empty list of extensions', '9110 5.6.1', { 'Sec-WebSocket-Extensions': '' }, 101, { answer: null });
