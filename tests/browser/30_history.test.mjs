// Long histories: they come as one scrolls, what is read stays where it is, and the page stays small.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Person } from './people.mjs';
import { fill, newcomer } from './scenery.mjs';
import { useStage } from './stage.mjs';

// What the page may hold, day lines and the like included, however much it has scrolled through.
const ROWS_MAX = 400;

let ada;
let grace;

const stage = useStage({ workers: 1 }, async ({ stack }) => {
  ada = await newcomer(stack, 'Ada');
  grace = await newcomer(stack, 'Grace');
});

async function roomWith(count) {
  const { id } = (await ada.api.post('/api/chat/rooms', { name: `With ${count}` })).json;
  await grace.api.post(`/api/chat/rooms/${id}/join`);
  await fill(stage.stack, id, [ada, grace], count);
  return id;
}

async function reader(hash) {
  const person = await Person.arrive(stage.browser, stage.stack.url);
  await person.useSession(ada, hash);
  await person.page.locator('.message').first().waitFor();
  await person.connected();
  return person;
}

// Wheels through the conversation and notes the messages that it sees, in the page, frame by frame:
// ids that were laid out, the most rows at a time, and how far a message that stayed in view jumped
// in a frame beyond what was scrolled.
function travel(person, { direction, stepPx, until }) {
  return person.page.evaluate(
    async ([sign, step, goal]) => {
      const log = document.querySelector('.log');
      const seen = new Set();
      let rowsMax = 0;
      let jumpMax = 0;
      let idle = 0;
      const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
      const topOf = (row) => row.getBoundingClientRect().top;
      const inView = () => {
        const box = log.getBoundingClientRect();
        return [...log.querySelectorAll('.message[data-id]')].find((row) => topOf(row) >= box.top + 20);
      };
      while (idle < 100) {
        for (const row of log.querySelectorAll('.message[data-id]')) seen.add(Number(row.dataset.id));
        rowsMax = Math.max(rowsMax, log.querySelectorAll('li').length);
        if (seen.has(goal)) break;
        const row = inView();
        const before = row && topOf(row);
        const from = log.scrollTop;
        log.scrollTop += sign * step;
        const scrolled = log.scrollTop - from;
        await frame();
        await frame();
        // Who is at the very end is taken along with it.
        const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
        if (row?.isConnected && !isAtEnd) jumpMax = Math.max(jumpMax, Math.abs(topOf(row) - (before - scrolled)));
        idle = scrolled === 0 ? idle + 1 : 0;
      }
      return { seen: [...seen].sort((a, b) => a - b), rowsMax, jumpMax };
    },
    [direction === 'up' ? -1 : 1, stepPx, until],
  );
}

test('10,000 messages are scrolled from the last to the first, and back', async (t) => {
  const room = await roomWith(10_000);
  const person = await reader(`#/rooms/${room}`);
  const first = 3;
  const last = first + 9_999;

  const up = await travel(person, { direction: 'up', stepPx: 2500, until: first });
  t.diagnostic(`up: ${up.rowsMax} rows at most, moved by ${up.jumpMax} px at most`);
  assert.deepEqual(up.seen, Array.from({ length: 10_000 }, (_, index) => first + index));
  assert.ok(up.rowsMax <= ROWS_MAX, `${up.rowsMax} rows`);
  assert.ok(up.jumpMax <= 1, `jumped by ${up.jumpMax} px`);
  await person.page.getByText('This is where it begins.').waitFor();

  await grace.api.post(`/api/chat/rooms/${room}/messages`, { text: 'Said far below' });
  await person.page.getByRole('button', { name: 'New messages' }).waitFor();
  const down = await travel(person, { direction: 'down', stepPx: 2500, until: last + 1 });
  t.diagnostic(`down: ${down.rowsMax} rows at most, moved by ${down.jumpMax} px at most`);
  assert.deepEqual(down.seen, Array.from({ length: 10_001 }, (_, index) => first + index));
  assert.ok(down.rowsMax <= ROWS_MAX && down.jumpMax <= 1);
  await person.leave();
});

