// The kill test: 2 gateways with 2 workers each, one broker, MariaDB, and clients that send, resume
// and dawdle while everything is killed, stopped and cut. What was acknowledged is in the log once,
// and everyone's list is the log's.
import assert from 'node:assert/strict';
import { Api } from '../system/lib/client.mjs';
import { deadlineMs } from '../system/lib/env.mjs';
import { freePort } from '../system/lib/ports.mjs';
import { startStack } from '../system/lib/stack.mjs';
import { delay, poll } from '../system/lib/wait.mjs';
import { Books } from './books.mjs';
import { BusProxy } from './bus_proxy.mjs';
import { Chaos } from './chaos.mjs';
import { MultiClient, PlainClient, ResumingClient, StreamClient } from './clients.mjs';
import { Random } from './random.mjs';
import { Sends } from './sends.mjs';
import { judge } from './verdict.mjs';

const GATEWAYS = 2;
const WORKERS = 2;
const ROOMS_OF_MULTI = 4;
const SEND_EVERY_MS = 2_000;
const LOUD_EVERY_MS = 400;
const LOUD_CHARACTERS = 3_900;
const TICK_MS = 50;

const SETTINGS = {
  command_timeout_ms: 5_000,
  ping_ms: 10_000,
  send_queue_bytes: 16_384,
  ring_room_bytes: 65_536,
  page_events: 100,
  lease_ms: 3_000,
};

function newCounts() {
  return {
    sent: 0,
    repeats: 0,
    acked: 0,
    acks_by_socket: 0,
    acks_by_post: 0,
    duplicates_answered: 0,
    unknown_settled: 0,
    reconnects: 0,
    resubscriptions: 0,
    pauses: 0,
    caught_up: 0,
    events_verified: 0,
    errors: {},
    closes: {},
  };
}

class World {
  constructor({ seed, log }) {
    const root = new Random(seed);
    this.chaosRandom = root.fork();
    this.random = root.fork();
    this.log = log;
    this.counts = newCounts();
    this.faults = [];
    this.sends = new Sends(this);
    this.books = new Books(this);
    this.spans = [];
    this.clients = [];
    this.urls = [];
    this.burstUntil = 0;
  }

  fault(kind, sentence) {
    this.faults.push({ kind, sentence });
    if (this.faults.length <= 30) this.log(`FAULT ${kind}: ${sentence}`);
  }
}

async function startProcesses(world) {
  const brokerPort = await freePort(2);
  const stack = await startStack({
    workers: WORKERS,
    brokers: 0,
    gateways: 0,
    env: SETTINGS,
    brokerEnv: { broker_listen: `tcp://127.0.0.1:${brokerPort}` },
  });
  const proxies = [];
  const adminPorts = [];
  try {
    await stack.startBroker();
    for (let i = 0; i < GATEWAYS; i += 1) {
      proxies.push(await new BusProxy(await freePort(2), brokerPort).start());
      adminPorts.push(await freePort());
      await stack.startGateway(i, {
        brokers: proxies[i].address,
        admin_listen: `127.0.0.1:${adminPorts[i]}`,
      });
    }
    await stack.waitReady();
  } catch (error) {
    await stack.discard();
    for (const proxy of proxies) await proxy.stop();
    throw error;
  }
  world.urls = stack.gateways.map((gateway) => gateway.url);
  return { stack, proxies, adminPorts };
}

async function inParts(list, size, act) {
  for (let i = 0; i < list.length; i += size) await Promise.all(list.slice(i, i + size).map(act));
}

// Room k of client i. Of the clients in the first room, the loud one, some are slow.
async function people(world, { clients: count, rooms: roomCount }) {
  const api = new Api(world.urls[0]);
  const owner = await api.user('owner');
  const rooms = [];
  for (let i = 0; i < roomCount; i += 1) rooms.push((await owner.api.createRoom(`room ${i}`)).id);
  const kinds = Array.from({ length: count }, (_, i) => {
    if (i % 20 === 19) return StreamClient;
    return [ResumingClient, PlainClient, MultiClient][i % 3];
  });
  const plans = kinds.map((Kind, i) => ({
    Kind,
    roomIds: Array.from({ length: Kind === MultiClient ? ROOMS_OF_MULTI : 1 }, (_, k) =>
      rooms[(Math.floor(i / 3) + k * 5) % roomCount]),
  }));
  await inParts(plans, 20, async (plan) => {
    plan.user = await api.user('client');
    for (const id of plan.roomIds) await plan.user.api.join(id);
  });
  const heads = new Map();
  for (const id of rooms) heads.set(id, (await owner.api.get(`/api/chat/rooms/${id}/verify`)).json.last_seq);
  plans.forEach(({ Kind, user, roomIds }, i) => {
    const since = new Map(roomIds.map((id) => [id, world.random.chance(0.5) ? 0 : heads.get(id)]));
    const client = new Kind(world, `${Kind.name[0]}${i}`, user, roomIds, since);
    client.loud = roomIds.includes(rooms[0]);
    client.slow = world.random.chance(client.loud ? 0.5 : 0.05);
    client.sendAt = Date.now() + world.random.between(0, SEND_EVERY_MS);
    world.clients.push(client);
  });
  return { owner, rooms };
}

