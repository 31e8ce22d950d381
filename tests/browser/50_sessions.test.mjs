// Signing in and out, here and elsewhere; what goes wrong is said in words, where it belongs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Person } from './people.mjs';
import { newcomer, PASSWORD, signIn } from './scenery.mjs';
import { useStage } from './stage.mjs';

const stage = useStage({ workers: 2 });

test('errors are said in words, at the field that they are about', async () => {
  await newcomer(stage.stack, 'Mary');
  const person = await Person.arrive(stage.browser, stage.stack.url);
  const { page } = person;
  await page.getByLabel('Name').fill('mary');
  await page.getByLabel('Password').fill('wrong horse battery staple');
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
  await person.leave();
});

test('a session that is ended elsewhere signs out at once, and leaves nothing unsent behind', async () => {
  const ada = await newcomer(stage.stack, 'Ada');
  const { id } = (await ada.api.post('/api/chat/rooms', { name: 'Shared' })).json;
  const person = await Person.arrive(stage.browser, stage.stack.url);
  await person.useSession(ada, `#/rooms/${id}`);
  await person.connected();
  await ada.api.post('/api/logout');
  await person.page.getByText('Your session has ended').waitFor();
  assert.equal(await person.page.evaluate(() => localStorage.getItem('banter.session')), null);
  await person.leave();
});

test('signing out in one tab signs out in the others, and forgets drafts', async () => {
  const grace = await newcomer(stage.stack, 'Grace');
  const { id } = (await grace.api.post('/api/chat/rooms', { name: 'Tabs' })).json;
  const person = await Person.arrive(stage.browser, stage.stack.url);
  await person.useSession(grace, `#/rooms/${id}`);
  await person.connected();
  await person.composer.fill('for nobody else');
  const other = await person.context.newPage();
  await other.goto(stage.stack.url);
  await other.getByText('Signed in as').click();
  await other.getByRole('button', { name: 'Sign out' }).click();
  await person.page.getByRole('button', { name: 'Sign up' }).waitFor();
  const kept = await other.evaluate(() => Object.entries(localStorage).flat().join());
  assert.doesNotMatch(kept, /for nobody else/);
  assert.equal((await grace.api.get('/api/chat/rooms')).status, 401);
  await person.leave();
});

const openAccount = async ({ page }) => {
  await page.getByText('Signed in as').click();
  await page.getByRole('button', { name: 'Password and sessions' }).click();
  const dialog = page.getByRole('dialog', { name: 'Password and sessions' });
  await dialog.getByText('This one').waitFor();
  return dialog;
};

test('the password is changed: what is wrong is said at its field, and only this session stays', async () => {
  const iris = await newcomer(stage.stack, 'Iris');
  const { id } = (await iris.api.post('/api/chat/rooms', { name: 'Changes' })).json;
  const here = await Person.arrive(stage.browser, stage.stack.url);
  await here.useSession(iris, `#/rooms/${id}`);
  await here.connected();
  const there = await Person.arrive(stage.browser, stage.stack.url);
  const { token } = await signIn(stage.stack, 'Iris');
  await there.useSession({ ...iris, token }, `#/rooms/${id}`);
  await there.connected();

  const dialog = await openAccount(here);
  const [current, next] = ['Current password', 'New password'].map((label) => dialog.getByLabel(label));
  const change = async (...values) => {
    await current.fill(values[0]);
    await next.fill(values[1]);
    await dialog.getByRole('button', { name: 'Change the password' }).click();
  };
  await change('something else', 'a clearer battery');
  await dialog.getByText('This is not your current password.').waitFor();
  assert.deepEqual([await current.getAttribute('aria-invalid'), await next.getAttribute('aria-invalid')], ['true', 'false']);
  await change(PASSWORD, 'short');
  await dialog.locator('.field-error', { hasText: 'at least 8 characters' }).waitFor();
  assert.deepEqual([await current.getAttribute('aria-invalid'), await next.getAttribute('aria-invalid')], ['false', 'true']);
  await change(PASSWORD, 'password1');
  await dialog.getByText('one of those that are tried first').waitFor();
  assert.equal(await dialog.locator('.session').count(), 2);
  await change(PASSWORD, 'a clearer battery');
  await dialog.getByText('Your password is changed. The other session has ended.').waitFor();
  assert.deepEqual([await current.inputValue(), await next.inputValue()], ['', '']);
  assert.equal(await dialog.locator('.session').count(), 1);

  await there.page.getByText('Your session has ended').waitFor();
  await there.page.getByLabel('Name').fill('Iris');
  await there.page.getByLabel('Password').fill('a clearer battery');
  await there.page.keyboard.press('Enter');
  await there.connected();
  await dialog.getByRole('button', { name: 'Close' }).click();
  await here.say('still here');
  await there.hears('still here');
  await here.leave();
  await there.leave();
});

