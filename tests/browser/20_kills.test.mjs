// What is killed under a conversation: the state is told, nothing is lost, nothing comes twice.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Person } from './people.mjs';
import { newcomer } from './scenery.mjs';
import { useStage } from './stage.mjs';

let ada;
let grace;
let room;
let hash;
const people = [];
const texts = [];

const open = async (who) => {
  const person = await Person.arrive(stage.browser, stage.stack.url);
  await person.useSession(who, hash);
  await person.connected();
  people.push(person);
  return person;
};

const history = async () =>
  (await ada.api.get(`/api/chat/rooms/${room}/messages?limit=500`)).json.map((message) => message.text);

// Both see exactly what was said, once and in order, and the log has it, too.
const agree = async () => {
  for (const person of people) {
    await person.hears(texts[texts.length - 1]);
    await person.page.locator('.outgoing').waitFor({ state: 'detached' });
    assert.deepEqual(await person.conversation(), texts);
  }
  assert.deepEqual(await history(), texts);
};

const say = async (person, text) => {
  texts.push(text);
  await person.say(text);
};

const stage = useStage({ workers: 2 }, async ({ stack }) => {
  ada = await newcomer(stack, 'Ada');
  grace = await newcomer(stack, 'Grace');
  room = (await ada.api.post('/api/chat/rooms', { name: 'Engine' })).json.id;
  await grace.api.post(`/api/chat/rooms/${room}/join`);
  hash = `#/rooms/${room}`;
  await open(ada);
  await open(grace);
});

test('a reload shows the same conversation, and goes on', async () => {
  await say(people[0], 'Before the reload');
  await agree();
  await people[0].page.reload();
  await people[0].connected();
  await say(people[1], 'After the reload');
  await agree();
});

test('all workers are killed in mid-conversation', async () => {
  for (const pid of stage.stack.workers()) await stage.stack.killWorker(pid);
  await people[0].page.getByText('Not connected').waitFor();
  await people[0].page.getByText('messages wait here until the connection is back').waitFor();
  await say(people[0], 'Said while the line was down');
  await people[1].hears('Said while the line was down');
  await people[0].connected();
  await say(people[1], 'And back again');
  await agree();
});

test('the whole gateway is killed, and comes back', async () => {
  await stage.stack.killGateway();
  for (const person of people) await person.page.getByText('Not connected').waitFor();
  await say(people[0], 'Nobody hears this yet');
  await people[0].page.locator('.outgoing-waiting', { hasText: 'Waiting for the connection' }).waitFor();
  await stage.stack.startGateway();
  await stage.stack.waitReady();
  for (const person of people) await person.connected();
  await people[1].hears('Nobody hears this yet');
  await agree();
});

test('what was not sent is not lost by closing the page, nor doubled', async () => {
  await stage.stack.killGateway();
  await people[0].page.getByText('Not connected').waitFor();
  await say(people[0], 'Written, and the browser closed');
  await people[0].page.locator('.outgoing-waiting').waitFor();
  await people[0].page.goto('about:blank');
  await stage.stack.startGateway();
  await stage.stack.waitReady();
  await people[0].page.goto(`${stage.stack.url}/${hash}`);
  await people[0].connected();
  await agree();
});

test('the broker is killed: reading goes on, what is sent waits for the next one', async () => {
  await stage.stack.killBroker();
  await say(people[0], 'To a broker that is not there');
  await people[0].page.locator('.outgoing').waitFor();
  const third = await Person.arrive(stage.browser, stage.stack.url);
  await third.useSession(grace, hash);
  await third.hears(texts[texts.length - 2]);
  await third.leave();
  await stage.stack.startBroker();
  await stage.stack.waitReady();
  await people[1].hears('To a broker that is not there');
  await say(people[1], 'Here it is again');
  await agree();
});

test('nothing went wrong in the browsers', async () => {
  for (const person of people) await person.leave();
});
