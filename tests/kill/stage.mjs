// What the kill test and its kin share: clients of every kind in their rooms, who speak
// until they are told to stop, and the waiting at the end.
import { Api } from '../system/lib/client.mjs';
import { delay, poll } from '../system/lib/wait.mjs';
import { Books } from './books.mjs';
import { MultiClient, PlainClient, ResumingClient, StreamClient } from './clients.mjs';
import { Random } from './random.mjs';
import { Sends } from './sends.mjs';

const ROOMS_OF_MULTI = 4;
const SEND_EVERY_MS = 2_000;
const LOUD_EVERY_MS = 400;
const LOUD_CHARACTERS = 3_900;
const TICK_MS = 50;

export const SETTINGS = {
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

export class World {
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

async function inParts(list, size, act) {
  for (let i = 0; i < list.length; i += size) await Promise.all(list.slice(i, i + size).map(act));
}

// Room k of client i. Of the clients in the first room, the loud one, some are slow.
export async function people(world, { clients: count, rooms: roomCount }) {
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
      rooms[(Math.floor(i / 3) + k * Math.floor(roomCount / ROOMS_OF_MULTI)) % roomCount]),
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

export function startTicking(world, rooms) {
  world.speaking = true;
  return setInterval(() => {
    const now = Date.now();
    for (const client of world.clients) {
      client.tick(now);
      if (world.speaking && now >= client.sendAt) speak(world, rooms, client, now);
    }
  }, TICK_MS);
}

// What is unsettled settles: each message is acknowledged, each frame answered.
export async function settleSends(world) {
  world.speaking = false;
  world.burstUntil = 0;
  for (const client of world.clients) if (client.pausedUntil) client.pausedUntil = 1;
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
}

async function readHeads(stack) {
  const rows = await stack.database.query('SELECT room_id, MAX(seq) FROM events GROUP BY room_id');
  return new Map(rows.map(([id, head]) => [Number(id), Number(head)]));
}

// Waits until everyone has everything; returns what is missing when the time is over.
export async function whoIsBehind(world, stack, timeoutMs) {
  const heads = await readHeads(stack);
  const behind = () => world.clients.flatMap((client) =>
    client.progress.filter(([id, last]) => last < heads.get(id)).map(([id, last]) =>
      `${client.name}, room ${id}: stays at ${last} of ${heads.get(id)}, ${client.up ? 'connected' : 'not connected'}`));
  await poll('every client to reach the head', () => behind().length === 0, { timeoutMs }).catch(() => {});
  return behind();
}

// Everything is whole again.
export async function settle(world, stack) {
  world.speaking = false;
  await stack.waitReady({ timeoutMs: 60_000 });
  await settleSends(world);
  for (const sentence of await whoIsBehind(world, stack, 60_000)) world.fault('lost', sentence);
}

export async function readMetrics(ports) {
  const sums = {};
  for (const port of ports) {
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
    for (const [, name, value] of (await answer.text()).matchAll(/^banter_(\w+) (\d+)$/gm)) {
      sums[name] = (sums[name] ?? 0) + Number(value);
    }
  }
  return sums;
}
