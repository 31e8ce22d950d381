// The Postman collection that the build makes from openapi.json, run from top to bottom by Postman's
// own runner against a fresh server: every request succeeds, and says what is documented.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import newman from 'newman';
import { Api } from './lib/client.mjs';
import { startStack } from './lib/stack.mjs';

const METHODS = new Set(['get', 'post', 'put', 'patch', 'delete']);
/* What never ends, or is no request. */
const LEFT_OUT = new Set(['openSocket', 'openRoomSocket', 'streamEvents']);

const requestsOf = (items) =>
  items.flatMap((each) => (each.item ? requestsOf(each.item) : [each]));

function play(collection, baseUrl) {
  return new Promise((resolve, reject) => {
    newman.run(
      { collection, envVar: [], globals: {}, globalVar: [{ key: 'baseUrl', value: baseUrl }], timeoutRequest: 30_000 },
      (error, summary) => (error ? reject(error) : resolve(summary.run)),
    );
  });
}

describe('the Postman collection', () => {
  let stack;
  let api;
  let collection;
  before(async () => {
    stack = await startStack({ workers: 1 });
    api = new Api(stack.url);
    const answer = await api.get('/docs/banter.postman_collection.json');
    assert.equal(answer.status, 200);
    collection = answer.json;
    // The collection's own variable would hide the one of the run.
    collection.variable = collection.variable.filter(({ key }) => key !== 'baseUrl');
  });
  after(() => stack?.stop());

  it('has every operation that is a request with an answer', async () => {
    const { paths } = (await api.get('/openapi.json')).json;
    const described = Object.entries(paths).flatMap(([path, item]) =>
      Object.entries(item)
        .filter(([method, { operationId }]) => METHODS.has(method) && !LEFT_OUT.has(operationId))
        .map(([method]) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
    );
    const there = requestsOf(collection.item)
      .map(({ request: { method, url } }) => `${method} /${url.path.join('/')}`);
    assert.deepEqual([...new Set(there)].sort(), described.sort());
  });

  for (const time of ['a fresh server', 'a server that has seen it before']) {
    it(`runs from top to bottom on ${time}`, async () => {
      const { executions, failures } = await play(collection, stack.url);
      assert.deepEqual(failures.map(({ source, error }) => `${source?.name}: ${error.message}`), []);
      assert.equal(executions.length, requestsOf(collection.item).length);
      const refused = executions
        .filter(({ response }) => response.code >= 400)
        .map(({ item, response }) => `${item.name}: ${response.code}`);
      // Ada stays; Grace has deleted her account.
      const expected = time === 'a fresh server' ? [] : ['Create an account: ada: 400'];
      assert.deepEqual(refused, expected);
    });
  }
});
