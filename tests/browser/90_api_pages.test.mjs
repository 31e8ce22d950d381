// The API pages in a browser: offline, under the Content-Security-Policy; what a newcomer would do on
// a fresh server, with the values that stand there.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Api } from '../system/lib/client.mjs';
import { Person } from './people.mjs';
import { useStage } from './stage.mjs';

let reader;
let page;
let paths;

const stage = useStage({ workers: 1 }, async ({ browser, stack }) => {
  reader = await Person.arrive(browser, stack.url);
  page = reader.page;
  ({ paths } = await (await fetch(`${stack.url}/openapi.json`)).json());
});

const operations = () =>
  Object.values(paths).flatMap((item) => Object.values(item)).filter(({ operationId }) => operationId);

async function logIn(name, password, { isNew = false } = {}) {
  await page.goto(`${stage.stack.url}/docs/`);
  const out = page.getByRole('button', { name: 'Log out', exact: true });
  if (await out.isVisible()) await out.click();
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel('Password', { exact: true }).fill(password);
  if (isNew) await page.getByLabel('E-mail, for a new account').fill(`${name}@example.org`);
  await page.getByRole('button', { name: isNew ? 'Create an account' : 'Log in', exact: true }).click();
  await page.getByText(`Authorized as ${name}`).waitFor();
}

const tried = new Set();

// Opens the call, presses Execute and gives the status of the answer.
async function execute(operationId, parameters = {}) {
  const { tags } = operations().find((each) => each.operationId === operationId);
  await page.goto(`${stage.stack.url}/healthz`);
  const answer = await page.goto(`${stage.stack.url}/docs/#/${tags[0]}/${operationId}`);
  assert.match(answer.headers()['content-security-policy'] ?? '', /script-src 'self'(;|$)/);
  const block = page.locator('.opblock.is-open');
  for (const [name, value] of Object.entries(parameters)) {
    await block.locator(`tr[data-param-name="${name}"] input`).fill(value);
  }
  await block.locator('.execute').click();
  const status = block.locator('.live-responses-table .response-col_status').last();
  await status.filter({ hasText: /\d{3}/ }).waitFor();
  tried.add(operationId);
  return Number.parseInt(await status.textContent(), 10);
}

test('every call can be tried, and succeeds with the values that stand there', async (t) => {
  const succeeds = (operationId) =>
    t.test(operationId, async () => assert.equal(await execute(operationId), 200));
  await succeeds('index');
  await succeeds('health');
  await succeeds('register');
  await succeeds('login');
  await logIn('newcomer', 'correct horse', { isNew: true });
  for (const id of ['makeSocketTicket', 'createRoom', 'listRooms', 'getRoom', 'listRoomUsers', 'sendMessage', 'listMessages', 'verifyRoom'])
    await succeeds(id);
  // Whoever made the room is in it, and stays: joining and leaving are another's to try.
  const { username, password } = paths['/api/login'].post.requestBody.content['application/json'].example;
  await logIn(username, password);
  for (const id of ['joinRoom', 'leaveRoom', 'healthz', 'livez', 'ready', 'openapi', 'logout']) await succeeds(id);
  await logIn(username, password);
  // A session is ended by its id.
  const api = new Api(stage.stack.url);
  const [{ id }] = (await api.as(await api.login({ username, password })).get('/api/sessions')).json;
  await t.test('endSession', async () => assert.equal(await execute('endSession', { session_id: id }), 200));
  for (const each of ['makeSocketTicket', 'listSessions', 'endOtherSessions', 'changePassword', 'deleteAccount']) await succeeds(each);
  const untried = operations()
    .filter((each) => each['x-try-it-out'] !== false && !tried.has(each.operationId))
    .map((each) => each.operationId);
  assert.deepEqual(untried, []);
  assert.deepEqual(reader.faults, []);
});

test('the live protocol: a frame from the page, sent from the page', async () => {
  await logIn('listener', 'correct horse', { isNew: true });
  const room = await page.evaluate(async () => {
    const { token } = JSON.parse(localStorage.getItem('banter.docs.session'));
    const answer = await fetch('/api/chat/rooms', {
      method: 'POST',
      headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' },
      body: '{"name":"Lantern room"}',
    });
    return answer.json();
  });
  await page.goto(`${stage.stack.url}/docs/websocket.html`);
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
  const log = page.getByRole('log');
  await log.getByText('"type":"hello"').waitFor();
  await page.locator('#send textarea').fill(`{"type":"subscribe","room_id":${room.id},"since":0}`);
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  await log.getByText('"type":"caught_up"').waitFor();
  await page.getByRole('button', { name: 'Disconnect' }).click();
  await log.getByText('closed: 1000').waitFor();
  assert.deepEqual(reader.faults, []);
});

for (const colorScheme of ['light', 'dark']) {
  test(`axe-core finds nothing, ${colorScheme}`, async (t) => {
    const person = await Person.arrive(stage.browser, stage.stack.url, { colorScheme });
    for (const [name, path, there] of [
      ['calls', '/docs/', '.opblock'],
      ['an open call', '/docs/#/accounts/register', '.opblock.is-open .execute'],
      ['the live protocol', '/docs/websocket.html', 'article h2'],
    ]) {
      await t.test(name, async () => {
        await person.page.goto(`${stage.stack.url}/healthz`);
        await person.page.goto(stage.stack.url + path);
        await person.page.locator(there).first().waitFor();
        assert.deepEqual(await person.accessibilityFaults(), []);
      });
    }
    await person.leave();
  });

  test(`an answer fits a narrow screen, and axe-core finds nothing in it, ${colorScheme}`, async () => {
    const viewport = { width: 360, height: 740 };
    const person = await Person.arrive(stage.browser, `${stage.stack.url}/docs/#/rooms/createRoom`, { colorScheme, viewport });
    const block = person.page.locator('.opblock.is-open');
    await block.locator('.execute').click();
    const status = block.locator('.live-responses-table .response-col_status').last();
    await status.filter({ hasText: /\d{3}/ }).waitFor();
    const beyond = () => document.documentElement.scrollWidth - document.documentElement.clientWidth;
    assert.equal(await person.page.evaluate(beyond), 0);
    assert.deepEqual(await person.accessibilityFaults(), []);
    await person.leave();
  });
}
