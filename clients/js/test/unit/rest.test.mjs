// Calls: what goes out, what comes back, pages, errors.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nextLink } from '../../dist/rest.js';
import { ApiError, BanterError, NetworkError } from '../../dist/index.js';
import { fetchOf, settle, start } from './fakes.mjs';

const fail = (status, code, data = null, headers = {}) => [status, { success: false, message: 'Words.', code, data }, headers];

describe('Link', () => {
  it('is read for rel="next"', () => {
    assert.equal(nextLink('</a?x=1,2>; rel="next"'), '/a?x=1,2');
    assert.equal(nextLink('</b>; rel="prev", </a>; title="x"; rel=next'), '/a');
    assert.equal(nextLink('</b>; rel="prev"'), null);
    assert.equal(nextLink(null), null);
  });
});

describe('calls', () => {
  it('log in, and use the token from then on', async () => {
    const calls = [];
    const { client } = start({ token: null, fetch: fetchOf((url) => url.endsWith('/login') ? [200, { data: { access_token: 'NEW' } }] : [200, { id: 1 }], calls) });
    assert.equal(await client.login({ username: 'ada', password: 'x' }), 'NEW');
    await client.getRoom(1);
    assert.deepEqual(calls.map(({ headers }) => headers.Authorization), [undefined, 'Bearer NEW']);
    client.close();
  });

  it('change the password, and list and end sessions', async () => {
    const calls = [];
    const sessions = [{ id: '5f2b9c0e1d3a4b67', current: true }];
    const fetch = fetchOf((url, { method }) => [200, method === 'GET' ? sessions : { success: true, data: { ended: 2 } }], calls);
    const { client } = start({ token: 'MINE', fetch });
    assert.equal(await client.changePassword({ current_password: 'old', new_password: 'new' }), 2);
    assert.deepEqual(await client.listSessions(), sessions);
    assert.equal(await client.endSession(sessions[0].id), undefined);
    assert.equal(await client.endOtherSessions(), 2);
    assert.deepEqual(calls.map(({ method, url, body }) => [method, new URL(url).pathname, body]), [
      ['POST', '/api/password', { current_password: 'old', new_password: 'new' }],
      ['GET', '/api/sessions', undefined],
      ['DELETE', '/api/sessions/5f2b9c0e1d3a4b67', undefined],
      ['DELETE', '/api/sessions', undefined],
    ]);
    assert.ok(calls.every(({ headers }) => headers.Authorization === 'Bearer MINE'));
    client.close();
  });

  it('page by page, item by item', async () => {
    const calls = [];
    const fetch = fetchOf((url) => {
      const after = Number(/after=(\d+)/.exec(url)?.[1] ?? 0);
      return [200, [{ id: after + 1 }, { id: after + 2 }], after < 4 ? { link: `</api/chat/rooms?limit=2&after=${after + 2}>; rel="next"` } : {}];
    }, calls);
    const { client } = start({ fetch });
    const ids = [];
    for await (const room of client.rooms({ limit: 2 })) ids.push(room.id);
    assert.deepEqual(ids, [1, 2, 3, 4, 5, 6]);
    assert.deepEqual(calls.map(({ url }) => url.split('?')[1]), ['limit=2', 'limit=2&after=2', 'limit=2&after=4']);
    const page = await client.listRooms({ limit: 2 });
    assert.equal((await client.listRooms({ next: page.next })).items[0].id, 3);
    client.close();
  });

  it('history goes backward by default, forward with after', async () => {
    const fetch = fetchOf((url) => {
      if (url.includes('after=')) return [200, [{ id: 3 }, { id: 4 }]];
      return url.includes('before=3') ? [200, [{ id: 1 }, { id: 2 }]] : [200, [{ id: 3 }, { id: 4 }], { link: '</api/chat/rooms/7/messages?before=3>; rel="next"' }];
    });
    const { client } = start({ fetch });
    const read = async (options) => {
      const ids = [];
      for await (const { id } of client.messages(7, options)) ids.push(id);
      return ids;
    };
    assert.deepEqual(await read(), [4, 3, 2, 1]);
    assert.deepEqual(await read({ after: 2 }), [3, 4]);
    client.close();
  });

  it('fail with the code, the status and the field of the server', async () => {
    const answers = [
      fail(422, 'validation_failed', { field: 'email' }), fail(503, 'database_unavailable', null, { 'retry-after': '2' }), fail(429, 'rate_limited'), [502, 'no JSON of ours'],
    ];
    const { client } = start({ fetch: fetchOf(() => answers.shift()) });
    const caught = async () => client.getRoom(1).then(() => null, (error) => error);
    const invalid = await caught();
    assert.ok(invalid instanceof ApiError && invalid instanceof BanterError && invalid instanceof Error);
    assert.deepEqual([invalid.name, invalid.code, invalid.status, invalid.temporary, invalid.field, invalid.message], ['ApiError', 'validation_failed', 422, false, 'email', 'Words.']);
    const away = await caught();
    assert.deepEqual([away.code, away.temporary, away.retryAfterMs], ['database_unavailable', true, 2000]);
    assert.equal((await caught()).temporary, true);
    const proxy = await caught();
    assert.deepEqual([proxy.code, proxy.status, proxy.temporary], ['unknown', 502, true]);
    client.close();
  });

  it('fail when nobody answers, in time or at all, or when they are given up', async () => {
    const { client } = start();
    await assert.rejects(client.getRoom(1), (error) => error instanceof NetworkError && error.code === 'network' && error.temporary);
    client.close();
    const never = (url, { signal }) => new Promise((resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const silent = start({ fetch: never, requestTimeoutMs: 5_000 });
    const late = assert.rejects(silent.client.getRoom(1), { code: 'timeout', temporary: true });
    await settle();
    await silent.clock.pass(5_000);
    await late;
    const cut = new AbortController();
    const given = assert.rejects(silent.client.getRoom(1, { signal: cut.signal }), { name: 'AbortedError', code: 'aborted' });
    await settle();
    cut.abort();
    await given;
    assert.equal(silent.clock.nextMs, null);
    silent.client.close();
  });

  it('the end of the session is told, but not of one that was exchanged meanwhile', async () => {
    const { client, told } = start({ fetch: fetchOf(() => fail(401, 'invalid_token')) });
    await assert.rejects(client.getRoom(1), { code: 'invalid_token', status: 401 });
    assert.equal(told.filter(([name]) => name === 'signed-out').length, 1);
    client.close();
  });

  it('a wrong password is no end of a session', async () => {
    const { client, told } = start({ fetch: fetchOf(() => fail(401, 'invalid_credentials')) });
    await assert.rejects(client.login({ username: 'a', password: 'b' }), { code: 'invalid_credentials' });
    assert.deepEqual(told, []);
    client.close();
  });
});
