// The API pages in a browser: offline, under the Content-Security-Policy, trying calls.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startStack } from '../system/lib/stack.mjs';
import { launchBrowser, Person } from './people.mjs';

let stack;
let browser;

before(async () => {
  browser = await launchBrowser();
  stack = await startStack({ workers: 1 });
});

after(async () => {
  await browser?.close();
  await stack?.stop();
});

test('the API pages work offline, under the Content-Security-Policy, and try calls', async () => {
  const reader = await Person.arrive(browser, stack.url);
  const { page } = reader;
  const answer = await page.goto(`${stack.url}/docs#/accounts/register`);
  assert.match(answer.headers()['content-security-policy'] ?? '', /script-src 'self'(;|$)/);
  await page.locator('.opblock.is-open .execute').waitFor();
  await page.locator('.opblock.is-open .execute').click();
  const status = page.locator('.opblock.is-open .live-responses-table .response-col_status');
  await status.filter({ hasText: '200' }).waitFor();
  await reader.leave();
});
