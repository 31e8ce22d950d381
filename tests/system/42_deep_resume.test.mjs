// A room with a long log, resumed from its beginning by a client that reads as fast as it can and by
// one that reads 100 kB/s: both get every event in order, the worker's memory does not grow with the
// depth, and what another room's messages take meanwhile is told.
//
//   DEEP_EVENTS=1000000 node --test tests/system/42_deep_resume.test.mjs
import assert from 'node:assert/strict';
import { it } from 'node:test';
import WebSocket from 'ws';
import { Api, makeRoom } from './lib/client.mjs';
import { BIN_DIR, deadlineMs } from './lib/env.mjs';
import { startProbe } from './lib/latency_probe.mjs';
import { residentBytes } from './lib/procfs.mjs';
import { withStack } from './lib/stack.mjs';
import { delay, within } from './lib/wait.mjs';

const EVENTS = Number(process.env.DEEP_EVENTS || 50_000);
const SECONDS = Number(process.env.DEEP_SECONDS || 8);
const SLOW_BYTES_PER_S = 100_000;
// Far below the size of the log at the depths that matter, far above what a page takes.
const MB = 2 ** 20;
const GROWTH_MAX = 48 * MB;
// AddressSanitizer keeps what was freed for a while, so that its figures say nothing.
const MEASURED = !/asan|tsan/.test(BIN_DIR);

// Straight into the table, as the broker would write it; it may not run meanwhile.
async function fill(stack, roomId, userId) {
  await stack.killBroker();
  for (let done = 0; done < EVENTS; ) {
    const part = Math.min(100_000, EVENTS - done);
    await stack.database.query(
      `INSERT INTO events (room_id, seq, kind, actor_id, created_at_us, dedupe_key, body)
       SELECT ${roomId}, head.seq + n.seq, 1, ${userId}, 1700000000000000 + ${done} + n.seq,
              UNHEX(MD5(${done} + n.seq)), CONCAT('event ', ${done} + n.seq, ' ', REPEAT('x', 100))
       FROM seq_1_to_${part} n, (SELECT MAX(seq) AS seq FROM events WHERE room_id = ${roomId}) head`,
    );
    done += part;
  }
  await stack.startBroker();
  await stack.waitReady();
}

// Reads a room from its beginning at a pace (0: any) and checks that every number comes.
class Reader {
  constructor(url, roomId, token, bytesPerS) {
    this.last = 0;
    this.bytes = 0;
    this.bytesPerS = bytesPerS;
    this.began = Date.now();
    this.faults = [];
    this.ws = new WebSocket(`${url.replace(/^http/, 'ws')}/ws/chat/${roomId}?token=${token}&since=0`, { perMessageDeflate: false });
    this.ws.on('message', (data) => this.take(data));
    this.ws.on('error', (error) => this.faults.push(error.message));
    this.closed = new Promise((resolve) => this.ws.once('close', resolve));
    this.caughtUp = new Promise((resolve) => (this.onCaughtUp = resolve));
  }

  take(data) {
    const raw = data.toString('latin1');
    const id = /^\{"type":"\w+","id":(\d+)/.exec(raw);
    this.bytes += data.length;
    if (id) {
      if (Number(id[1]) !== this.last + 1) this.faults.push(`${id[1]} after ${this.last}`);
      this.last = Number(id[1]);
    } else if (raw.startsWith('{"type":"caught_up"')) {
      this.onCaughtUp(this.last);
    }
    if (this.bytesPerS > 0) this.slowDown();
  }

  slowDown() {
    const ahead = (this.bytes / this.bytesPerS) * 1000 - (Date.now() - this.began);
    if (ahead < 10 || this.waiting) return;
    this.ws.pause();
    this.waiting = setTimeout(() => this.goOn(), ahead);
  }

  goOn() {
    clearTimeout(this.waiting);
    this.waiting = undefined;
    this.ws.resume();
  }

  hurry() {
    this.bytesPerS = 0;
    this.goOn();
  }

  async end() {
    clearTimeout(this.waiting);
    this.ws.terminate();
    await this.closed;
  }
}

async function resumeFast(stack, roomId, token, head) {
  const fast = new Reader(stack.url, roomId, token, 0);
  const began = Date.now();
  assert.equal(await within('the fast client to catch up', fast.caughtUp, 600_000), head);
  const ms = Date.now() - began;
  assert.deepEqual(fast.faults, []);
  await fast.end();
  return { ms, bytes: fast.bytes };
}

async function story(stack, t) {
  const api = new Api(stack.url);
  const { owner, room } = await makeRoom(api, 0);
  const other = await makeRoom(api, 1);
  await fill(stack, room.id, owner.id);
  const [pid] = stack.workers();
  const probe = () => startProbe({ url: stack.url, roomId: other.room.id, sender: other.owner.token, receiver: other.members[0].token });

  let measuring = probe();
  await delay(SECONDS * 1000);
  const alone = await measuring.stop();

  const head = EVENTS + 1;
  const before = residentBytes(pid);
  let peak = before;
  const watch = setInterval(() => (peak = Math.max(peak, residentBytes(pid))), 20);
  measuring = probe();
  const slow = new Reader(stack.url, room.id, owner.token, SLOW_BYTES_PER_S);
  const runs = [];
  const until = Date.now() + SECONDS * 1000;
  do runs.push(await resumeFast(stack, room.id, owner.token, head));
  while (Date.now() < until);
  const beside = await measuring.stop();
  const slowSeconds = (Date.now() - slow.began) / 1000;
  const slowHad = { last: slow.last, bytes: slow.bytes };
  slow.hurry();
  assert.equal(await within('the slow client to catch up', slow.caughtUp, 600_000), head);
  assert.deepEqual(slow.faults, []);
  await slow.end();
  clearInterval(watch);

  const best = Math.min(...runs.map((run) => run.ms));
  t.diagnostic(`${EVENTS} events, ${(runs[0].bytes / MB).toFixed(1)} MB on the socket`);
  t.diagnostic(`fast: ${runs.length} times from 0 to the head, the best in ${best} ms (${Math.round(EVENTS / best)} events/ms)`);
  t.diagnostic(`slow: at ${slowHad.last} after ${slowSeconds.toFixed(1)} s (${Math.round(slowHad.bytes / slowSeconds / 1000)} kB/s), then to the head`);
  t.diagnostic(`the worker's memory: ${(before / MB).toFixed(1)} MB before, ${(peak / MB).toFixed(1)} MB at most`);
  t.diagnostic(`another room, alone:      ${JSON.stringify(alone)} ms`);
  t.diagnostic(`another room, beside it:  ${JSON.stringify(beside)} ms`);
  if (MEASURED) assert.ok(peak - before < GROWTH_MAX, `the worker grew by ${((peak - before) / MB).toFixed(1)} MB`);
  assert.ok(beside.count > 0, 'the other room went on');
}

it(`resumes a room of ${EVENTS} events`, { timeout: deadlineMs(1_800_000) }, (t) =>
  withStack({ workers: 1 }, (stack) => story(stack, t)));
