// What the first view costs: requests, bytes, time. (Sizes of the files: web/scripts/budget.mjs.)
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Person } from './people.mjs';
import { newcomer } from './scenery.mjs';
import { useStage } from './stage.mjs';

// One page, script, style sheet and icon, two fonts: and not one more without a reason.
const REQUESTS_MAX = 6;
const SCRIPT_BYTES_MAX = 100_000;
// Of a machine that does other things as well; docs give the figure of an idle one.
const FIRST_PAINT_MS_MAX = 1000;

const stage = useStage({ workers: 1 });

const paint = (page) =>
  page.evaluate(
    () =>
      new Promise((resolve) => {
        new PerformanceObserver((list) => {
          const found = list.getEntriesByName('first-contentful-paint')[0];
          if (found) resolve(Math.round(found.startTime));
        }).observe({ type: 'paint', buffered: true });
      }),
  );

const resources = (page) =>
  page.evaluate(() =>
    performance
      .getEntriesByType('resource')
      .map(({ name, transferSize, encodedBodySize }) => ({ name, transferSize, encodedBodySize })),
  );

test('the first view: few requests, little script, soon', async (t) => {
  const paints = [];
  for (let i = 0; i < 3; i += 1) {
    const person = await Person.arrive(stage.browser, stage.stack.url);
    await person.page.evaluate(() => document.fonts.ready);
    paints.push(await paint(person.page));
    const loaded = await resources(person.page);
    const requests = loaded.length + 1;
    const script = loaded
      .filter(({ name }) => name.endsWith('.js'))
      .reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0);
    const all = loaded.reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0);
    t.diagnostic(`${requests} requests, ${script} bytes of script, ${all} bytes in all`);
    assert.ok(requests <= REQUESTS_MAX, `${loaded.map(({ name }) => name).join('\n')}`);
    assert.ok(script > 0 && script < SCRIPT_BYTES_MAX, `${script} bytes of script`);
    await person.leave();
  }
  paints.sort((a, b) => a - b);
  t.diagnostic(`first contentful paint after ${paints.join(', ')} ms`);
  assert.ok(paints[0] < FIRST_PAINT_MS_MAX, `painted after ${paints[0]} ms`);
});

test('the next view fetches nothing again but the page', async () => {
  const person = await Person.arrive(stage.browser, stage.stack.url);
  await person.page.reload();
  for (const { name, transferSize } of await resources(person.page)) {
    // The icon is fetched by Chromium itself, in its own way.
    if (/\/assets\/.*\.(js|css|woff2)$/.test(name)) assert.equal(transferSize, 0, name);
  }
  await person.leave();
});

test('a conversation is open after a handful of calls', async (t) => {
  const ada = await newcomer(stage.stack, 'Ada');
  const { id } = (await ada.api.post('/api/chat/rooms', { name: 'Few' })).json;
  const person = await Person.arrive(stage.browser, stage.stack.url);
  await person.useSession(ada, `#/rooms/${id}`);
  await person.connected();
  await person.page.locator('.member-online').waitFor();
  const calls = (await resources(person.page)).filter(({ name }) => name.includes('/api/'));
  t.diagnostic(calls.map(({ name }) => new URL(name).pathname).join(' '));
  assert.ok(calls.length <= 6);
  await person.leave();
});
