// The web client and the API pages in a real browser, over the real processes.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Api } from '../system/lib/client.mjs';
import { startStack } from '../system/lib/stack.mjs';
import { launchBrowser, Person } from './people.mjs';

let stack;
let browser;

before(async () => {
  browser = await launchBrowser();
  stack = await startStack({ workers: 2 });
});

after(async () => {
  await browser?.close();
  await stack?.stop();
});

const arrive = (options) => Person.arrive(browser, stack.url, options);

test('two people talk, through reload, kill and revocation', async (t) => {
  const ada = await arrive();
  const grace = await arrive({ viewport: { width: 360, height: 740 }, colorScheme: 'dark' });
  await ada.pictures('sign-in');
  await ada.signUp('Agnes');
  await grace.signUp('Grace');
  const roomId = await ada.createRoom('Lighthouse');
  await grace.joinRoom('Lighthouse');
  const api = new Api(stack.url, { token: await grace.token() });
  const history = async () =>
    (await api.get(`/api/chat/rooms/${roomId}/messages`)).json.map((message) => message.text);
  const texts = [];
  const talk = async (from, to, text) => {
    texts.push(text);
    await from.say(text);
    await to.hears(text);
    await from.hears(text);
  };

  await t.test('messages go both ways, as text, whatever they hold', async () => {
    await talk(ada, grace, 'Is the lamp lit?');
    await talk(grace, ada, 'Since six. The oil is enough until Thursday, unless the fog stays.');
    await talk(ada, grace, '<b>not bold</b><script>alert(1)</script><img src=x onerror=alert(2)> 👩‍🚀');
    await talk(grace, ada, 'مرحبا بالجميع، كيف الحال؟');
    assert.deepEqual(await ada.conversation(), texts);
    assert.deepEqual(await grace.conversation(), texts);
    assert.equal(await ada.page.locator('.bubble :is(b, img, script)').count(), 0);
    await ada.pictures('conversation');
  });

  await t.test('members are seen to come and go', async () => {
    await ada.page.locator('.member-online', { hasText: 'Grace' }).waitFor();
    const there = grace.page.url();
    await grace.page.goto('about:blank');
    await ada.page.locator('.member-away', { hasText: 'Grace' }).waitFor();
    await grace.page.goto(there);
    await grace.connected();
    await ada.page.locator('.member-online', { hasText: 'Grace' }).waitFor();
  });

  await t.test('a reload shows the same conversation', async () => {
    await ada.page.reload();
    await ada.connected();
    assert.deepEqual(await ada.conversation(), texts);
  });

  await t.test('who is writing is seen, until it is said', async () => {
    await grace.page.getByLabel(/^Message to/).pressSequentially('Anyb');
    await ada.page.getByText('Grace is writing …').waitFor();
    await ada.pictures('writing');
    await talk(grace, ada, 'Anybody there?');
    await ada.page.getByText('Grace is writing …').waitFor({ state: 'detached' });
    assert.equal(await grace.page.getByText('is writing …').count(), 0, 'not to oneself');
  });

  await t.test('what is new in the other rooms is counted, until it is read', async () => {
    await ada.createRoom('Harbour');
    texts.push('The fog lifts', 'I see the harbour');
    await grace.say('The fog lifts');
    await grace.say('I see the harbour');
    const link = ada.page.getByRole('link', { name: /^Lighthouse/ });
    await link.getByText('2 new').waitFor();
    await ada.pictures('unread');
    await ada.page.reload();
    await link.getByText('2 new').waitFor();
    await link.click();
    await ada.hears('I see the harbour');
    await link.getByText('2 members').waitFor();
    assert.deepEqual(await ada.conversation(), texts);
    await ada.page.getByRole('link', { name: /^Harbour/ }).click();
    await ada.page.getByRole('heading', { name: 'Harbour', exact: true }).waitFor();
    await link.click();
    await talk(ada, grace, 'Still here');
    assert.deepEqual(await ada.conversation(), texts);
  });

  await t.test('what is said while every worker dies arrives once', async () => {
    for (const pid of stack.workers()) await stack.killWorker(pid);
    await ada.page.getByText('Not connected').waitFor();
    texts.push('Said while the line was down');
    await ada.say('Said while the line was down');
    await ada.hears('Said while the line was down');
    await grace.hears('Said while the line was down');
    await ada.connected();
    await talk(grace, ada, 'And back again');
    assert.deepEqual(await ada.conversation(), texts);
    assert.deepEqual(await grace.conversation(), texts);
    assert.deepEqual(await history(), texts);
  });

  await t.test('a session that ends elsewhere signs out here', async () => {
    await new Api(stack.url, { token: await ada.token() }).post('/api/logout');
    await ada.page.getByText('Your session has ended').waitFor();
    assert.equal(await ada.page.evaluate(() => localStorage.getItem('banter.session')), null);
  });

  await t.test('who is taken out of a room is told so', async () => {
    await api.leave(roomId);
    await grace.page.getByText('You are no longer a member of this room.').waitFor();
    await grace.pictures('removed');
    await grace.page.getByRole('button', { name: 'Join this room' }).click();
    await grace.connected();
    assert.deepEqual(await grace.conversation(), texts);
  });

  await t.test('leaving a room, deleting an account', async () => {
    await grace.page.getByRole('button', { name: 'Leave' }).click();
    await grace.page.getByRole('dialog').getByRole('button', { name: 'Leave' }).click();
    await grace.page.getByText('Signed in as').click();
    await grace.page.getByRole('button', { name: 'Delete account' }).click();
    await grace.page.getByRole('button', { name: 'Delete for good' }).click();
    await grace.page.getByText('Your account is deleted.').waitFor();
  });

  await ada.leave();
  await grace.leave();
});

