// A picture of every state, width and theme of the web client and the API pages: make screenshots
//
//   SCREENSHOTS=folder    where they go (build/screenshots)
//   ONLY=text,text        the states whose name has one of those
import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from '../system/lib/env.mjs';
import { startStack } from '../system/lib/stack.mjs';
import { launchBrowser, Person } from './people.mjs';
import { castAndRooms } from './play.mjs';
import { signIn } from './scenery.mjs';

const FOLDER = process.env.SCREENSHOTS || path.join(ROOT, 'build/screenshots');
const SIZES = [
  { width: 360, height: 740 },
  { width: 768, height: 1024 },
  { width: 1440, height: 900 },
];

const browser = await launchBrowser();
const stack = await startStack({ workers: 2 });
const { cast, me, others, rooms } = await castAndRooms(stack);
let taken = 0;

const NAMES = process.env.ONLY ? process.env.ONLY.split(',') : [''];

// One state: a fresh browser, brought to it by arrange(person), then a picture in each size and theme.
async function state(name, arrange, { signedIn = true, hash = '', tidy = async () => {} } = {}) {
  if (!NAMES.some((text) => name.includes(text))) return;
  for (const colorScheme of ['light', 'dark']) {
    for (const viewport of SIZES) {
      const person = await Person.arrive(browser, stack.url, {
        viewport, colorScheme, reducedMotion: 'reduce', timezoneId: 'Europe/Berlin', locale: 'en-GB',
      });
      if (signedIn) await person.useSession(me, hash);
      await arrange(person, viewport);
      await person.page.evaluate(() => document.fonts.ready);
      await person.page.waitForTimeout(250);
      const file = `${name}-${viewport.width}-${colorScheme}.png`;
      await person.page.screenshot({ path: path.join(FOLDER, file) });
      taken += 1;
      await tidy(person);
      await person.context.close();
    }
  }
}

const room = (id) => ({ hash: `#/rooms/${id}` });
const talking = async (person) => {
  await person.connected();
  await person.page.locator('.message').first().waitFor();
};

fs.mkdirSync(FOLDER, { recursive: true });

