// How long an answer takes while a room's log grows, and what a message takes on disk.
import { startBanter } from '../servers/banter.mjs';
import { median } from '../lib/stats.mjs';
import { alike } from '../lib/plan.mjs';

export const LENGTHS = [1000, 10_000, 100_000, 300_000];
const ASKED = 60;
const TEXT_BYTES = 100;

async function grow(database, from, to) {
  await database.query(
    `INSERT INTO events (room_id, seq, kind, actor_id, created_at_us, dedupe_key, body)
     SELECT 1000, seq, 1, 1001, ${Date.now() * 1000}, UNHEX(MD5(seq)), REPEAT('x', ${TEXT_BYTES}) FROM seq_${from + 1}_to_${to};
     ANALYZE TABLE events`,
  );
}

async function timed(url, headers) {
  const began = performance.now();
  const answer = await fetch(url, { headers });
  await answer.arrayBuffer();
  if (answer.status !== 200) throw new Error(`${url}: ${answer.status}`);
  return performance.now() - began;
}

async function typical(url, headers, times = ASKED) {
  const took = [];
  for (let i = 0; i < times + 5; i += 1) took.push(await timed(url, headers));
  return median(took.slice(5));
}

async function diskBytes(database) {
  const [[bytes]] = await database.query(
    "SELECT data_length + index_length FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'events'",
  );
  return Number(bytes);
}

export async function history() {
  const server = await startBanter({ rooms: alike(1, 2, 1) });
  const points = [];
  try {
    const { stack } = server;
    const headers = { authorization: `Bearer ${/token=(\w+)/.exec(server.plan[0])[1]}` };
    const room = `${stack.url}/api/chat/rooms/1000`;
    for (const [i, length] of LENGTHS.entries()) {
      await grow(stack.database, LENGTHS[i - 1] ?? 0, length);
      points.push({
        x: length,
        newest_ms: await typical(`${room}/messages?limit=100`, headers),
        middle_ms: await typical(`${room}/messages?limit=100&before=${length / 2}`, headers),
        oldest_ms: await typical(`${room}/messages?limit=100&after=0`, headers),
        verify_ms: await typical(`${room}/verify`, headers, 3),
        disk_bytes: await diskBytes(stack.database),
      });
    }
  } finally {
    await server.stop();
  }
  return points;
}