test('errors are said in words, at the field that they are about', async () => {
  const first = await arrive();
  await first.signUp('Mary');
  await first.leave();
  const second = await arrive();
  const { page } = second;
  await page.getByLabel('Name').fill('mary');
  await page.getByLabel('Password').fill('wrong');
  await page.locator('form').getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('There is no account with this name and password.').waitFor();
  await page.getByRole('button', { name: 'Sign up' }).click();
  await page.getByLabel('E-mail').fill('other@example.org');
  await page.getByRole('button', { name: 'Create the account' }).click();
  await page.getByText('Somebody else has this name already.').waitFor();
  assert.equal(await page.getByLabel('Name').getAttribute('aria-invalid'), 'true');
  await page.getByRole('button', { name: 'Sign in' }).first().click();
  await page.getByLabel('Password').fill('correct horse battery staple');
  await page.keyboard.press('Enter');
  await page.getByText('Signed in as').waitFor();
  await second.leave();
});

test('axe-core finds nothing, in either theme', async () => {
  for (const colorScheme of ['light', 'dark']) {
    const person = await arrive({ colorScheme });
    assert.deepEqual(await person.accessibilityFaults(), []);
    await person.signUp(`Eve-${colorScheme}`);
    assert.deepEqual(await person.accessibilityFaults(), []);
    await person.createRoom(`Gallery ${colorScheme}`);
    await person.say('Hello, anybody?');
    await person.hears('Hello, anybody?');
    assert.deepEqual(await person.accessibilityFaults(), []);
    await person.leave();
  }
});

test('the API pages work offline, under the Content-Security-Policy, and try calls', async () => {
  const reader = await arrive();
  const { page } = reader;
  const answer = await page.goto(`${stack.url}/docs#/accounts/register`);
  assert.match(answer.headers()['content-security-policy'] ?? '', /script-src 'self'(;|$)/);
  await page.locator('.opblock.is-open .execute').waitFor();
  await reader.pictures('docs');
  await page.locator('.opblock.is-open .execute').click();
  await page.locator('.opblock.is-open .live-responses-table .response-col_status', { hasText: '200' }).waitFor();
  await reader.leave();
});
