// The load, in a process of its own, so that what else the test does is not in its figures. It talks
// with load.mjs by messages; see there.
import { Api } from '../../system/lib/client.mjs';
import { delay, poll } from '../../system/lib/wait.mjs';
import { World } from '../../kill/stage.mjs';
import { OneRoom, SeveralRooms, StackSends } from './clients.mjs';
import { Phase } from './phase.mjs';
import { judge } from './verdict.mjs';

const TICK_MS = 20;
const CLIENT_TICK_MS = 100;
const REST_AT_ONCE = 8;
const OPENING_AT_ONCE = 100;
const ROOMS_OF_SEVERAL = 3;
const STEADY_MS = 3_000;
const EACH_SEVERAL = 10; // every tenth client

let world;
let phase;
let cast;
const timers = [];

async function inParts(list, size, act) {
  const rest = [...list];
  await Promise.all(Array.from({ length: size }, async () => {
    while (rest.length > 0) await act(rest.shift());
  }));
}

// Room r has clients r, r + rooms, r + 2 rooms …, each another user; a user has a tenth of the rooms.
async function people(api, { clients, rooms: roomCount, seed }) {
  const perRoom = Math.ceil(clients / roomCount);
  const stride = Math.min(10, roomCount);
  const owner = await api.user('owner');
  const rooms = [];
  for (let i = 0; i < roomCount; i += 1) rooms.push((await owner.api.createRoom(`stack ${seed} ${i}`)).id);
  const users = [];
  await inParts(Array.from({ length: perRoom * stride }, (_, i) => i), REST_AT_ONCE, async (i) => {
    users[i] = await api.user('client');
    for (let r = i % stride; r < roomCount; r += stride) await users[i].api.join(rooms[r]);
  });
  const heads = new Map();
  for (const id of rooms) heads.set(id, (await owner.api.get(`/api/chat/rooms/${id}/verify`)).json.last_seq);
  for (let i = 0; i < clients; i += 1) {
    const first = i % roomCount;
    const user = users[Math.floor(i / roomCount) * stride + (first % stride)];
    const several = i % EACH_SEVERAL === EACH_SEVERAL - 1;
    const ids = Array.from({ length: several ? ROOMS_OF_SEVERAL : 1 }, (_, k) =>
      rooms[(first + k * stride) % roomCount]);
    const roomIds = [...new Set(ids)];
    const Kind = several ? SeveralRooms : OneRoom;
    world.clients.push(new Kind(world, `c${i}`, user, roomIds, heads));
  }
  return { owner, rooms };
}

// Evenly: room after room, so that a room's silence means that something is wrong.
function startSpeaking(perSecond) {
  const began = Date.now();
  const ofRoom = new Map(cast.rooms.map((id) => [id, world.clients.filter((client) => client.roomIds[0] === id)]));
  let sent = 0;
  timers.push(setInterval(() => {
    const due = Math.floor(((Date.now() - began) / 1000) * perSecond);
    for (; world.speaking && sent < due; sent += 1) {
      const roomId = cast.rooms[sent % cast.rooms.length];
      const client = world.random.pick(ofRoom.get(roomId));
      if (!client.outbox.full) client.outbox.add(roomId, String(Date.now()));
    }
  }, TICK_MS));
  timers.push(setInterval(() => {
    const now = Date.now();
    for (const client of world.clients) client.tick(now);
  }, CLIENT_TICK_MS));
}

function nextPhase(name) {
  const ended = phase?.end();
  phase = new Phase(name, world.clients);
  world.phase = phase;
  return ended;
}

const actions = {
  async start(options) {
    world = new World({ seed: options.seed, log: (line) => console.log(`  load: ${line}`) });
    world.sends = new StackSends(world);
    world.urls = [options.url];
    nextPhase('beginning');
    cast = await people(new Api(options.url), options);
    for (let i = 0; i < world.clients.length; i += OPENING_AT_ONCE) {
      const part = world.clients.slice(i, i + OPENING_AT_ONCE);
      part.forEach((client) => client.start());
      await poll('some clients to be connected', () => part.every((client) => client.up), { timeoutMs: 60_000 });
    }
    world.speaking = true;
    startSpeaking(options.perSecond);
    await actions.whole();
    return { users: new Set(world.clients.map((client) => client.user)).size };
  },

  // Begins the next phase; the answer is what was measured in the one that ends.
  async phase({ name }) {
    return nextPhase(name);
  },

  // Everybody is connected and hears something, and nobody waits for an answer for long; for a while,
  // since a change is felt a moment after it was made.
  async whole() {
    let since = 0;
    await poll('every client to be served', () => {
      const whole = world.clients.every((client) => client.whole) && world.sends.unsettled().length < 400;
      since = whole ? since || Date.now() : 0;
      return whole && Date.now() - since >= STEADY_MS;
    }, { timeoutMs: 90_000, everyMs: 200 });
    return {};
  },

  async finish() {
    world.speaking = false;
    const last = nextPhase('end');
    await poll('every message to be acknowledged', () => world.sends.unsettled().length === 0, { timeoutMs: 90_000 })
      .catch(() => world.fault('lost', `never acknowledged: ${world.sends.unsettled().length}`));
    await delay(1_000);
    const verdict = await judge(world, cast);
    timers.forEach(clearInterval);
    world.clients.forEach((client) => client.stop());
    return { last, verdict };
  },
};

process.on('message', async ({ id, action, options }) => {
  try {
    process.send({ id, value: await actions[action](options) });
  } catch (error) {
    process.send({ id, error: `${error.message}${error.cause ? `: ${error.cause.message}` : ''}` });
  }
});
process.on('disconnect', () => process.exit(1));
