// Two people in two browsers, from sign-up to conversation, over the real processes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Person } from './people.mjs';
import { useStage } from './stage.mjs';

const stage = useStage({ workers: 2 });

test('two people, from sign-up to conversation', async (t) => {
  const ada = await Person.arrive(stage.browser, stage.stack.url);
  const grace = await Person.arrive(stage.browser, stage.stack.url, {
    viewport: { width: 360, height: 740 },
    colorScheme: 'dark',
  });
  await ada.signUp('Agnes');
  await grace.signUp('Grace');
  await ada.createRoom('Lighthouse');
  await grace.joinRoom('Lighthouse');
  const texts = [];
  const talk = async (from, to, text) => {
    texts.push(text);
    await from.say(text);
    await to.hears(text);
    await from.hears(text);
  };

  await t.test('messages go both ways, in one order', async () => {
    await talk(ada, grace, 'Is the lamp lit?');
    await talk(grace, ada, 'Since six. The oil is enough until Thursday, unless the fog stays.');
    await talk(ada, grace, 'Then good night.');
    assert.deepEqual(await ada.conversation(), texts);
    assert.deepEqual(await grace.conversation(), texts);
  });

  await t.test('what is on its way is shown so, until it is stored', async () => {
    await stage.stack.suspendBroker();
    texts.push('Said to a server that thinks');
    await ada.say('Said to a server that thinks');
    await ada.page.locator('.outgoing-sending', { hasText: 'Sending' }).waitFor();
    stage.stack.resumeBroker();
    await grace.hears('Said to a server that thinks');
    await ada.page.locator('.outgoing').waitFor({ state: 'detached' });
    assert.deepEqual(await ada.conversation(), texts);
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

  await t.test('who is writing is seen, until it is said', async () => {
    await grace.composer.pressSequentially('Anyb');
    await ada.page.getByText('Grace is writing …').waitFor();
    await talk(grace, ada, 'Anybody there?');
    await ada.page.getByText('Grace is writing …').waitFor({ state: 'detached' });
    assert.equal(await grace.page.getByText('is writing …').count(), 0, 'not to oneself');
  });

  await t.test('what is new elsewhere is counted, in the list and the title, until it is read', async () => {
    await ada.createRoom('Harbour');
    texts.push('The fog lifts', 'I see the harbour');
    await grace.say('The fog lifts');
    await grace.say('I see the harbour');
    const link = ada.page.getByRole('link', { name: /^Lighthouse/ });
    await link.getByText('2 new').waitFor();
    await ada.page.waitForFunction(() => document.title === '(2) Harbour · Banter');
    await ada.page.reload();
    await link.getByText('2 new').waitFor();
    await link.click();
    await ada.hears('I see the harbour');
    await ada.page.locator('.news-line + .message', { hasText: 'The fog lifts' }).waitFor();
    await link.getByText('2 members').waitFor();
    await ada.page.waitForFunction(() => document.title === 'Lighthouse · Banter');
    assert.deepEqual(await ada.conversation(), texts);
  });

  await t.test('a draft stays in its room, over a reload', async () => {
    await ada.composer.fill('Not yet fin');
    await ada.page.getByRole('link', { name: /^Harbour/ }).click();
    await ada.page.getByLabel('Message to Harbour').waitFor();
    assert.equal(await ada.composer.inputValue(), '');
    await ada.page.getByRole('link', { name: /^Lighthouse/ }).click();
    await ada.page.getByLabel('Message to Lighthouse').waitFor();
    assert.equal(await ada.composer.inputValue(), 'Not yet fin');
    await ada.page.reload();
    await ada.connected();
    assert.equal(await ada.composer.inputValue(), 'Not yet fin');
    await ada.composer.fill('');
  });

  await t.test('emoji are chosen from the picker', async () => {
    await ada.composer.fill('Well done ');
    await ada.page.getByRole('button', { name: 'Emoji' }).click();
    await ada.page.getByLabel('Search emoji').fill('party');
    await ada.page.getByRole('button', { name: /congratulations/ }).click();
    assert.equal(await ada.composer.inputValue(), 'Well done 🎉');
    await ada.composer.press('Enter');
    texts.push('Well done 🎉');
    await grace.hears('Well done 🎉');
  });

  await t.test('leaving, joining again, deleting the account', async () => {
    await grace.page.getByRole('button', { name: 'Leave' }).click();
    await grace.page.getByRole('dialog').getByRole('button', { name: 'Leave' }).click();
    await grace.page.getByRole('link', { name: /^Lighthouse/ }).click();
    await grace.page.getByText('Only members can read and write here.').waitFor();
    await grace.page.getByRole('button', { name: 'Join this room' }).click();
    await grace.connected();
    assert.deepEqual(await grace.conversation(), texts);
    await grace.page.getByRole('link', { name: 'Back to the rooms' }).click();
    await grace.page.getByText('Signed in as').click();
    await grace.page.getByRole('button', { name: 'Delete account' }).click();
    await grace.page.getByRole('button', { name: 'Delete for good' }).click();
    await grace.page.getByText('Your account is deleted.').waitFor();
    await ada.page.reload();
    await ada.connected();
    await ada.page.getByText('A former member').first().waitFor();
    assert.deepEqual(await ada.conversation(), texts);
  });

  await ada.leave();
  await grace.leave();
});
