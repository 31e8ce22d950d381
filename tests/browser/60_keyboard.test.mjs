// The whole of it without a mouse.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Person } from './people.mjs';
import { newcomer } from './scenery.mjs';
import { useStage } from './stage.mjs';

const stage = useStage({ workers: 1 });

// What has the focus: its label, its text, or its tag.
const focused = (page) =>
  page.evaluate(() => {
    const at = document.activeElement;
    const label = at?.labels?.[0]?.textContent ?? at?.getAttribute('aria-label');
    return (label ?? at?.textContent ?? '').trim().replace(/\s+/g, ' ');
  });

test('from sign-up to conversation with keys only', async () => {
  const person = await Person.arrive(stage.browser, stage.stack.url);
  const { page } = person;
  const { keyboard } = page;
  const tabTo = async (wanted) => {
    for (let i = 0; i < 40; i += 1) {
      if (wanted.test(await focused(page))) return;
      await keyboard.press('Tab');
    }
    assert.fail(`Tab does not lead to ${wanted}`);
  };

  await keyboard.press('Shift+Tab');
  await tabTo(/^Sign up$/);
  await keyboard.press('Enter');
  await tabTo(/^Name/);
  await keyboard.type('Ada');
  await tabTo(/^E-mail/);
  await keyboard.type('ada@example.org');
  await tabTo(/^Password/);
  await keyboard.type('correct horse battery staple');
  await keyboard.press('Enter');
  await page.getByText('Signed in as').waitFor();

  await tabTo(/^New room$/);
  await keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  assert.match(await focused(page), /^Name of the room/);
  await keyboard.type('Keys');
  await keyboard.press('Enter');
  await person.connected();
  await page.waitForFunction(() => document.activeElement?.tagName === 'TEXTAREA');
  for (const text of ['one', 'two', 'three']) {
    await keyboard.type(text);
    await keyboard.press('Enter');
    await person.hears(text);
  }
  await page.locator('.outgoing').waitFor({ state: 'detached' });

  // F6 goes from part to part; in the conversation the arrows go from message to message.
  await keyboard.press('Shift+F6');
  assert.equal(await focused(page), 'Conversation');
  await keyboard.press('ArrowUp');
  assert.match(await focused(page), /three/);
  await keyboard.press('ArrowUp');
  assert.match(await focused(page), /two/);
  await keyboard.press('Enter');
  await page.locator('.pointed', { hasText: 'two' }).waitFor();
  assert.match(page.url(), /#\/rooms\/\d+\/\d+$/);
  await keyboard.press('Escape');
  assert.match(await focused(page), /^Message to Keys/);

  // An emoji.
  await tabTo(/^Emoji$/);
  await keyboard.press('Enter');
  await page.getByLabel('Search emoji').waitFor();
  await page.waitForFunction(() => document.activeElement?.matches('[type=search]'));
  await keyboard.type('rocket');
  await keyboard.press('ArrowDown');
  await keyboard.press('Enter');
  await page.waitForFunction(() => document.activeElement?.value === '🚀');
  await keyboard.press('Enter');
  await person.hears('🚀');

  // Dialogs close with Escape and give the focus back.
  await keyboard.press('Control+/');
  await page.getByRole('heading', { name: 'Keyboard' }).waitFor();
  await keyboard.press('Escape');
  await page.getByRole('heading', { name: 'Keyboard' }).waitFor({ state: 'detached' });
  assert.match(await focused(page), /^Message to Keys/);
  await person.leave();
});

test('rooms are searched, walked through and switched with keys', async () => {
  const grace = await newcomer(stage.stack, 'Grace');
  const ids = [];
  for (const name of ['Alpha', 'Beta', 'Gamma']) {
    ids.push((await grace.api.post('/api/chat/rooms', { name })).json.id);
  }
  const person = await Person.arrive(stage.browser, stage.stack.url);
  await person.useSession(grace, `#/rooms/${ids[0]}`);
  await person.connected();
  const { page } = person;
  const { keyboard } = page;
  const heading = (name) => page.getByRole('heading', { name, exact: true }).waitFor();

  await keyboard.press('Alt+ArrowDown');
  await heading('Beta');
  await keyboard.press('Alt+ArrowUp');
  await heading('Alpha');

  await keyboard.press('Control+k');
  assert.equal(await focused(page), 'Search rooms');
  await keyboard.type('gam');
  await keyboard.press('Enter');
  await heading('Gamma');

  await keyboard.press('Control+k');
  await keyboard.press('ArrowDown');
  assert.match(await focused(page), /^Alpha/);
  await keyboard.press('ArrowDown');
  assert.match(await focused(page), /^Beta/);
  assert.equal(await page.locator('.room-link[tabindex="0"]').count(), 1, 'one tab stop');
  await keyboard.press('ArrowUp');
  await keyboard.press('ArrowUp');
  assert.equal(await focused(page), 'Search rooms');
  await keyboard.press('Escape');
  assert.match(await focused(page), /^Message to Gamma/);

  // The skip link is the first stop, and leads to where one writes.
  await page.reload();
  await person.connected();
  await page.evaluate(() => {
    document.body.tabIndex = -1;
    document.body.focus();
  });
  await keyboard.press('Tab');
  assert.equal(await focused(page), 'Skip to the conversation');
  await keyboard.press('Enter');
  assert.match(await focused(page), /^Message to Gamma/);
  await person.leave();
});

test('a screen reader hears what others say, not the history nor oneself', async () => {
  const [ada, ines] = [await newcomer(stage.stack, 'Adele'), await newcomer(stage.stack, 'Ines')];
  const { id } = (await ada.api.post('/api/chat/rooms', { name: 'Aloud' })).json;
  await ines.api.post(`/api/chat/rooms/${id}/join`);
  await ines.api.post(`/api/chat/rooms/${id}/messages`, { text: 'long ago' });
  const person = await Person.arrive(stage.browser, stage.stack.url);
  await person.useSession(ada, `#/rooms/${id}`);
  await person.connected();
  const said = () => person.page.locator('[aria-live=polite]').textContent();
  await person.say('from myself');
  await person.hears('from myself');
  assert.equal(await said(), '');
  await ines.api.post(`/api/chat/rooms/${id}/messages`, { text: 'from another' });
  await person.hears('from another');
  assert.equal(await said(), 'Ines: from another');
  assert.equal(await person.page.getByRole('log').getAttribute('aria-live'), 'off');
  await person.leave();
});
