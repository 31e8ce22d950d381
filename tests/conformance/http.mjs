// HTTP/1.1 (RFC 9110, 9112) at the gateway: bytes, and what has to come back. What
// tests/system/30_http_protocol.test.mjs has is not repeated: this is smuggling by its many spellings,
// and the ordinary rules that a server has to keep to.
//
// expect: the statuses in their order; open says whether the connection goes on after them.

const HOST = 'Host: localhost\r\n';
const GET = `GET /health HTTP/1.1\r\n${HOST}\r\n`;
const POST = `POST /api/login HTTP/1.1\r\n${HOST}`;
const BODY = '{"username":"nobody","password":"x"}'; // 401
const chunks = (text) => `${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;

export const CASES = [];
let group = '';
function add(what, rfc, bytes, expect, more = {}) {
  const number = CASES.filter((one) => one.group === group).length + 1;
  CASES.push({ id: `${group}.${number}`, group, what, rfc, bytes, expect, open: true, ...more });
}
const refused = (what, rfc, bytes, status, more) => add(what, rfc, bytes, [status], { open: false, ...more });

export const GROUPS = {
  H1: 'request smuggling: a coding that somebody could overlook, with a length and a second request behind it',
  H2: 'request smuggling: lengths and chunks that somebody could read otherwise',
  H3: 'malformed requests',
  H4: 'connections and pipelines',
  H5: 'methods, expectations, bodies',
};

group = 'H1';
// The second request must never be answered: a front that took the other reading had sent it as a body.
const coding = (line, status, more) =>
  refused(`\`${JSON.stringify(line).slice(1, -1)}\``, '9112 6.1', Buffer.from(`${POST}Content-Length: 4\r\n${line}\r\n\r\n0\r\n\r\n${GET}`, 'latin1'), status, more);
for (const line of ['Transfer-Encoding: chunked', 'transfer-encoding: CHUNKED', 'Transfer-Encoding:chunked', 'Transfer-Encoding: chunked ',
  'Transfer-Encoding : chunked', 'Transfer-Encoding\t: chunked', ' Transfer-Encoding: chunked', '\tTransfer-Encoding: chunked',
  'Transfer-Encoding:\tchunked', 'Transfer-Encoding: \x0bchunked', 'Transfer-Encoding: \x0cchunked', 'Transfer-Encoding:\x00chunked',
  'Transfer-Encoding: chunked\x00', 'Transfer-Encoding: chunked\x7f', 'Transfer-Encoding:\n chunked',
  'X: y\rTransfer-Encoding: chunked', 'X: y\nTransfer-Encoding: chunked', 'X:\r\n\x0bTransfer-Encoding: chunked',
  'Transfer\x00-Encoding: chunked', 'Transfer-Encoding\x85: chunked', '\xa0Transfer-Encoding: chunked', ': Transfer-Encoding: chunked',
  'Transfer-Encoding chunked', 'Transfer Encoding: chunked', 'Transfer-Encoding;: chunked', 'Transfer-Encoding(): chunked',
  '"Transfer-Encoding": chunked', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity',
  ])
  coding(line, 400);
for (const line of ['Transfer-Encoding:\r\n chunked', 'Transfer-Encoding: identity\r\nTransfer-Encoding: chunked', 'Transfer-Encoding: xchunked', 'Transfer-Encoding: chunkedx', 'Transfer-Encoding: identity', 'Transfer-Encoding: chunk',
  'Transfer-Encoding: chunked, identity', 'Transfer-Encoding: identity, chunked', 'Transfer-Encoding: chunked, chunked',
  'Transfer-Encoding: chunked;q=1', 'Transfer-Encoding: "chunked"', "Transfer-Encoding: 'chunked'", 'Transfer-Encoding: chunked,',
  'Transfer-Encoding: ,chunked', 'Transfer-Encoding: gzip', 'Transfer-Encoding:', 'Transfer-Encoding: \xa0chunked', 'Transfer-Encoding: x: chunked'])
  coding(line, 400, { also: [501] });

group = 'H2';
const length = (value, status) =>
  refused(`\`Content-Length: ${JSON.stringify(value).slice(1, -1)}\``, '9112 6.3', Buffer.from(`${POST}Content-Length: ${value}\r\n\r\n{}${GET}`, 'latin1'), status, { also: [413] });
for (const value of ['+2', '-2', '0x2', '2 ,2', '2,2', '2;2', '2 2', '02 x', '2.0', '2e0', '"2"', 'x', '', '\x0b2', '2\x00', '99999999999999999999', '٢'])
  length(value, 400);
refused('two different lengths', '9112 6.3', `${POST}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}${GET}`, 400);
refused('two equal lengths', '9112 6.3', `${POST}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}${GET}`, 400);
refused('a length on a GET that is the next request', '9110 9.3.1', `GET /health HTTP/1.1\r\n${HOST}Content-Length: x${GET}`, 400);
refused('HEAD with chunks', '9110 9.3.2', `HEAD /health HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${GET}`, 400);
refused('TRACE with chunks', '9110 9.3.8', `TRACE /health HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${GET}`, 400);
const chunked = (what, body, status, more) =>
  refused(what, '9112 7.1', `${POST}Transfer-Encoding: chunked\r\n\r\n${body}`, status, more);
