// axe-core finds nothing, on any page, in either theme, wide and narrow.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { Person } from './people.mjs';
import { castAndRooms } from './play.mjs';
import { useStage } from './stage.mjs';

let play;

const stage = useStage({ workers: 1 }, async ({ stack }) => {
  play = await castAndRooms(stack);
});

after(async () => {
  for (const other of play?.others ?? []) other.goHome();
});

test('signing in: the marker of one’s own line does not touch the name', async () => {
  for (const width of [768, 1440]) {
    const { page } = await Person.arrive(stage.browser, stage.stack.url, { viewport: { width, height: 900 } });
    const name = await page.locator('.scene .mine .speaker').boundingBox();
    const ink = await page.locator('.scene .mine .ink').boundingBox();
    assert.ok(ink.x - (name.x + name.width) >= 4, `at ${width} px: ${JSON.stringify({ name, ink })}`);
  }
});

for (const colorScheme of ['light', 'dark']) {
  for (const viewport of [{ width: 360, height: 740 }, { width: 1440, height: 900 }]) {
    test(`${colorScheme}, ${viewport.width} px`, async (t) => {
      const person = await Person.arrive(stage.browser, stage.stack.url, { colorScheme, viewport });
      const { page } = person;
      const isNarrow = viewport.width < 768;
      const check = (name) =>
        t.test(name, async () => assert.deepEqual(await person.accessibilityFaults(), []));
      const go = (hash) => page.goto(`${stage.stack.url}/${hash}`);

      await check('signed out');
      await page.getByRole('button', { name: 'Sign up' }).click();
      await page.getByLabel('Name').fill('Agnes');
      await page.getByLabel('E-mail').fill('x@example.org');
      await page.getByLabel('Password').fill('analytical engine');
      await page.getByRole('button', { name: 'Create the account' }).click();
      await page.getByText('Somebody else has this name').waitFor();
      await check('an error at a field');

      await person.useSession(play.me);
      await page.getByText('Lighthouse').waitFor();
      await check('rooms');
      await page.getByLabel('Search rooms').fill('li');
      await check('search');
      await page.getByLabel('Search rooms').fill('');
      await page.getByText('Signed in as').click();
      await check('account menu');
      await page.getByRole('button', { name: 'Password and sessions' }).click();
      await page.getByText('This one').waitFor();
      await check('password and sessions');
      await page.getByLabel('Current password').fill('something else');
      await page.getByLabel('New password').fill('a clearer battery');
      await page.getByRole('button', { name: 'Change the password' }).click();
      await page.getByText('This is not your current password.').waitFor();
      await check('a wrong password');
      await page.keyboard.press('Escape');

      await go(`#/rooms/${play.rooms.lighthouse}`);
      await person.connected();
      await page.locator('.message').first().waitFor();
      await check('conversation');
      if (isNarrow) await page.getByRole('button', { name: 'Members' }).click();
      await page.locator('.member-online').first().waitFor();
      await check('members');
      if (isNarrow) await page.getByRole('button', { name: 'Close' }).click();
      await page.getByRole('button', { name: 'Emoji' }).click();
      await page.getByRole('dialog', { name: 'Emoji' }).waitFor();
      await check('emoji picker');
      await page.keyboard.press('Escape');
      await page.keyboard.press('Control+/');
      await page.getByRole('heading', { name: 'Keyboard' }).waitFor();
      await check('keyboard');
      await page.keyboard.press('Escape');

      await go(`#/rooms/${play.rooms.lighthouse}/8`);
      await page.locator('.pointed').waitFor();
      await check('a link to a message');
      await go(`#/rooms/${play.rooms.odd}`);
      await page.getByText('not bold').waitFor();
      await check('odd texts');
      await go(`#/rooms/${play.rooms.foreign}`);
      await page.getByText('Join this room').waitFor();
      await check('a room to join');
      await go('#/rooms/999999');
      await page.getByText('This room is gone').waitFor();
      await check('no such room');

      await go(`#/rooms/${play.rooms.lighthouse}`);
      await page.routeWebSocket(/\/ws\/chat/, (ws) => ws.close({ code: 1012 }));
      await page.reload();
      await page.getByText('Not connected').waitFor();
      await person.say('Waiting');
      await page.getByText('Waiting for the connection').waitFor();
      await check('not connected');
      await page.evaluate(() => localStorage.clear());
      await person.leave();
    });
  }
}
