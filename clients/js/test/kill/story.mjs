// The kill test of the package: 50 clients talk while workers, broker, MariaDB and connections are
// killed, stopped and cut at random. In the end each client's view of each room is the room's log,
// and each acknowledged message is in it once, where the acknowledgement said.
import WebSocket from 'ws';
import { BanterClient } from '@banter/client';
import { Api } from '../../../../tests/system/lib/client.mjs';
import { delay, poll } from '../../../../tests/system/lib/wait.mjs';
import { Chaos } from '../../../../tests/kill/chaos.mjs';
import { Random } from '../../../../tests/kill/random.mjs';
import { startProcesses } from '../../../../tests/kill/story.mjs';

const KINDS = [null, 'new_message', 'room_created', 'member_joined', 'member_left', 'owner_changed', 'room_removed'];
const ROOMS_EACH = 4;
const SEND_EVERY_MS = 1_500;

// One of the 50: the package, and what it showed.
class Person {
  constructor(world, name, url, user, roomIds, eventStream) {
    this.world = world;
    this.name = name;
    this.roomIds = roomIds;
    this.slow = world.random.chance(0.2);
    this.views = new Map(roomIds.map((id) => [id, []]));
    this.sends = [];
    this.socket = null;
    const person = this;
    // The sockets of ws, which can be torn and stopped from outside.
    class Socket extends WebSocket {
      constructor(address, protocols) {
        super(address, protocols);
        person.socket = this;
      }
    }
    this.client = new BanterClient({ url, token: user.token, WebSocket: Socket, eventStream, backoffMaxMs: 3_000, eventStreamsMax: ROOMS_EACH });
    this.client.on('event', (event) => {
      this.views.get(event.room_id)?.push(lineOf(event.id, event.type, event.sender_id ?? event.user_id, event.text ?? event.name ?? null));
    });
    this.client.on('reset', ({ room_id, reason }) => world.fault('reset', `${name}, room ${room_id}: ${reason}`));
    this.client.on('ended', ({ room_id, reason }) => world.fault('ended', `${name}, room ${room_id}: ${reason}`));
    this.client.on('signed-out', ({ reason }) => world.fault('signed-out', `${name}: ${reason}`));
  }

  start() {
    for (const id of this.roomIds) this.client.room(id).subscribe({ since: 0 });
    this.client.connect();
    this.sendAt = Date.now() + this.world.random.between(0, SEND_EVERY_MS);
  }

  get up() {
    return this.client.state.name === 'open';
  }

  tick(now) {
    if (now < this.sendAt) return;
    const { random, counts } = this.world;
    this.sendAt = now + random.between(0.3, 1.7) * SEND_EVERY_MS;
    const roomId = random.pick(this.roomIds);
    const send = { roomId, text: `${this.name} ${this.sends.length} ${'x'.repeat(random.below(200))}`, id: 0 };
    this.sends.push(send);
    counts.sent += 1;
    this.client.room(roomId).send(send.text).then(
      (sent) => {
        send.id = sent.id;
        counts.acked += 1;
        if (sent.duplicate) counts.duplicates_answered += 1;
      },
      (error) => {
        send.error = error;
        counts.errors[error.code] = (counts.errors[error.code] ?? 0) + 1;
      },
    );
  }

  // ---- what the chaos does to it ----

  cut() {
    this.socket?.terminate();
  }

  pause(ms) {
    const { socket } = this;
    if (socket?.readyState !== WebSocket.OPEN) return;
    socket.pause();
    setTimeout(() => {
      if (socket.readyState === WebSocket.OPEN) socket.resume();
    }, ms).unref();
  }

  wander(roomId) {
    this.client.room(roomId).unsubscribe();
    setTimeout(() => this.world.running && this.client.room(roomId).subscribe(), this.world.random.between(0, 2_000));
  }
}

const lineOf = (id, type, actor, text) => `${id} ${type} ${actor} ${text === null ? '' : text}`;

class World {
  constructor(seed, log) {
    const root = new Random(seed);
    this.chaosRandom = root.fork();
    this.random = root.fork();
    this.log = log;
    this.running = true;
    this.faults = [];
    this.counts = { sent: 0, acked: 0, duplicates_answered: 0, errors: {} };
    this.people = [];
  }

  fault(kind, sentence) {
    this.faults.push({ kind, sentence });
    if (this.faults.length <= 20) this.log(`FAULT ${kind}: ${sentence}`);
  }

  total(name) {
    return this.people.reduce((sum, { client }) => sum + client.stats[name], 0);
  }
}

async function populate(world, count, roomCount) {
  const api = new Api(world.urls[0]);
  const owner = await api.user('owner');
  const rooms = [];
  for (let i = 0; i < roomCount; i += 1) rooms.push((await owner.api.createRoom(`room ${i}`)).id);
  for (let i = 0; i < count; i += 1) {
    const user = await api.user('sdk');
    const roomIds = world.random.shuffle(rooms).slice(0, ROOMS_EACH);
    for (const id of roomIds) await user.api.join(id);
    // One in ten has no WebSocket at all.
    const way = i % 10 === 9 ? 'always' : 'auto';
    world.people.push(new Person(world, `p${i}`, world.urls[i % world.urls.length], user, roomIds, way));
  }
  return rooms;
}

async function readLog(stack, roomId) {
  const rows = await stack.database.query(`SELECT seq, kind, actor_id, TO_BASE64(body) FROM events WHERE room_id = ${Number(roomId)} ORDER BY seq`);
  return rows.map(([seq, kind, actor, body]) =>
    lineOf(Number(seq), KINDS[kind], Number(actor), body === 'NULL' ? null : Buffer.from(body.replaceAll('\\n', ''), 'base64').toString('utf8')));
}

