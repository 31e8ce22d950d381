// The web client as the gateway serves it: hashed names for ever, everything else asked for again,
// compressed forms made at build time, a policy that lets only our own files run.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { Api } from './lib/client.mjs';
import { startStack } from './lib/stack.mjs';

const BROWSER = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

describe('the web client, served', () => {
  let stack;
  let api;
  before(async () => {
    stack = await startStack({ workers: 1 });
    api = new Api(stack.url);
  });
  after(() => stack?.stop());

  const page = (headers = {}) => api.get('/', { headers: { accept: BROWSER, ...headers } });
  const named = async () =>
    [...(await page()).text.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map((found) => found[1]);
  const script = async () => (await named()).find((path) => path.endsWith('.js'));

  it('is named by its content, and may be kept for ever', async () => {
    const paths = await named();
    assert.ok(paths.some((path) => path.endsWith('.js')) && paths.some((path) => path.endsWith('.css')));
    for (const path of paths) {
      assert.match(path, /^\/assets\/[\w-]+-[\w-]{8}\.\w+$/);
      const answer = await api.get(path);
      assert.equal(answer.status, 200, path);
      assert.equal(answer.headers['cache-control'], 'public, max-age=31536000, immutable', path);
      assert.equal(answer.headers['x-content-type-options'], 'nosniff', path);
    }
  });

  it('has a page that is asked for again each time', async () => {
    for (const path of ['/', '/docs/', '/openapi.json']) {
      const answer = await api.get(path, { headers: { accept: BROWSER } });
      assert.equal(answer.headers['cache-control'], 'no-cache', path);
      const again = await api.get(path, {
        headers: { accept: BROWSER, 'if-none-match': answer.headers.etag },
      });
      assert.equal(again.status, 304, path);
      assert.equal(again.bytes.length, 0, path);
      assert.equal(again.headers.etag, answer.headers.etag, path);
      assert.equal(again.headers['cache-control'], 'no-cache', path);
    }
  });

  it('comes as brotli or gzip to who accepts that, as it is to others', async () => {
    const path = await script();
    const plain = await api.get(path);
    assert.equal(plain.headers['content-encoding'], undefined);
    assert.match(plain.headers.vary, /accept-encoding/i);
    const forms = [
      ['br', 'br', brotliDecompressSync],
      ['gzip, deflate, br;q=1', 'br', brotliDecompressSync],
      ['gzip, deflate', 'gzip', gunzipSync],
      ['br;q=0, gzip', 'gzip', gunzipSync],
      ['identity', undefined, (bytes) => bytes],
      ['br;q=0, gzip;q=0', undefined, (bytes) => bytes],
    ];
    for (const [accepted, coding, decode] of forms) {
      const answer = await api.get(path, { headers: { 'accept-encoding': accepted } });
      assert.equal(answer.headers['content-encoding'], coding, accepted);
      assert.equal(answer.headers['content-type'], 'text/javascript; charset=utf-8', accepted);
      assert.ok(decode(answer.bytes).equals(plain.bytes), accepted);
      if (coding) assert.ok(answer.bytes.length < plain.bytes.length / 2, accepted);
    }
  });

  it('has a tag for each form, which the others do not answer to', async () => {
    const path = await script();
    const tags = new Map();
    for (const coding of ['br', 'gzip', 'identity']) {
      const { headers } = await api.get(path, { headers: { 'accept-encoding': coding } });
      tags.set(coding, headers.etag);
    }
    assert.equal(new Set(tags.values()).size, 3);
    for (const [coding, tag] of tags) {
      const ask = (etag) =>
        api.get(path, { headers: { 'accept-encoding': coding, 'if-none-match': etag } });
      const same = await ask(tag);
      assert.equal(same.status, 304, coding);
      assert.equal(same.headers['content-encoding'], undefined);
      assert.match(same.headers.vary, /accept-encoding/i);
      assert.equal((await ask(`"other", ${tag}`)).status, 304, coding);
      for (const [other, otherTag] of tags) {
        if (other !== coding) assert.equal((await ask(otherTag)).status, 200, `${other}, ${coding}`);
      }
    }
  });

  it('runs nothing that is not its own, and makes no text into HTML', async () => {
    const policy = new Map(
      (await page()).headers['content-security-policy'].split(/; */).map((part) => {
        const [name, ...values] = part.split(' ');
        return [name, values.join(' ')];
      }),
    );
    assert.equal(policy.get('default-src'), "'none'");
    for (const name of ['script-src', 'style-src', 'connect-src', 'font-src', 'form-action']) {
      assert.equal(policy.get(name), "'self'", name);
    }
    for (const name of ['base-uri', 'frame-ancestors']) assert.equal(policy.get(name), "'none'", name);
    assert.equal(policy.get('require-trusted-types-for'), "'script'");
    assert.equal(policy.get('trusted-types'), "'none'");
    const docs = (await api.get('/docs/', { headers: { accept: BROWSER } })).headers;
    assert.doesNotMatch(docs['content-security-policy'], /unsafe/);
    assert.equal(docs['x-frame-options'], 'DENY');
  });

  it('gives programs JSON at the same address', async () => {
    for (const accept of ['application/json', '*/*']) {
      const answer = await api.get('/', { headers: { accept } });
      assert.match(answer.headers['content-type'], /^application\/json/);
      assert.equal(answer.json.name, 'Banter');
      assert.match(answer.headers.vary, /accept/i);
    }
  });

  it('answers HEAD alike, and nothing else', async () => {
    const path = await script();
    const head = await api.request('HEAD', path, { headers: { 'accept-encoding': 'br' } });
    assert.equal(head.status, 200);
    assert.equal(head.headers['content-encoding'], 'br');
    assert.equal(head.bytes.length, 0);
    assert.ok(Number(head.headers['content-length']) > 0);
    assert.notEqual((await api.post(path, {})).status, 200);
    assert.equal((await api.get('/assets/../index.html.br')).status, 404);
    assert.equal((await api.get(`${path}.br`)).status, 404, 'a form is no file of its own');
  });
});