test('sessions are listed and ended, one or all others', async () => {
  const otto = await newcomer(stage.stack, 'Otto');
  const others = [];
  for (let i = 0; i < 3; i += 1) others.push(await signIn(stage.stack, 'Otto'));
  const living = async () => {
    const answers = await Promise.all(others.map(({ api }) => api.get('/api/sessions')));
    return answers.map(({ status }) => status);
  };
  const person = await Person.arrive(stage.browser, stage.stack.url);
  await person.useSession(otto);
  const dialog = await openAccount(person);
  const rows = dialog.locator('.session');
  assert.equal(await rows.count(), 4);
  // The newest first: this one is the oldest, and has no button.
  assert.match(await rows.last().textContent(), /^Signed in today, .*This one$/);
  assert.equal(await rows.last().getByRole('button').count(), 0);
  await rows.first().getByRole('button', { name: 'End' }).click();
  await dialog.getByText('The session has ended.').waitFor();
  assert.equal(await rows.count(), 3);
  assert.deepEqual(await living(), [200, 200, 401]);
  assert.equal(await person.page.evaluate(() => document.activeElement.textContent), 'Sessions');

  // One that another device ends meanwhile is no row any more, and this is said.
  await others[1].api.post('/api/logout');
  await rows.first().getByRole('button', { name: 'End' }).click();
  await dialog.getByText('This session had ended already.').waitFor();
  assert.equal(await rows.count(), 2);
  await dialog.getByRole('button', { name: 'End all others' }).click();
  await dialog.getByText('The other session has ended.').waitFor();
  assert.equal(await rows.count(), 1);
  assert.equal(await dialog.getByRole('button', { name: 'End all others' }).count(), 0);
  assert.deepEqual(await living(), [401, 401, 401]);
  await person.leave();
});

test('a list of sessions that does not come is said, and asked for again', async () => {
  const nora = await newcomer(stage.stack, 'Nora');
  const person = await Person.arrive(stage.browser, stage.stack.url);
  await person.useSession(nora);
  const { page } = person;
  await page.route('**/api/sessions', (route) => route.abort());
  await page.getByText('Signed in as').click();
  await page.getByRole('button', { name: 'Password and sessions' }).click();
  await page.getByText('The server cannot be reached.').waitFor();
  await page.unroute('**/api/sessions');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByText('This one').waitFor();
  assert.equal(await page.getByText('The server cannot be reached.').count(), 0);
  await person.leave();
});

test('who is taken out of a room is told so', async () => {
  const ines = await newcomer(stage.stack, 'Ines');
  const nemo = await newcomer(stage.stack, 'Nemo');
  const { id } = (await ines.api.post('/api/chat/rooms', { name: 'Nautilus' })).json;
  await nemo.api.post(`/api/chat/rooms/${id}/join`);
  const person = await Person.arrive(stage.browser, stage.stack.url);
  await person.useSession(nemo, `#/rooms/${id}`);
  await person.connected();
  await nemo.api.post(`/api/chat/rooms/${id}/leave`);
  await person.page.getByText('You are no longer a member of this room.').waitFor();
  await person.page.getByRole('button', { name: 'Join this room' }).click();
  await person.connected();
  await person.leave();
});

test('a room that there is not, and a room that one may not see', async () => {
  const owner = await newcomer(stage.stack, 'Owner');
  const stranger = await newcomer(stage.stack, 'Stranger');
  const { id } = (await owner.api.post('/api/chat/rooms', { name: 'Private party' })).json;
  const person = await Person.arrive(stage.browser, stage.stack.url);
  await person.useSession(stranger, '#/rooms/987654321');
  await person.page.getByText('This room is gone').waitFor();
  await person.page.goto(`${stage.stack.url}/#/rooms/${id}`);
  await person.page.getByText('Only members can read and write here.').waitFor();
  await person.leave();
});
