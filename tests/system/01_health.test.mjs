// What answers without an account: health, readiness, the web client, the API's pages; and what any
// unknown path or wrong method gets.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Api, assertError } from './lib/client.mjs';
import { RawConnection } from './lib/raw.mjs';
import { startStack } from './lib/stack.mjs';

for (const workers of [1, 4]) {
  describe(`health and pages, workers: ${workers}`, () => {
    let stack;
    let api;
    before(async () => {
      stack = await startStack({ workers });
      api = new Api(stack.url);
    });
    after(() => stack?.stop());

    it('says healthy', async () => {
      const answer = await api.get('/health');
      assert.equal(answer.status, 200);
      assert.match(answer.headers['content-type'], /^application\/json\b/);
      assert.deepEqual(answer.json, { status: 'healthy' });
    });

    it('says what it is ready for', async () => {
      const answer = await api.get('/readyz');
      assert.equal(answer.status, 200);
      assert.deepEqual(answer.json, { ready: true, database: true, broker: true, draining: false });
    });

    it('is not to be cached where it tells a state', async () => {
      for (const path of ['/health', '/readyz']) {
        assert.match((await api.get(path)).headers['cache-control'] ?? '', /no-store|no-cache/, path);
      }
    });

    it('gives programs its name and version at /', async () => {
      for (const accept of [undefined, '*/*', 'application/json']) {
        const answer = await api.get('/', { headers: accept ? { accept } : {} });
        assert.equal(answer.status, 200);
        assert.match(answer.headers['content-type'], /^application\/json\b/);
        assert.deepEqual(Object.keys(answer.json).sort(), ['name', 'version']);
        assert.equal(answer.json.name, 'Banter');
        assert.match(answer.json.version, /^\d+\.\d+\.\d+/);
      }
    });

    it('gives browsers the web client at /, and every file that it names', async () => {
      const accept = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
      const page = await api.get('/', { headers: { accept } });
      assert.equal(page.status, 200);
      assert.match(page.headers['content-type'], /^text\/html; ?charset=utf-8$/i);
      assert.match(page.headers.vary ?? '', /accept/i);
      assert.match(page.headers['content-security-policy'] ?? '', /default-src/);
      assert.equal(page.headers['x-content-type-options'], 'nosniff');
      const files = [...page.text.matchAll(/(?:src|href)="([^":]+)"/g)].map((found) => found[1]);
      assert.ok(files.length > 0, 'the page names files');
      for (const file of files) {
        let answer = await api.get(new URL(file, stack.url).pathname);
        if (answer.status === 308) answer = await api.get(answer.headers.location);
        assert.equal(answer.status, 200, file);
        assert.ok(answer.bytes.length > 0, file);
        assert.ok(answer.headers['content-type'], file);
      }
    });

    it('answers 304 to who has the page already', async () => {
      for (const path of ['/openapi.json', '/docs/', '/docs']) {
        const first = await api.get(path);
        if (first.status >= 300) continue;
        assert.match(first.headers.etag ?? '', /^(W\/)?"[^"]+"$/, path);
        const again = await api.get(path, { headers: { 'if-none-match': first.headers.etag } });
        assert.equal(again.status, 304, path);
        assert.equal(again.bytes.length, 0);
        assert.equal(again.headers.etag, first.headers.etag);
        const other = await api.get(path, { headers: { 'if-none-match': '"something else"' } });
        assert.equal(other.status, 200, path);
        assert.deepEqual(other.bytes, first.bytes);
      }
    });

    it('serves the documentation', async () => {
      let page = await api.get('/docs', { headers: { accept: 'text/html' } });
      if (page.status === 308) {
        page = await api.get(page.headers.location, { headers: { accept: 'text/html' } });
      }
      assert.equal(page.status, 200);
      assert.match(page.headers['content-type'], /^text\/html/);
      assert.doesNotMatch(page.headers['content-security-policy'] ?? '', /unsafe-(inline|eval)/);
      assert.doesNotMatch(page.text, /(src|href)="(https?:)?\/\//, 'nothing from elsewhere');
      const description = await api.get('/openapi.json');
      assert.equal(description.status, 200);
      assert.match(description.headers['content-type'], /^application\/json\b/);
      assert.match(description.json.openapi, /^3\.1\./);
    });

    it('answers HEAD as GET, without the body', async () => {
      for (const path of ['/', '/health', '/readyz', '/openapi.json']) {
        const get = await api.get(path);
        const head = await api.request('HEAD', path);
        assert.equal(head.status, get.status, path);
        assert.equal(head.bytes.length, 0);
        assert.equal(head.headers['content-type'], get.headers['content-type'], path);
        assert.equal(head.headers['content-length'], String(get.bytes.length), path);
      }
    });

    it('keeps a connection open for more requests', async () => {
      const connection = await RawConnection.open(stack);
      for (let i = 0; i < 5; i += 1) {
        connection.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
        const answer = await connection.readResponse();
        assert.equal(answer.status, 200);
        assert.deepEqual(JSON.parse(answer.body), { status: 'healthy' });
      }
      connection.write('GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
      assert.equal((await connection.readResponse()).status, 200);
      await connection.waitEnd();
      connection.destroy();
    });

    it('answers 404 for what is not there', async () => {
      const paths = ['/nothing', '/api', '/api/', '/api/nothing', '/api/chat', '/healthz/x', '/assets/nothing.js',
        '/docs/nothing.css', '/ws', '/ws/', '/ws/chat/', '/index.htm', '/api/chat/rooms/1/nothing'];
      for (const path of paths) {
        assertError(await api.get(path, { headers: { accept: 'application/json' } }), 404, 'not_found');
      }
    });

    it('never leaves the folder of the pages', async () => {
      const ways = ['/../../../etc/passwd', '/assets/../../../../etc/passwd', '/%2e%2e/%2e%2e/etc/passwd',
        '/assets/%2e%2e%2f%2e%2e%2fetc%2fpasswd', '/docs/..%2f..%2f..%2fopenapi.json', '/docs//etc/passwd',
        '/assets/..%5c..%5cetc', '/docs/%00', '/.git/config', '/docs/.%2e/index.html'];
      for (const path of ways) {
        const connection = await RawConnection.open(stack);
        connection.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
        const answer = await connection.readResponse();
        connection.destroy();
        assert.ok([400, 404].includes(answer.status), `${path}: ${answer.status}`);
        assert.doesNotMatch(answer.body.toString(), /root:/);
      }
    });

    it('answers 405 and says what the path takes', async () => {
      const routes = {
        '/api/register': ['POST'],
        '/api/login': ['POST'],
        '/api/logout': ['POST'],
        '/api/delete': ['DELETE'],
        '/api/chat/rooms': ['GET', 'POST'],
        '/api/chat/rooms/1': ['GET'],
        '/api/chat/rooms/1/join': ['POST'],
        '/api/chat/rooms/1/leave': ['POST'],
        '/api/chat/rooms/1/users': ['GET'],
        '/api/chat/rooms/1/messages': ['GET', 'POST'],
        '/health': ['GET'],
        '/readyz': ['GET'],
        '/openapi.json': ['GET'],
        '/': ['GET'],
      };
      for (const [path, takes] of Object.entries(routes)) {
        for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
          if (takes.includes(method)) continue;
          const answer = await api.request(method, path);
          assertError(answer, 405, 'method_not_allowed');
          const allow = answer.headers.allow.split(/, ?/);
          for (const one of takes) assert.ok(allow.includes(one), `${path} Allow: ${allow}`);
          assert.equal(allow.includes('HEAD'), takes.includes('GET'), `${path} Allow: ${allow}`);
          assert.ok(!allow.includes(method), `${path} Allow: ${allow}`);
        }
      }
    });
  });
}
