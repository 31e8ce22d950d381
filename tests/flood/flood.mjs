// What strangers and members can do to others: floods against one worker with the limits that a
// fresh installation has, while an ordinary client goes on. Prints how long its calls and messages
// took beside a quiet run; fails when one was not served, when it took longer than FLOOD_P99_MS, when
// the worker's memory passed its bound, or when something stays behind.
//
//   make test-flood [FLOOD_SECONDS=12] [FLOOD_ONLY=logins]
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import fs from 'node:fs';
import { metric } from '../system/lib/bus_keys.mjs';
import { Api, makeRoom } from '../system/lib/client.mjs';
import { SLOW, WITHOUT_RATES } from '../system/lib/env.mjs';
import { freePort } from '../system/lib/ports.mjs';
import { openFiles } from '../system/lib/procfs.mjs';
import { withStack } from '../system/lib/stack.mjs';
import { delay, poll } from '../system/lib/wait.mjs';

const SECONDS = Number(process.env.FLOOD_SECONDS || 12);
const P99_MS = Number(process.env.FLOOD_P99_MS || 1_000) * SLOW;
const MIB = 1024 * 1024;
const MEMORY = (SLOW > 1 ? 2_048 : 384) * MIB;
// Free memory that an allocator keeps, or a sanitizer's quarantine.
const LEFT = (SLOW > 1 ? 1_024 : 64) * MIB;

const FLOODS = [
  'half-open handshakes', 'slow heads and bodies', 'logins', 'bodies of 100 MB', 'deep JSON',
  '10,000 sockets of one user', 'a member that sends as fast as it can', '1,000 sockets that never read',
].filter((name) => name.includes(process.env.FLOOD_ONLY ?? ''));

// The program's own limits, but for the registrations of the scene.
const LIMITS = Object.fromEntries(Object.keys(WITHOUT_RATES).map((name) => [name, undefined]));

const ownBytes = (pid) => Number(/^RssAnon:\s+(\d+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;

// A child that says 'ready' when it was told what to do, a flood 'whole' when it has sent all that its
// name says, and its result when it is told to stop.
async function child(file, order) {
  const process_ = fork(new URL(file, import.meta.url));
  const said = [];
  process_.on('message', (message) => said.push(message));
  process_.send(order);
  const next = (what) => poll(what, () => {
    assert.equal(process_.exitCode === null || said.length > 0, true, `${file} has ended`);
    return said.shift();
  }, { timeoutMs: 60_000 });
  await next(`${file} to be ready`);
  return {
    whole: async () => assert.equal(await next(`${file} to have sent all`), 'whole'),
    stop: () => {
      if (process_.connected) process_.send('stop'); // else it has come to its end
      return next(`${file} to end`);
    },
  };
}

const state = async (port, pid) => ({
  descriptors: openFiles(pid),
  sockets: await metric(port, 'ws_open'),
  sessions: await metric(port, 'sessions_held'),
  rooms: await metric(port, 'rooms_hosted'),
  connections: await metric(port, 'http_connections'),
});

// Counters so far, by a label.
async function counters(port, pattern) {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { connection: 'close' } })).text();
  return [...text.matchAll(pattern)].map(([, label, count]) => [label, Number(count)]);
}

// What the gateway has refused, by its reasons, and how long the broker's commits took, by their bounds.
const tallies = async (port) => ({
  sheds: await counters(port, /^banter_shed_total\{reason="(\w+)"\} (\d+)$/gm),
  commits: await counters(port + 1, /^banter_broker_commit_seconds_bucket\{le="(\S+)"\} (\d+)$/gm),
});

// What has come since: for a slow message it says whether the database's disk was.
function since(before, after) {
  const rise = (kind) => after[kind].map(([label, count], i) => [label, count - before[kind][i][1]]);
  const commits = rise('commits');
  const all = commits.at(-1)[1];
  return {
    ...Object.fromEntries(rise('sheds').filter(([, count]) => count > 0).map(([reason, count]) => [`shed ${reason}`, count])),
    'slowest commit (s), at most': commits.find(([, count]) => count === all)[0],
  };
}

