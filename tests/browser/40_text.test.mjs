// Whatever a message holds, it is text: nothing in it runs, turns the page around, or leads astray.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Person } from './people.mjs';
import { newcomer } from './scenery.mjs';
import { useStage } from './stage.mjs';

const HOSTILE = [
  '<b>not bold</b><script>window.hacked = 1</script><img src=x onerror="window.hacked=2"> 👩‍🚀',
  '<svg/onload=window.hacked=3> <iframe src="javascript:parent.hacked=4"></iframe> <a href="javascript:hacked=5">x</a>',
  '&lt;i&gt; &amp;amp; &#60;script&#62; \\u003cscript>',
  '\u202eegassem sdrawkcab\u202c \u2067\u2066 marks that turn the text \u2069\u2069',
  'مرحبا بالجميع، كيف الحال؟ (123)',
  'Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘!͖̬̰̙̗̿̋ͥͥ̂ͣ̐́́͜͞',
  '👨‍👩‍👧‍👦🏴‍☠️🇺🇳',
  '{{constructor.constructor("window.hacked=6")()}} ${window.hacked=7} %3Cscript%3E',
  'x'.repeat(4000),
];

const stage = useStage({ workers: 1 });

test('HTML, scripts, bidi and emoji are shown as the text that they are', async () => {
  const ada = await newcomer(stage.stack, '<img src=x onerror=hacked=8>');
  const grace = await newcomer(stage.stack, 'Grace');
  const { id } = (await ada.api.post('/api/chat/rooms', { name: '<script>hacked=9</script>\u202e' })).json;
  await grace.api.post(`/api/chat/rooms/${id}/join`);
  for (const text of HOSTILE) await ada.api.post(`/api/chat/rooms/${id}/messages`, { text });
  const reader = await Person.arrive(stage.browser, stage.stack.url, { viewport: { width: 360, height: 740 } });
  await reader.useSession(grace, `#/rooms/${id}`);
  await reader.hears('not bold');
  assert.deepEqual(await reader.conversation(), HOSTILE);
  const { page } = reader;
  assert.equal(await page.locator('.said :is(b, i, img, script, svg, iframe)').count(), 0);
  assert.equal(await page.locator('.said a').count(), 0);
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  const overflow = await page.evaluate(
    () => document.querySelector('.log').scrollWidth - document.querySelector('.log').clientWidth,
  );
  assert.equal(overflow, 0, 'nothing is wider than the screen');
  const direction = (text) =>
    page.locator('.said', { hasText: text }).evaluate((element) => getComputedStyle(element).direction);
  assert.equal(await direction('مرحبا'), 'rtl');
  assert.equal(await direction('not bold'), 'ltr');
  // The same again, from one's own hand.
  await page.getByLabel(/^Message to/).fill(HOSTILE[0]);
  await page.getByLabel(/^Message to/).press('Enter');
  await page.locator('.mine .said', { hasText: 'not bold' }).waitFor();
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  await reader.leave();
});

test('links lead to the web or a mailbox, and take nothing along', async () => {
  const ada = await newcomer(stage.stack, 'Ada');
  const { id } = (await ada.api.post('/api/chat/rooms', { name: 'Links' })).json;
  const text =
    'See https://example.org/a?b=c#d, (http://xn--bcher-kva.example) or mailto:ada@example.org; ' +
    'not javascript:alert(1), data:text/html,x or https://bank.example@evil.example/.';
  await ada.api.post(`/api/chat/rooms/${id}/messages`, { text });
  const reader = await Person.arrive(stage.browser, stage.stack.url);
  await reader.useSession(ada, `#/rooms/${id}`);
  await reader.hears('See https');
  const links = await reader.page
    .locator('.said a')
    .evaluateAll((all) => all.map(({ href, rel, target }) => ({ href, rel, target })));
  const rest = { rel: 'noopener noreferrer', target: '_blank' };
  assert.deepEqual(links, [
    { href: 'https://example.org/a?b=c#d', ...rest },
    { href: 'http://xn--bcher-kva.example/', ...rest },
    { href: 'mailto:ada@example.org', ...rest },
  ]);
  assert.deepEqual(await reader.conversation(), [text]);
  await reader.leave();
});

test('the page refuses to make HTML of a text at all', async () => {
  const visitor = await Person.arrive(stage.browser, stage.stack.url);
  const refused = await visitor.page.evaluate(() => {
    try {
      document.createElement('div').innerHTML = '<b>x</b>';
      return false;
    } catch (error) {
      return error instanceof TypeError;
    }
  });
  assert.ok(refused, 'Trusted Types are required, and none are allowed');
  await visitor.context.close();
});