// One of the client's rooms hears something, now and then; in a burst the loud room hears much.
function speak(world, rooms, client, now) {
  const { random } = world;
  const burst = now < world.burstUntil && client.loud && !client.slow;
  client.sendAt = now + random.between(0.3, 1.7) * (burst ? LOUD_EVERY_MS : SEND_EVERY_MS);
  if (client.outbox.full) return;
  const roomId = burst ? rooms[0] : random.pick(client.roomIds);
  const text = burst ? '🔔'.repeat(LOUD_CHARACTERS) : 'x'.repeat(random.below(300));
  client.outbox.add(roomId, text);
}

function startTicking(world, rooms) {
  world.speaking = true;
  return setInterval(() => {
    const now = Date.now();
    for (const client of world.clients) {
      client.tick(now);
      if (world.speaking && now >= client.sendAt) speak(world, rooms, client, now);
    }
  }, TICK_MS);
}

function startProgress(world, chaos, seconds) {
  const began = Date.now();
  return setInterval(() => {
    const { counts } = world;
    const kills = ['kill_worker', 'kill_broker', 'kill_database'].map((kind) => chaos.counts[kind]);
    world.log(`${counts.sent} sent, ${counts.acked} acknowledged, ${counts.events_verified} events, ` +
      `${counts.reconnects} reconnects, killed ${kills.join('/')} workers/brokers/databases, ` +
      `${world.faults.length} faults, ${Math.max(0, Math.round(seconds - (Date.now() - began) / 1000))} s to go`);
  }, Math.min(10_000, Math.max(5_000, seconds * 20)));
}

// Everything is whole again: what is unsettled settles, and everyone reaches the head.
async function settle(world, stack, rooms) {
  world.speaking = false;
  world.burstUntil = 0;
  for (const client of world.clients) if (client.pausedUntil) client.pausedUntil = 1;
  await stack.waitReady({ timeoutMs: 60_000 });
  await poll('every message to be settled', () => world.sends.unsettled().length === 0, { timeoutMs: 90_000 })
    .catch(() => world.fault('lost', `not acknowledged in the end: ${world.sends.unsettled().length}`));
  // The last of those that were sent once may still be on their way.
  await delay(SETTINGS.command_timeout_ms + 1_000);
  await poll('every frame to be answered', () => world.clients.every((client) => client.outbox.unanswered.size === 0), { timeoutMs: 20_000 })
    .catch(() => {
      for (const { name, outbox } of world.clients) {
        if (outbox.unanswered.size > 0) world.fault('answer', `${name}: never answered: ${[...outbox.unanswered.keys()].join(' ')}`);
      }
    });
  const heads = new Map();
  const rows = await stack.database.query('SELECT room_id, MAX(seq) FROM events GROUP BY room_id');
  for (const [id, head] of rows) heads.set(Number(id), Number(head));
  const behind = () => world.clients.filter((client) => client.progress.some(([id, last]) => last < heads.get(id)));
  await poll('every client to reach the head', () => behind().length === 0, { timeoutMs: 60_000 })
    .catch(() => {
      for (const client of behind()) {
        for (const [id, last] of client.progress) {
          if (last < heads.get(id)) world.fault('lost', `${client.name}, room ${id}: stays at ${last} of ${heads.get(id)}, ${client.up ? 'connected' : 'not connected'}`);
        }
      }
    });
  assert.ok(heads.size >= rooms.length);
}

async function readMetrics(ports) {
  const sums = {};
  for (const port of ports) {
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
    for (const [, name, value] of (await answer.text()).matchAll(/^banter_(\w+) (\d+)$/gm)) {
      sums[name] = (sums[name] ?? 0) + Number(value);
    }
  }
  return sums;
}

// The result has {ok, seed, seconds, counts, faults …}; see verdict.mjs.
export async function killStory({ seconds, seed, clients = 200, rooms = 20, gapMs = 1_300, log = console.log }) {
  const began = Date.now();
  const say = (line) => log(`${((Date.now() - began) / 1000).toFixed(1).padStart(6)} s  ${line}`);
  const world = new World({ seed, log: say });
  say(`seed ${seed}: ${clients} clients, ${rooms} rooms, ${seconds} s`);
  const { stack, proxies, adminPorts } = await startProcesses(world);
  const timers = [];
  let result;
  try {
    const cast = await people(world, { clients, rooms });
    world.clients.forEach((client) => client.start());
    await poll('every client to be connected', () => world.clients.every((client) => client.up), { timeoutMs: 30_000 });
    timers.push(startTicking(world, cast.rooms));
    const chaos = new Chaos({
      stack, adminPorts, proxies, clients: world.clients, random: world.chaosRandom, log: say, gapMs,
      onBurst: (ms) => (world.burstUntil = Date.now() + ms),
    });
    timers.push(startProgress(world, chaos, seconds));
    say('everyone is there; the killing begins');
    await chaos.run(Date.now() + seconds * 1000);
    say('the killing is over; healing');
    await chaos.heal();
    await settle(world, stack, cast.rooms);
    result = await judge({ world, stack, chaos, owner: cast.owner, rooms: cast.rooms });
    result.metrics = await readMetrics(adminPorts).catch(() => ({}));
    Object.assign(result, { seed, seconds, took_s: Math.round((Date.now() - began) / 1000) });
  } catch (error) {
    await stack.discard().catch(() => {});
    throw error;
  } finally {
    timers.forEach(clearInterval);
    world.clients.forEach((client) => client.stop());
    for (const proxy of proxies) await proxy.stop();
  }
  if (!result.ok) process.exitCode = 1; // the logs are of interest
  await delay(deadlineMs(200));
  await stack.stop();
  return result;
}
