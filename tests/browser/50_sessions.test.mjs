// Signing in and out, here and elsewhere; what goes wrong is said in words, where it belongs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Person } from './people.mjs';
import { newcomer } from './scenery.mjs';
import { useStage } from './stage.mjs';

const stage = useStage({ workers: 2 });

test('errors are said in words, at the field that they are about', async () => {
  await newcomer(stage.stack, 'Mary');
  const person = await Person.arrive(stage.browser, stage.stack.url);
  const { page } = person;
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
