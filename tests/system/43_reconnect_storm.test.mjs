// A worker dies, and all who were on it come back at once, a few events behind: one reading of the
// log serves all of them, not one for each.
//
//   STORM_CLIENTS=5000 node --test tests/system/43_reconnect_storm.test.mjs
import assert from 'node:assert/strict';
import { it } from 'node:test';
import WebSocket from 'ws';
import { Api, makeRoom } from './lib/client.mjs';
import { deadlineMs } from './lib/env.mjs';
import { freePort } from './lib/ports.mjs';
import { withStack } from './lib/stack.mjs';
import { delay, poll } from './lib/wait.mjs';

const CLIENTS = Number(process.env.STORM_CLIENTS || 1_000);
const USERS = 20;
const BEHIND = 5;
const OPENING_AT_ONCE = 100;

class Member {
  constructor(url, roomId, token, storm) {
    Object.assign(this, { url, roomId, token, storm, last: 0, faults: [] });
  }

  connect() {
    const query = `token=${this.token}&since=${this.last}`;
    const ws = new WebSocket(`${this.url.replace(/^http/, 'ws')}/ws/chat/${this.roomId}?${query}`, {
      perMessageDeflate: false,
      handshakeTimeout: deadlineMs(60_000),
    });
    this.ws = ws;
    this.caughtUp = false;
    this.storm.connects += 1;
    ws.on('error', () => {});
    ws.on('message', (data) => this.take(JSON.parse(data.toString())));
    ws.on('close', (code) => this.onClose(code));
  }

  take(frame) {
    if (frame.type === 'caught_up') this.caughtUp = true;
    if (frame.type === 'subscribed' && frame.recovered !== true) this.faults.push(JSON.stringify(frame));
    if (frame.id === undefined) return;
    if (frame.id !== this.last + 1) this.faults.push(`${frame.id} after ${this.last}`);
    this.last = frame.id;
  }

  // Back at once after a death; who is told to try later does so.
  onClose(code) {
    if (this.storm.over) return;
    this.storm.closes[code] = (this.storm.closes[code] ?? 0) + 1;
    this.caughtUp = false;
    if (this.storm.holding) this.storm.held.push(this);
    else setTimeout(() => this.connect(), 200 + Math.random() * 800);
  }
}

async function scrape(port) {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return (name) => Number(new RegExp(`^banter_${name} (\\d+)$`, 'm').exec(text)[1]);
}

async function statements(stack) {
  const rows = await stack.database.query("SHOW GLOBAL STATUS LIKE 'Com_stmt_execute'");
  return Number(rows[0][1]);
}

async function story(stack, t, adminPort) {
  const api = new Api(stack.url);
  const { owner, room, everyone } = await makeRoom(api, USERS - 1);
  const storm = { connects: 0, closes: {}, held: [], holding: false, over: false };
  const members = Array.from({ length: CLIENTS }, (_, i) =>
    new Member(stack.url, room.id, everyone[i % everyone.length].token, storm));
  const say = async (count) => {
    for (let i = 0; i < count; i += 1) {
      const answer = await owner.api.post(`/api/chat/rooms/${room.id}/messages`, { text: 'ring' });
      assert.equal(answer.status, 200, answer.text);
    }
  };
  const allAt = (head) => poll(`everyone to be at ${head}`, () =>
    members.every((member) => member.last === head && member.caughtUp), { timeoutMs: 120_000 });

  for (let i = 0; i < members.length; i += OPENING_AT_ONCE) {
    const part = members.slice(i, i + OPENING_AT_ONCE);
    part.forEach((member) => member.connect());
    await poll('some to be there', () => part.every((member) => member.caughtUp), { timeoutMs: 60_000 });
  }
  await say(20);
  const head = USERS + 20;
  await allAt(head);

  // The dead worker's successor says the next events to nobody: all clients wait until it is there.
  storm.holding = true;
  await stack.killWorker();
  await poll('every socket to be gone', () => storm.held.length === CLIENTS, { timeoutMs: 60_000 });
  await stack.waitReady();
  await say(BEHIND);
  await delay(200);
  const pages = (await scrape(adminPort))('log_pages_total');
  const executed = await statements(stack);
  const connects = storm.connects;
  storm.holding = false;
  const began = Date.now();
  storm.held.forEach((member) => member.connect());
  await allAt(head + BEHIND);
  const tookMs = Date.now() - began;
  const pagesRead = (await scrape(adminPort))('log_pages_total') - pages;
  const executedNow = (await statements(stack)) - executed;
  storm.over = true;
  for (const member of members) assert.deepEqual(member.faults, []);
  members.forEach((member) => member.ws.terminate());

  t.diagnostic(`${CLIENTS} clients, ${BEHIND} events behind, back at once: all caught up in ${tookMs} ms`);
  t.diagnostic(`connections ${storm.connects - connects}, closes ${JSON.stringify(storm.closes)}`);
  t.diagnostic(`pages read from the log: ${pagesRead}; statements of any kind: ${executedNow} (each connection has its token and membership looked up)`);
  assert.ok(pagesRead <= Math.max(10, CLIENTS / 50), `${pagesRead} pages were read for ${CLIENTS} clients`);
}

it(`${CLIENTS} clients come back at once`, { timeout: deadlineMs(600_000) }, async (t) => {
  const adminPort = await freePort();
  const gatewayEnv = { admin_listen: `127.0.0.1:${adminPort}` };
  await withStack({ workers: 1, gatewayEnv }, (stack) => story(stack, t, adminPort));
});