chunked('a size that never ends', `${'0'.repeat(2000)}`, 400);
chunked('a size of 17 digits', `${'f'.repeat(17)}\r\n`, 413, { also: [400] });
chunked('a size that wraps at 32 bits', `100000002\r\n{}\r\n0\r\n\r\n${GET}`, 413, { also: [400] });
chunked('an extension that never ends', `2;${'a'.repeat(2000)}`, 400, { allowed: 'extensions are refused whole: evhttp does not read them (7.1.1 has them ignored)' });
chunked('an empty size', `\r\n{}\r\n0\r\n\r\n${GET}`, 400);
chunked('a size in other digits', `g\r\n{}\r\n0\r\n\r\n${GET}`, 400);
chunked('a minus', `-2\r\n{}\r\n0\r\n\r\n${GET}`, 400);
chunked('blanks behind the size', `2 \r\n{}\r\n0\r\n\r\n${GET}`, 400);
chunked('a line feed alone behind the size', `2\n{}\r\n0\r\n\r\n${GET}`, 400);
chunked('a line feed alone behind the data', `2\r\n{}\n0\r\n\r\n${GET}`, 400);
chunked('data that is longer than its size', `1\r\n{}\r\n0\r\n\r\n${GET}`, 400);
chunked('trailers', `2\r\n{}\r\n0\r\nContent-Length: 40\r\n\r\n${GET}`, 400, { allowed: 'trailers are refused: no call of ours has one (9110 6.5.1)' });
chunked('a carriage return alone at the end', `2\r\n{}\r\n0\r\n\r${GET}`, 400);

