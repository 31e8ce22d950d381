// Whatever comes in: the right 4xx, the envelope, a stable code and a sentence. Never a 500, a
// crash or a leak; after each story the server is asked whether it still lives.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { Api, assertError, makeRoom, uniqueName } from './lib/client.mjs';
import { rawRequest, RawConnection } from './lib/raw.mjs';
import { startStack } from './lib/stack.mjs';

for (const workers of [1, 4]) {
  describe(`bad input, workers: ${workers}`, () => {
    let stack;
    let api;
    let owner;
    let room;
    let bodies; // every route that takes a body, with one that fits
    let pids;
    before(async () => {
      stack = await startStack({ workers });
      api = new Api(stack.url);
      ({ owner, room } = await makeRoom(api, 0));
      pids = stack.workers();
      bodies = [
        ['/api/register', () => ({ username: uniqueName(), email: `${uniqueName()}@example.org`, password: 'correct horse' })],
        ['/api/login', () => ({ username: owner.username, password: owner.password })],
        ['/api/chat/rooms', () => ({ name: 'x' })],
        [`/api/chat/rooms/${room.id}/messages`, () => ({ text: 'x' })],
      ];
    });
    after(async () => {
      assert.deepEqual(stack.workers(), pids, 'no worker has died');
      await stack.stop();
    });

    const json = { 'content-type': 'application/json' };
    const post = (path, body, headers = json) => owner.api.request('POST', path, { body, headers });

    async function assertAlive() {
      for (let i = 0; i < 2 * workers; i += 1) assert.equal((await api.get('/health')).status, 200);
    }

    it('malformed JSON is 422 malformed_json', async () => {
      const texts = ['', ' ', '{', '}', '{"name":', '{"name":"x"', '{"name":"x"}}', '{name:"x"}', "{'name':'x'}", '{"name":"x",}',
        '{"name":"a\nb"}', '{"name":"\\x41"}', '{"name":"\\u12"}', '{"a":01}', '{"a":1.}', '{"a":.5}', '{"a":+1}', '{"a":NaN}',
        '{"a":Infinity}', '{"name":"x"} trailing', '{"a":tru}', 'nul', '/* c */ {}', '{"a":1 "b":2}', '\ufeff{"name":"x"', '[', '[1,',
        '{"a":1e}', '{"a":"\t"}', '\0', '{"a":1}\0'];
      for (const [path] of bodies) {
        for (const text of texts) {
          assertError(await post(path, text), 422, 'malformed_json');
        }
      }
      await assertAlive();
    });

    it('JSON that is no object is 422', async () => {
      for (const [path] of bodies) {
        for (const text of ['[]', '"text"', '1', 'true', 'null', '[{"name":"x"}]', '-0', '1e400']) {
          const answer = await post(path, text);
          assertError(answer, 422, answer.json?.code);
          assert.ok(['malformed_json', 'validation_failed'].includes(answer.json.code), answer.text);
        }
      }
      await assertAlive();
    });

    it('invalid UTF-8 is 422', async () => {
      const ways = [[0xff], [0xc0, 0x80], [0xc3], [0xe2, 0x82], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80],
        [0xf5, 0x80, 0x80, 0x80], [0x80], [0xf0, 0x80, 0x80, 0xaf], [0xfe, 0xfe, 0xff, 0xff]];
      for (const [path, make] of bodies) {
        for (const bytes of ways) {
          const fields = make();
          const field = Object.keys(fields)[0];
          const text = JSON.stringify({ ...fields, [field]: 'MARK' });
          const at = text.indexOf('MARK');
          const body = Buffer.concat([Buffer.from(text.slice(0, at)), Buffer.from(bytes), Buffer.from(text.slice(at + 4))]);
          const answer = await post(path, body);
          assert.ok(['malformed_json', 'validation_failed'].includes(answer.json?.code), answer.text);
          assertError(answer, 422, answer.json.code);
        }
      }
      await assertAlive();
    });

    it('U+0000 and half surrogate pairs are 422', async () => {
      for (const [path, make] of bodies) {
        for (const escape of ['\\u0000', 'a\\u0000b', '\\ud800', '\\udc00', '\\ud83dx', '\\ud83d\\u0041']) {
          const fields = make();
          for (const field of Object.keys(fields)) {
            if (path === '/api/login' && field === 'password') continue;
            const body = JSON.stringify({ ...fields, [field]: 'MARK' }).replace('MARK', escape);
            const answer = await post(path, body);
            assert.ok(['malformed_json', 'validation_failed'].includes(answer.json?.code), `${body}: ${answer.text}`);
            assertError(answer, 422, answer.json.code);
          }
        }
      }
      assert.deepEqual(await owner.api.history(room.id), []);
      await assertAlive();
    });

    it('deep JSON is refused, wherever it is', async () => {
      for (const [path, make] of bodies) {
        for (const depth of [100, 10_000, 30_000]) {
          for (const body of [
            '['.repeat(depth) + ']'.repeat(depth),
            '['.repeat(depth),
            JSON.stringify({ ...make(), deep: 'MARK' }).replace('"MARK"', '['.repeat(depth) + ']'.repeat(depth)),
          ]) {
            const answer = await post(path, body);
            assert.ok(['malformed_json', 'validation_failed'].includes(answer.json?.code), answer.text.slice(0, 200));
            assertError(answer, 422, answer.json.code);
          }
        }
      }
      await assertAlive();
    });

    it('a field of the wrong type, missing or null is 422 and named', async () => {
      for (const [path, make] of bodies) {
        for (const field of Object.keys(make())) {
          for (const value of [undefined, null, 1, 1.5, true, [], ['x'], {}, { a: 'b' }]) {
            const body = { ...make(), [field]: value };
            const answer = await owner.api.post(path, body);
            assertError(answer, 422, 'validation_failed');
            assert.equal(answer.json.data?.field, field, `${path} ${JSON.stringify(body)}: ${answer.text}`);
            assert.ok(answer.json.message.includes(field), answer.json.message);
          }
        }
      }
      await assertAlive();
    });

    it('an over-long field is 422', async () => {
      for (const [path, make] of bodies) {
        for (const field of Object.keys(make())) {
          const answer = await owner.api.post(path, { ...make(), [field]: 'x'.repeat(20_000) });
          if (path === '/api/login' && answer.status === 401) continue;
          assert.equal(answer.status, 422, `${path} ${field}: ${answer.text}`);
          assert.ok(['validation_failed', 'message_too_long'].includes(answer.json.code));
          assert.equal(answer.json.data?.field, field, answer.text);
        }
      }
      await assertAlive();
    });

    it('a field that comes twice does no harm', async () => {
      const answer = await post('/api/chat/rooms', '{"name":"one","name":"two"}');
      assert.ok([200, 422].includes(answer.status), answer.text);
      assert.ok(answer.status !== 200 || ['one', 'two'].includes(answer.json.name));
    });

    it('a body that is too large is 413', async () => {
      for (const [path] of bodies) {
        for (const size of [65_537, 200_000, 5_000_000]) {
          const connection = await RawConnection.open(stack);
          connection.write(
            `POST ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${owner.token}\r\n` +
              `Content-Type: application/json\r\nContent-Length: ${size}\r\n\r\n`,
          );
          connection.write(Buffer.alloc(size, 0x20));
          const answer = await connection.readResponse();
          assert.equal(answer.status, 413, path);
          const body = JSON.parse(answer.body);
          assert.equal(body.code, 'payload_too_large');
          assert.equal(body.success, false);
          connection.destroy();
        }
      }
      await assertAlive();
    });

    it('a body of 64 KiB is still read', async () => {
      const answer = await post('/api/chat/rooms', `{"name":"x"${' '.repeat(65_536 - 12)}}`);
      assert.equal(answer.status, 200, answer.text);
    });

    it('any content type will do if the body is JSON, and no body never crashes', async () => {
      for (const type of ['application/json', 'application/json; charset=utf-8', 'text/plain', 'application/x-www-form-urlencoded',
        'multipart/form-data; boundary=x', 'nonsense', '']) {
        const headers = type ? { 'content-type': type } : {};
        const answer = await post('/api/chat/rooms', '{"name":"typed"}', headers);
        assert.ok([200, 415, 422].includes(answer.status), `${type}: ${answer.status}`);
        const form = await post('/api/chat/rooms', 'name=x', headers);
        assert.ok([415, 422].includes(form.status), `${type}: ${form.status}`);
      }
      for (const [path] of bodies) {
        assertError(await owner.api.request('POST', path), 422, 'malformed_json');
      }
    });

    it('a room id that is none is 404 or 422', async () => {
      const ids = ['0', '-1', 'x', '1x', '1.5', '1e3', '%31x', '0x1', '+1', ' ', '%20', '%00', '1%00', '%ff', '%F0%9F%98%80',
        '9007199254740992', '18446744073709551615', '18446744073709551616', '99999999999999999999999999',
        `${'9'.repeat(1000)}`, 'null', '..', '%2e%2e', "1'--", '1;2', '-0'];
      for (const id of ids) {
        for (const [method, rest] of [['GET', ''], ['POST', '/join'], ['POST', '/leave'], ['GET', '/users'],
          ['GET', '/messages'], ['POST', '/messages']]) {
          const connection = await RawConnection.open(stack);
          const body = method === 'POST' ? '{"text":"x"}' : '';
          connection.write(
            `${method} /api/chat/rooms/${id}${rest} HTTP/1.1\r\nHost: localhost\r\n` +
              `Authorization: Bearer ${owner.token}\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
          );
          const answer = await connection.readResponse();
          connection.destroy();
          assert.ok([400, 404, 405, 422].includes(answer.status), `${method} ${id}${rest}: ${answer.status}`);
          const envelope = JSON.parse(answer.body);
          assert.equal(envelope.success, false);
          assert.equal(typeof envelope.code, 'string');
        }
      }
      await assertAlive();
    });

    it('a leading zero makes no second name for a room', async () => {
      const answer = await owner.api.get(`/api/chat/rooms/0${room.id}`);
      assert.ok([200, 404, 422].includes(answer.status));
    });

    it('strange queries do no harm', async () => {
      const strange = ['?', '?&', '?=', '?&&&=&', '?limit', '?limit=1&limit=2', '?%', '?%zz=1', '?limit=%', '?limit=%zz', '?limit=%00',
        `?x=${'y'.repeat(3000)}`, `?${'a=1&'.repeat(700)}`, '?limit=+5', '?limit=%2B5', '?limit= 5'];
      for (const query of strange) {
        for (const path of ['/api/chat/rooms', `/api/chat/rooms/${room.id}/messages`, `/api/chat/rooms/${room.id}/users`, '/health']) {
          const answer = await rawRequest(
            stack,
            `GET ${path}${query.replace(' ', '%20')} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${owner.token}\r\n\r\n`,
          );
          assert.ok([200, 400, 422].includes(answer.status), `${path}${query.slice(0, 40)}: ${answer.status}`);
        }
      }
      await assertAlive();
    });

    it('what is too long in a head is 414 or 431', async () => {
      const uri = await rawRequest(stack, `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
      assert.equal(uri.status, 414);
      assert.equal(JSON.parse(uri.body).code, 'uri_too_long');
      const header = await rawRequest(
        stack, `GET /health HTTP/1.1\r\nHost: localhost\r\nX-Long: ${'x'.repeat(40_000)}\r\n\r\n`,
      );
      assert.equal(header.status, 431);
      assert.equal(JSON.parse(header.body).code, 'headers_too_large');
      const many = await rawRequest(
        stack, `GET /health HTTP/1.1\r\nHost: localhost\r\n${'X-Many: y\r\n'.repeat(500)}\r\n`,
      );
      assert.equal(many.status, 431);
      await assertAlive();
    });

    it('methods that nobody knows are refused', async () => {
      for (const method of ['FOO', 'BREW', 'get', 'TRACE', 'CONNECT', 'PROPFIND', 'OPTIONS', 'X'.repeat(200)]) {
        const target = method === 'CONNECT' ? 'localhost:80' : '/api/chat/rooms';
        const connection = await RawConnection.open(stack);
        connection.write(`${method} ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
        const answer = await connection.readResponse({ noBody: true });
        connection.destroy();
        assert.ok(
          [400, 405, 501].includes(answer.status) || (method === 'OPTIONS' && answer.status === 204),
          `${method}: ${answer.status}`,
        );
      }
      await assertAlive();
    });

    it('noise instead of HTTP does no harm', async () => {
      const noises = [Buffer.alloc(0), Buffer.from('\r\n\r\n\r\n'), Buffer.from('\0'.repeat(5000)), randomBytes(50_000),
        Buffer.from('16030100', 'hex'), Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.from('GET'),
        Buffer.from('GET / HTTP/9.9\r\n\r\n'), Buffer.from('GET / HTTP/1.1\r\nHost'), Buffer.from(': \r\n\r\n')];
      for (let i = 0; i < 40; i += 1) noises.push(randomBytes(1 + Math.floor(Math.random() * 300)));
      await Promise.all(noises.map(async (noise) => {
        const connection = await RawConnection.open(stack);
        connection.write(noise);
        connection.finish();
        await connection.waitEnd(20_000).catch(() => {});
        connection.destroy();
      }));
      await assertAlive();
    });

    it('connections that are cut at any byte do no harm', async () => {
      const body = '{"text":"cut"}';
      const whole =
        `POST /api/chat/rooms/${room.id}/messages HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${owner.token}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
      for (let at = 0; at < whole.length; at += 7) {
        const connection = await RawConnection.open(stack);
        connection.write(whole.slice(0, at));
        await new Promise((resolve) => setImmediate(resolve));
        connection.destroy();
      }
      // And some that go right after asking, so that the answer finds nobody.
      for (let i = 0; i < 20; i += 1) {
        const connection = await RawConnection.open(stack);
        connection.write(whole);
        await new Promise((resolve) => setImmediate(resolve));
        connection.socket.resetAndDestroy();
      }
      await assertAlive();
      assert.equal((await owner.api.get(`/api/chat/rooms/${room.id}`)).status, 200);
    });
  });
}