test('a room of 100,000: opened, scrolled, its beginning, its end, a link into its middle', async (t) => {
  const room = await roomWith(100_000);
  const from = Date.now();
  const person = await reader(`#/rooms/${room}`);
  t.diagnostic(`opened and connected after ${Date.now() - from} ms`);
  const { page } = person;
  const rows = () => page.locator('.log li').count();

  await t.test('a long way up, the rows stay few and what is read stays where it is', async () => {
    const { rowsMax, jumpMax, seen } = await travel(person, { direction: 'up', stepPx: 3000, until: 92_000 });
    t.diagnostic(`${seen.length} messages seen, ${rowsMax} rows at most, moved by ${jumpMax} px at most`);
    assert.ok(rowsMax <= ROWS_MAX && jumpMax <= 1);
    const nodes = await page.evaluate(() => document.querySelectorAll('*').length);
    t.diagnostic(`${nodes} elements in the page`);
    assert.ok(nodes < 4000);
  });

  await t.test('what comes meanwhile moves nothing', async () => {
    const topOf = () =>
      page.evaluate(() => {
        const row = [...document.querySelectorAll('.message')].find(
          (each) => each.getBoundingClientRect().top > 200,
        );
        return [row.dataset.id, row.getBoundingClientRect().top];
      });
    const before = await topOf();
    for (let i = 0; i < 20; i += 1) {
      await grace.api.post(`/api/chat/rooms/${room}/messages`, { text: `news ${i}` });
    }
    await page.getByRole('button', { name: 'New messages' }).waitFor();
    assert.deepEqual(await topOf(), before);
  });

  await t.test('to the newest, and to the very first', async () => {
    await page.getByRole('button', { name: 'New messages' }).click();
    await person.hears('news 19');
    assert.ok((await rows()) <= ROWS_MAX);
    await page.locator('.log').press('Home');
    await page.locator('.said', { hasText: /^message 1 / }).waitFor();
    assert.ok((await rows()) <= ROWS_MAX);
    await page.locator('.log').press('End');
    await person.hears('news 19');
  });

  await t.test('a link to a message shows it among its neighbours', async () => {
    await page.goto(`${stage.stack.url}/#/rooms/${room}/50002`);
    const pointed = page.locator('.pointed');
    await pointed.waitFor();
    assert.match(await pointed.textContent(), /message 50000 /);
    await page.waitForFunction(() => document.activeElement?.matches('.pointed'));
    assert.ok(await pointed.isVisible());
    await page.reload();
    await pointed.waitFor();
    await person.say('Back to the present');
    await person.hears('Back to the present');
    assert.match(page.url(), new RegExp(`#/rooms/${room}$`));
    // And again, coming from elsewhere to a room that one has said something in.
    await page.goto(`${stage.stack.url}/#/`);
    await page.goto(`${stage.stack.url}/#/rooms/${room}/50002`);
    await pointed.waitFor();
    assert.match(page.url(), /50002$/);
  });

  await person.leave();
});

test('a page that cannot be had is said so, once, and comes when one scrolls on', async () => {
  const room = await roomWith(500);
  const person = await Person.arrive(stage.browser, stage.stack.url);
  let asked = 0;
  const pages = /messages\?.*before=/;
  await person.page.route(pages, (route) => {
    asked += 1;
    return route.fulfill({ status: 503, json: { success: false, code: 'database_unavailable', message: 'x', data: null } });
  });
  await person.useSession(ada, `#/rooms/${room}`);
  await person.connected();
  await person.page.locator('.log').hover();
  await person.page.mouse.wheel(0, -20_000);
  await person.page.getByText('The server cannot reach its database.').waitFor();
  // Whatever is drawn anew meanwhile asks for nothing.
  const before = asked;
  await grace.api.post(`/api/chat/rooms/${room}/messages`, { text: 'meanwhile' });
  await person.page.getByRole('button', { name: 'New messages' }).waitFor();
  assert.equal(asked, before);
  assert.ok(asked <= 5, `${asked} requests`);
  await person.page.unroute(pages);
  await person.page.mouse.wheel(0, 50);
  await person.page.locator('[data-id="400"]').waitFor({ state: 'attached' });
  assert.equal(await person.page.getByText('The server cannot reach its database.').count(), 0);
  await person.leave();
});