// Everything that was said is settled, and everybody has everything.
async function settle(world, stack, rooms) {
  await stack.waitReady({ timeoutMs: 60_000 });
  await poll('every send to be settled', () => world.people.every(({ client }) => client.outgoing.length === 0), { timeoutMs: 90_000 })
    .catch((error) => world.fault('unsettled', error.message));
  const logs = new Map();
  for (const id of rooms) logs.set(id, await readLog(stack, id));
  const behind = () => world.people.flatMap(({ name, views }) => [...views].filter(([id, view]) => view.length < logs.get(id).length).map(([id, view]) => `${name}, room ${id}: ${view.length} of ${logs.get(id).length}`));
  await poll('everybody to have everything', () => behind().length === 0, { timeoutMs: 60_000 }).catch(() => {});
  for (const sentence of behind()) world.fault('behind', sentence);
  return logs;
}

function judge(world, logs) {
  let compared = 0;
  for (const { name, views } of world.people) {
    for (const [id, view] of views) {
      const log = logs.get(id);
      const at = view.findIndex((line, i) => line !== log[i]);
      if (at >= 0) world.fault('differs', `${name}, room ${id}, place ${at + 1}: "${view[at]?.slice(0, 60)}", in the log "${log[at]?.slice(0, 60)}"`);
      compared += view.length;
    }
  }
  for (const [id, log] of logs) log.forEach((line, i) => {
    if (!line.startsWith(`${i + 1} `)) world.fault('hole', `room ${id}: row ${i + 1} is "${line.slice(0, 40)}"`);
  });
  for (const { name, sends } of world.people) {
    for (const { roomId, text, id, error } of sends) {
      const places = logs.get(roomId).filter((line) => line.endsWith(` ${text}`) && line.includes(' new_message '));
      if (error) world.fault('refused', `${name}: "${text.slice(0, 20)}": ${error.code}`);
      else if (places.length !== 1 || !places[0].startsWith(`${id} `)) world.fault('lost', `${name}: "${text.slice(0, 20)}" acknowledged as ${id}; in the log: ${places.map((line) => line.split(' ')[0]).join(' ') || 'nowhere'}`);
    }
  }
  return compared;
}

export async function clientKillStory({ seconds, seed, clients = 50, rooms: roomCount = 10, gapMs = 1_300, log = console.log }) {
  const began = Date.now();
  const say = (line) => log(`${((Date.now() - began) / 1000).toFixed(1).padStart(6)} s  ${line}`);
  const world = new World(seed, say);
  say(`seed ${seed}: ${clients} clients, ${roomCount} rooms, ${seconds} s`);
  const { stack, proxies, adminPorts } = await startProcesses(world);
  const timers = [];
  let result;
  try {
    const rooms = await populate(world, clients, roomCount);
    world.people.forEach((person) => person.start());
    await poll('everybody to be there', () => world.people.every(({ up }) => up), { timeoutMs: 60_000 });
    timers.push(setInterval(() => world.people.forEach((person) => world.running && person.tick(Date.now())), 50));
    const chaos = new Chaos({ stack, adminPorts, proxies, clients: world.people, random: world.chaosRandom, log: say, gapMs, onBurst: () => {} });
    timers.push(setInterval(() => say(`${world.counts.sent} sent, ${world.counts.acked} acknowledged, ${world.total('events')} events, ${world.total('connections')} connections, ${world.faults.length} faults`), 10_000));
    await chaos.run(Date.now() + seconds * 1000);
    say('the killing is over; healing');
    world.running = false;
    await chaos.heal();
    // Who wandered last comes back, too.
    await delay(100);
    for (const { client, roomIds } of world.people) for (const id of roomIds) client.room(id).subscribe();
    const logs = await settle(world, stack, rooms);
    const compared = judge(world, logs);
    result = {
      ok: world.faults.length === 0, seed, seconds, clients, took_s: Math.round((Date.now() - began) / 1000),
      counts: {
        ...world.counts,
        events_compared: compared,
        rows_of_the_logs: [...logs.values()].reduce((sum, { length }) => sum + length, 0),
        connections: world.total('connections'),
        resends: world.total('resends'),
        duplicates_dropped: world.total('duplicates'),
        gaps_seen: world.total('gaps'),
      },
      chaos: chaos.counts,
      faults: world.faults.slice(0, 20),
    };
  } catch (error) {
    await stack.discard().catch(() => {});
    throw error;
  } finally {
    timers.forEach(clearInterval);
    world.people.forEach(({ client }) => client.close());
    for (const proxy of proxies) await proxy.stop();
  }
  await stack.stop().catch((error) => {
    result.ok = false;
    result.faults.push({ kind: 'process', sentence: String(error.actual ?? error.message) });
  });
  if (!result.ok) process.exitCode = 1;
  return result;
}

export function table(result) {
  const lines = [`seed ${result.seed}, ${result.clients} clients, ${result.seconds} s: ${result.ok ? "every client's view is the log" : 'FAILED'}`];
  for (const [title, part] of Object.entries({ counts: result.counts, chaos: result.chaos })) {
    lines.push('', title);
    for (const [name, value] of Object.entries(part)) lines.push(`  ${name.padEnd(24)} ${typeof value === 'object' ? JSON.stringify(value) : String(value).padStart(9)}`);
  }
  for (const { kind, sentence } of result.faults) lines.push(`  FAULT ${kind}: ${sentence}`);
  return lines.join('\n');
}
