// A bus that drops, repeats, delays, reorders, truncates, garbles and spoils what it carries, both ways
// (tests/tools/bus_chaos.c): nothing breaks. PUB/SUB is only the fast path; the log is the truth.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import path from 'node:path';
import { it } from 'node:test';
import { BIN_DIR } from './lib/env.mjs';
import { freePort } from './lib/ports.mjs';
import { Program } from './lib/process.mjs';
import { SANITIZERS, startStack } from './lib/stack.mjs';
import { delay, poll } from './lib/wait.mjs';
import { SETTINGS, World, people, readMetrics, settleSends, startTicking, whoIsBehind } from '../kill/stage.mjs';
import { judge, table } from '../kill/verdict.mjs';

const SECONDS = Number(process.env.CHAOS_SECONDS || 8);
const SEED = Number(process.env.CHAOS_SEED || 0);

const stories = [
  { name: 'every third message is harmed', drop: 0.08, repeat: 0.08, delay: 0.1, truncate: 0.04, garble: 0.04, 'drop-room': 0.1 },
  { name: 'every fifth message is lost', drop: 0.2 },
  { name: 'every tenth text for clients is no JSON', spoil: 0.1 },
  { name: 'every other message is late', delay: 0.5, 'delay-ms': 700, repeat: 0.2 },
];

async function startProcesses(world, harm) {
  const brokerPort = await freePort(2);
  const busPort = await freePort(2);
  const adminPorts = [await freePort(), await freePort()];
  const stack = await startStack({
    workers: 2,
    brokers: 0,
    gateways: 0,
    env: { ...SETTINGS, head_repeat_ms: 500 },
    brokerEnv: { broker_listen: `tcp://127.0.0.1:${brokerPort}` },
  });
  try {
    await stack.startBroker();
    const options = { listen: `tcp://127.0.0.1:${busPort}`, broker: `tcp://127.0.0.1:${brokerPort}`, ...harm };
    const bus = new Program({
      name: 'bus_chaos',
      file: path.join(BIN_DIR, '../tests/tools/bus_chaos'),
      args: Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]),
      env: { PATH: process.env.PATH, ...SANITIZERS },
      log: path.join(stack.logDir, 'bus_chaos.log'),
    });
    stack.programs.push(bus);
    for (const [i, port] of adminPorts.entries()) {
      await stack.startGateway(i, { brokers: options.listen, admin_listen: `127.0.0.1:${port}` });
    }
    await stack.waitReady();
    world.urls = stack.gateways.map((gateway) => gateway.url);
    return { stack, bus, adminPorts };
  } catch (error) {
    await stack.discard();
    throw error;
  }
}

// Whoever still lacks something gets it with the next event of the room, once the bus carries.
async function heal(world, stack, bus, { owner, rooms }) {
  bus.kill('SIGUSR2');
  await stack.waitReady();
  for (const id of rooms) {
    const client = world.clients.find((one) => one.roomIds.includes(id));
    client.outbox.add(id, 'the last one');
  }
  await poll('the last messages to be settled', () => world.sends.unsettled().length === 0, { timeoutMs: 60_000 });
  for (const sentence of await whoIsBehind(world, stack, 30_000)) world.fault('lost', sentence);
  return judge(world, stack, { owner, rooms });
}

async function tell(t, { name, ...harm }) {
  const seed = SEED || randomInt(1, 2 ** 31);
  const world = new World({ seed, log: (line) => t.diagnostic(line) });
  const { stack, bus, adminPorts } = await startProcesses(world, { ...harm, seed });
  let timer;
  let result;
  try {
    const cast = await people(world, { clients: 48, rooms: 6 });
    bus.kill('SIGUSR1');
    world.clients.forEach((client) => client.start());
    timer = startTicking(world, cast.rooms);
    for (let i = 0; i < SECONDS; i += 1) {
      await delay(1_000);
      for (let k = 0; k < 3; k += 1) world.random.pick(world.clients).cut();
    }
    await settleSends(world);
    const behind = await whoIsBehind(world, stack, 5_000);
    t.diagnostic(`behind while the bus is bad and nobody speaks: ${behind.length} ${behind.slice(0, 5).join('; ')}`);
    result = await heal(world, stack, bus, cast);
    result.seed = seed;
    result.metrics = await readMetrics(adminPorts);
  } catch (error) {
    await stack.discard().catch(() => {});
    throw error;
  } finally {
    clearInterval(timer);
    world.clients.forEach((client) => client.stop());
  }
  if (!result.ok) process.exitCode = 1;
  assert.equal((await bus.end()).code, 0);
  const counts = JSON.parse(bus.output().trim().split('\n').at(-1));
  await stack.stop();
  t.diagnostic(`${table(result)}\n${JSON.stringify(counts)}`);
  assert.ok(result.ok, table(result));
  check(harm, counts, result.metrics);
}

// That the bus was bad, and that it was noticed.
function check(harm, counts, metrics) {
  for (const side of ['commands', 'events']) {
    if (harm.drop) assert.ok(counts[side].dropped > 0, `${side} were dropped`);
    if (harm.delay) assert.ok(counts[side].delayed > 0, `${side} were delayed`);
    if (harm.truncate) assert.ok(counts[side].truncated + counts[side].garbled > 0, `${side} were harmed`);
  }
  if (harm.drop || harm.delay || harm.spoil) assert.ok(metrics.bus_gaps_total > 0, 'gaps are counted');
  if (harm.spoil) assert.ok(counts.events.spoilt > 0, 'events were spoilt');
  if (harm.garble || harm.spoil) assert.ok(metrics.bus_bad_messages_total > 0, 'bad messages are counted');
}

// Nobody speaks, so nothing but the barrier itself can heal a lost subscription or a lost head.
async function quiet(t) {
  const seed = SEED || randomInt(1, 2 ** 31);
  const world = new World({ seed, log: (line) => t.diagnostic(line) });
  const { stack, bus } = await startProcesses(world, { drop: 0.4, 'drop-room': 0.4, seed });
  try {
    await people(world, { clients: 48, rooms: 48 });
    const resuming = world.clients.filter((client) => client.cursors.size === 1);
    bus.kill('SIGUSR1');
    resuming.forEach((client) => client.start());
    const waiting = () => resuming.filter((client) => client.caughtUp === 0).map((client) => client.name);
    await poll('everyone to be caught up', () => waiting().length === 0, { timeoutMs: 20_000 })
      .catch(() => assert.fail(`seed ${seed}: ${waiting().length} of ${resuming.length} have not heard "subscribed" in 20 s: ${waiting().join(' ')}`));
    assert.deepEqual(world.faults, []);
  } catch (error) {
    await stack.discard().catch(() => {});
    throw error;
  } finally {
    world.clients.forEach((client) => client.stop());
  }
  await bus.end();
  await stack.stop();
}

it('who comes to a quiet room hears its head, whatever is lost', quiet);
for (const story of stories) it(story.name, (t) => tell(t, story));