await state('01-signed-out', async () => {}, { signedIn: false });
await state('02-sign-up-error', async ({ page }) => {
  await page.getByRole('button', { name: 'Sign up' }).click();
  await page.getByLabel('Name').fill(me.username);
  await page.getByLabel('E-mail').fill('somebody@example.org');
  await page.getByLabel('Password').fill('analytical engine');
  await page.getByRole('button', { name: 'Create the account' }).click();
  await page.getByText('Somebody else has this name').waitFor();
}, { signedIn: false });
await state('03-no-rooms-yet', async (person) => {
  await person.page.route('**/api/chat/rooms?*', (route) => route.fulfill({ json: [] }));
  await person.page.reload();
  await person.page.getByText('None yet.').waitFor();
});
await state('04-rooms', ({ page }) => page.getByText('Lighthouse').waitFor());
await state('05-conversation', talking, room(rooms.lighthouse));
await state('06-unread-and-typing', async (person, { width }) => {
  await talking(person);
  // On a new device everything begins as read: the rooms are to be heard first.
  await person.page.waitForTimeout(1000);
  for (const text of ['Soup!', 'Now.']) {
    await cast[3].api.post(`/api/chat/rooms/${rooms.kitchen}/messages`, { text });
  }
  if (width >= 768) await person.page.locator('.room-unread').first().waitFor();
  await others[0].writes(rooms.lighthouse);
  await person.page.getByText('is writing').waitFor();
}, room(rooms.lighthouse));
await state('07-sending-failed', async (person) => {
  await person.page.routeWebSocket(/\/ws\/chat/, (ws) => {
    const server = ws.connectToServer();
    ws.onMessage((text) => {
      const frame = JSON.parse(text);
      if (frame.type !== 'message') return server.send(text);
      ws.send(JSON.stringify({
        type: 'error', code: 'forbidden', temporary: false, room_id: frame.room_id,
        message: 'The server did not take this message.', client_id: frame.client_id,
      }));
    });
  });
  await person.page.reload();
  await talking(person);
  await person.say('Then I bring the spare lens on Thursday.');
  await person.page.getByText('Not sent.').waitFor();
}, { ...room(rooms.lighthouse), tidy: ({ page }) => page.evaluate(() => localStorage.clear()) });
await state('08-not-connected', async (person) => {
  await talking(person);
  await person.page.routeWebSocket(/\/ws\/chat/, (ws) => ws.close({ code: 1012 }));
  await person.page.reload();
  await person.page.getByText('Not connected').waitFor();
  await person.say('The line is down, but I go on writing.');
  await person.page.getByText('Waiting for the connection').waitFor();
}, { ...room(rooms.lighthouse), tidy: ({ page }) => page.evaluate(() => localStorage.clear()) });
await state('09-members', async (person, { width }) => {
  await talking(person);
  if (width < 1120) await person.page.getByRole('button', { name: 'Members' }).click();
  await person.page.locator('.member-online').first().waitFor();
}, room(rooms.lighthouse));
await state('10-search', async (person, { width }) => {
  if (width < 768) await person.page.goto(`${stack.url}/#/`);
  await person.page.getByLabel('Search rooms').fill('li');
  await person.page.getByText('Lighthouse').first().waitFor();
}, room(rooms.lighthouse));
await state('11-search-finds-nothing', async ({ page }, { width }) => {
  if (width < 768) await page.goto(`${stack.url}/#/`);
  await page.getByLabel('Search rooms').fill('submarine');
  await page.getByText('No room has').waitFor();
}, room(rooms.lighthouse));
await state('12-long-words-bidi-emoji', talking, room(rooms.odd));
await state('13-emoji-picker', async (person) => {
  await talking(person);
  await person.page.getByRole('button', { name: 'Emoji' }).click();
  await person.page.getByRole('dialog', { name: 'Emoji' }).waitFor();
}, room(rooms.lighthouse));
await state('14-outsider', ({ page }) => page.getByText('Join this room').waitFor(), room(rooms.foreign));
await state('15-empty-room', (person) => person.connected(), room(rooms.empty));
await state('16-new-room', async (person, { width }) => {
  if (width < 768) await person.page.goto(`${stack.url}/#/`);
  await person.page.getByRole('button', { name: 'New room' }).click();
  await person.page.getByLabel('Name of the room').fill('Winter rota');
}, room(rooms.lighthouse));
await state('17-account-menu', async (person, { width }) => {
  if (width < 768) await person.page.goto(`${stack.url}/#/`);
  await person.page.getByText('Signed in as').click();
}, room(rooms.lighthouse));
await state('18-keyboard', async (person) => {
  await talking(person);
  await person.page.keyboard.press('Control+/');
  await person.page.getByRole('heading', { name: 'Keyboard' }).waitFor();
}, room(rooms.lighthouse));
await state('19-link-to-a-message', async (person) => {
  await talking(person);
  await person.page.locator('.pointed').waitFor();
}, { hash: `#/rooms/${rooms.lighthouse}/8` });
await state('20-session-ended', async ({ page }) => {
  await page.evaluate(() => {
    const session = JSON.parse(localStorage.getItem('banter.session'));
    localStorage.setItem('banter.session', JSON.stringify({ ...session, token: 'f'.repeat(64) }));
  });
  await page.reload();
  await page.getByText('Your session has ended').waitFor();
});
await state('21-room-gone', ({ page }) => page.getByText('This room is gone').waitFor(), room(999_999));
const openAccount = async ({ page }, { width }) => {
  if (width < 768) await page.goto(`${stack.url}/#/`);
  await page.getByText('Signed in as').click();
  await page.getByRole('button', { name: 'Password and sessions' }).click();
  await page.getByText('This one').waitFor();
};
for (let i = 0; i < 2; i += 1) await signIn(stack, me.username);
await state('22-password-and-sessions', openAccount, room(rooms.lighthouse));
await state('23-password-refused', async (person, viewport) => {
  await openAccount(person, viewport);
  const { page } = person;
  await page.getByLabel('Current password').fill('correct horse battery staple');
  await page.getByLabel('New password').fill('password1');
  await page.getByRole('button', { name: 'Change the password' }).click();
  await page.getByText('one of those that are tried first').waitFor();
}, room(rooms.lighthouse));
await state('30-api-pages', async ({ page }) => {
  await page.goto(`${stack.url}/docs`);
  await page.locator('.opblock').first().waitFor();
}, { signedIn: false });
await state('31-api-call', async ({ page }) => {
  await page.goto(`${stack.url}/docs#/rooms/createRoom`);
  await page.locator('.opblock.is-open .execute').waitFor();
}, { signedIn: false });

for (const other of others) other.goHome();
await browser.close();
await stack.stop();
console.log(`${taken} pictures in ${path.relative(process.cwd(), FOLDER)}`);