// The victim and the flood, for a while; name null: quiet.
async function run({ stack, port, where, victim }, name) {
  const [pid] = stack.workers();
  const before = { ...(await state(port, pid)), bytes: ownBytes(pid) };
  const tallied = await tallies(port);
  let peak = 0;
  const watch = setInterval(() => (peak = Math.max(peak, ownBytes(pid))), 100);
  const flood = name && (await child('floods.mjs', { name, where }));
  const client = await child('victim.mjs', victim);
  await Promise.all([delay(SECONDS * 1000), flood?.whole()]);
  const times = await client.stop();
  const result = flood ? await flood.stop() : {};
  const ended = Date.now();
  Object.assign(result, since(tallied, await tallies(port)));
  const after = await poll(`everything to be as before ${name}`, async () => {
    const now = await state(port, pid);
    return Object.keys(now).every((key) => now[key] <= before[key]) && now;
  }, { timeoutMs: 30_000, everyMs: 200 });
  clearInterval(watch);
  assert.equal(stack.workers()[0], pid, 'the worker lives');
  return { name: name ?? 'quiet', times, result, peak, before, after, bytes: ownBytes(pid), cleanMs: Date.now() - ended };
}

function row({ name, times, peak, bytes, before, cleanMs }) {
  const mib = (n) => (n / MIB).toFixed(0).padStart(5);
  const ms = (n) => n.toFixed(1).padStart(8);
  return `${name.padEnd(38)}${ms(times.rest.p50)}${ms(times.rest.p99)}${ms(times.messages.p50)}${ms(times.messages.p99)}` +
    `${mib(before.bytes)}${mib(peak)}${mib(bytes)}  ${String(cleanMs).padStart(6)}`;
}

function judge({ name, times, peak, bytes, before }) {
  const faults = times.faults.map((fault) => `${name}: ${fault}`);
  for (const kind of ['rest', 'messages']) {
    if (times[kind].count === 0) faults.push(`${name}: no ${kind}`);
    if (times[kind].p99 > P99_MS) faults.push(`${name}: p99 of ${kind} is ${times[kind].p99} ms`);
  }
  if (peak > MEMORY) faults.push(`${name}: the worker had ${peak} bytes`);
  if (bytes > before.bytes + LEFT) faults.push(`${name}: ${bytes - before.bytes} bytes stay`);
  return faults;
}

const port = await freePort(2);
await withStack(
  {
    workers: 1,
    env: { ...LIMITS, scrypt_log2n: undefined, scrypt_queue: undefined, rate_register: 0, rate_login: '600/60s',
      worker_memory_bytes: MEMORY, admin_listen: `127.0.0.1:${port}` },
  },
  async (stack) => {
    const api = new Api(stack.url);
    const { owner } = await makeRoom(api, 0);
    const { owner: flooder, room, members } = await makeRoom(api, 15);
    const mine = await owner.api.createRoom();
    const where = {
      host: '127.0.0.1', port: stack.port, username: owner.username, token: flooder.token, roomId: room.id,
      tokens: members.slice(0, 10).map((user) => user.token), senders: members.slice(10).map((user) => user.token),
    };
    const scene = { stack, port, where, victim: { url: stack.url, roomId: mine.id, token: owner.token } };
    const faults = [];
    console.log(`at least ${SECONDS} s each; milliseconds of another client; MiB of the worker before, at most, after; ms until all was as before`);
    console.log(`${''.padEnd(38)}REST p50     p99  msg p50     p99  MiB  max after   clean`);
    for (const name of [null, ...FLOODS, null]) {
      const one = await run(scene, name);
      console.log(row(one));
      console.log(`    ${JSON.stringify(one.result)}`);
      faults.push(...judge(one));
    }
    assert.deepEqual(faults, [], 'nobody else was hurt');
  },
);
console.log('passed');