group = 'H3';
for (const [what, rfc, bytes, status, more] of [
  ['an empty line before a request', '9112 2.2', `\r\n${GET}`, 400, { allowed: '9112 2.2 only recommends to ignore one' }],
  ['a blank before the first line', '9112 2.2', ` ${GET}`, 400],
  ['a blank between the first line and the fields', '9112 2.2', `GET /health HTTP/1.1\r\n X: y\r\n${HOST}\r\n`, 400],
  ['no target', '9112 3', `GET HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['a tab for a blank', '9112 3', `GET\t/health\tHTTP/1.1\r\n${HOST}\r\n`, 400],
  ['a method of 30 letters', '9110 9.1', `${'A'.repeat(30)} /health HTTP/1.1\r\n${HOST}\r\n`, 501],
  ['a method with a NUL', '9110 9.1', `GE\0T /health HTTP/1.1\r\n${HOST}\r\n`, 400],
  ['http/1.1 in small letters', '9112 2.3', `GET /health http/1.1\r\n${HOST}\r\n`, 400],
  ['HTTP/01.1', '9112 2.3', `GET /health HTTP/01.1\r\n${HOST}\r\n`, 400, { also: [505] }],
  ['HTTP/1.10', '9112 2.3', `GET /health HTTP/1.10\r\n${HOST}\r\n`, 400, { also: [505] }],
  ['HTTP/3.0', '9112 2.3', `GET /health HTTP/3.0\r\n${HOST}\r\n`, 505],
  ['a Host with a comma', '9112 3.2', 'GET /health HTTP/1.1\r\nHost: a, b\r\n\r\n', 400],
  ['a Host with a user', '9112 3.2', 'GET /health HTTP/1.1\r\nHost: u@localhost\r\n\r\n', 400],
  ['a field of 8-bit bytes in its name', '9110 5.1', `GET /health HTTP/1.1\r\n${HOST}X\u00fc: y\r\n\r\n`, 400],
  ['a field without a colon', '9112 5', `GET /health HTTP/1.1\r\n${HOST}X\r\n\r\n`, 400],
  ['a target of 5,000 bytes', '9110 15.5.15', `GET /${'a'.repeat(5000)} HTTP/1.1\r\n${HOST}\r\n`, 414],
  ['a field of 17,000 bytes', '6585 5', `GET /health HTTP/1.1\r\n${HOST}X: ${'a'.repeat(17000)}\r\n\r\n`, 431],
  ['65 fields', '6585 5', `GET /health HTTP/1.1\r\n${HOST}${'X: y\r\n'.repeat(64)}\r\n`, 431],
])
  refused(what, rfc, bytes, status, more);
add('a path by percent signs', '9110 4.2.3', `GET /%68ealth HTTP/1.1\r\n${HOST}\r\n`, [404]);
add('a path with %00', '9110 17.1', `GET /health%00 HTTP/1.1\r\n${HOST}\r\n`, [404]);
add('a path with /../', '9110 17.3', `GET /docs/../health HTTP/1.1\r\n${HOST}\r\n`, [404]);

group = 'H4';
add('ten requests in one segment', '9112 9.3.2', GET.repeat(10), Array(10).fill(200));
add('GET, POST, GET', '9112 9.3.2', `${GET}${POST}Content-Length: ${BODY.length}\r\n\r\n${BODY}${GET}`, [200, 401, 200]);
add('Connection: close', '9112 9.6', `GET /health HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`, [200], { open: false, behind: GET });
add('Connection: Close among others', '9112 9.6', `GET /health HTTP/1.1\r\n${HOST}Connection: x, Close\r\n\r\n`, [200], { open: false, behind: GET });
add('Connection: close before others', '9112 9.6', `GET /health HTTP/1.1\r\n${HOST}Connection: close, x\r\n\r\n`, [200], { open: false, behind: GET });
add('HTTP/1.0', '9112 9.3', `GET /health HTTP/1.0\r\n${HOST}\r\n`, [200], { open: false });
add('HTTP/1.0 with keep-alive', '9112 C.2.2', `GET /health HTTP/1.0\r\n${HOST}Connection: keep-alive\r\n\r\n`, [200], { open: null });
add('the target in absolute form', '9112 3.2.2', `GET http://localhost/health HTTP/1.1\r\n${HOST}\r\n`, [200], { open: null, allowed: 'a server may close after an answer: 9112 9.5' });
add('a Host with a port', '9112 3.2', 'GET /health HTTP/1.1\r\nHost: localhost:8000\r\n\r\n', [200]);
add('a Host with an IPv6 address', '9112 3.2', 'GET /health HTTP/1.1\r\nHost: [::1]:8000\r\n\r\n', [200]);
add('fields in any letter case, blanks around values', '9110 5.5', `GET /health HTTP/1.1\r\nhOST:  localhost  \r\nX-Y: z\tz \r\nX-Z:z\r\n\r\n`, [200]);
refused('a tab before the value of Host', '9110 5.5', `GET /health HTTP/1.1\r\nHost:\tlocalhost\r\n\r\n`, 400, { allowed: 'stricter than 9110 5.5: evhttp takes the tab for a part of the value' });

group = 'H5';
add('HEAD as GET, without the body', '9110 9.3.2', `HEAD /health HTTP/1.1\r\n${HOST}\r\n`, [200], { head: true });
add('HEAD of what is not there', '9110 9.3.2', `HEAD /nowhere HTTP/1.1\r\n${HOST}\r\n`, [404], { head: true });
add('OPTIONS of a call', '9110 9.3.7', `OPTIONS /api/login HTTP/1.1\r\n${HOST}\r\n`, [405], { header: ['allow', /POST/], allowed: '405 with Allow: 9110 15.5.6' });
add('OPTIONS *', '9110 9.3.7', `OPTIONS * HTTP/1.1\r\n${HOST}\r\n`, [404], { allowed: 'the server as a whole offers nothing to ask about' });
add('a method that the call does not take', '9110 15.5.6', `PUT /health HTTP/1.1\r\n${HOST}Content-Length: 0\r\n\r\n`, [405], { header: ['allow', /GET/] });
add('Expect: 100-continue, with the body', '9110 10.1.1', `${POST}Expect: 100-continue\r\nContent-Length: ${BODY.length}\r\n\r\n${BODY}`, [401], { skip100: true, allowed: 'no 100 when the body is there already: 9110 10.1.1' });
add('Expect: 100-continue, and no body yet', '9110 10.1.1', `${POST}Expect: 100-continue\r\nContent-Length: ${BODY.length}\r\n\r\n`, [100], { open: null });
add('the same in capitals', '9110 10.1.1', `${POST}Expect: 100-CONTINUE\r\nContent-Length: ${BODY.length}\r\n\r\n`, [100], { open: null });
add('Expect without a body', '9110 10.1.1', `GET /health HTTP/1.1\r\n${HOST}Expect: 100-continue\r\n\r\n`, [200], { skip100: true });
refused('an expectation that is not known', '9110 10.1.1', `${POST}Expect: 200-ok\r\nContent-Length: 2\r\n\r\n{}`, 417);
add('one chunk', '9112 7.1', `${POST}Transfer-Encoding: chunked\r\n\r\n${chunks(BODY)}${GET}`, [401, 200]);
add('a chunk for each byte', '9112 7.1', `${POST}Transfer-Encoding: chunked\r\n\r\n${[...BODY].map((c) => `1\r\n${c}\r\n`).join('')}0\r\n\r\n`, [401]);
add('sizes with zeros before them', '9112 7.1', `${POST}Transfer-Encoding: chunked\r\n\r\n000${chunks(BODY)}`, [401]);
add('no chunk but the last', '9112 7.1', `${POST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${GET}`, [422, 200]);
add('a body of no bytes', '9110 8.6', `${POST}Content-Length: 0\r\n\r\n${GET}`, [422, 200]);
add('a POST without a body', '9112 6.3', `${POST}\r\n${GET}`, [422, 200]);
refused('a length above the bound', '9110 15.5.14', `${POST}Content-Length: 65537\r\n\r\n`, 413);
refused('chunks above the bound', '9110 15.5.14', `${POST}Transfer-Encoding: chunked\r\n\r\n10001\r\n`, 413);
