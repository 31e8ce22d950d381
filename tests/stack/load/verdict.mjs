// What is true in the end, by the API alone: every acknowledged message is in its room's history once,
// under the number that was acknowledged, everyone has everything up to the head, and what was
// received is what is stored.
import { createHash } from 'node:crypto';
import { poll } from '../../system/lib/wait.mjs';

const digest = (text) => createHash('sha1').update(text).digest('base64');

async function checkRoom(world, owner, roomId, sends) {
  const history = await owner.api.history(roomId);
  const byId = new Map(history.map(({ id, text }) => [id, text]));
  const times = new Map();
  for (const { text } of history) times.set(text, (times.get(text) ?? 0) + 1);
  for (const [text, count] of times) {
    if (count > 1) world.fault('repeat', `room ${roomId}: "${text}" is in the log ${count} times`);
  }
  for (const send of sends) {
    if (send.acked !== 0 && byId.get(send.acked) !== send.text) {
      world.fault('lost', `${send.clientId}, acknowledged as ${send.acked}, is not there in the log`);
    }
  }
  for (const [id, seen] of world.books.rooms.get(roomId) ?? []) {
    if (seen.type === 'new_message' && seen.text !== digest(byId.get(id) ?? '')) {
      world.fault('content', `room ${roomId}, event ${id}: what was received is not what is in the log`);
    }
  }
  return history.length;
}

export async function judge(world, { owner, rooms }) {
  const heads = new Map();
  for (const id of rooms) {
    const audit = (await owner.api.get(`/api/chat/rooms/${id}/verify`)).json;
    if (audit.holes !== 0) world.fault('hole', `room ${id}: ${JSON.stringify(audit)}`);
    heads.set(id, audit.last_seq);
  }
  const behind = () => world.clients.flatMap((client) =>
    client.progress.filter(([id, last]) => last !== heads.get(id)).map(([id, last]) =>
      `${client.name}, room ${id}: stays at ${last} of ${heads.get(id)}`));
  await poll('everyone to have everything', () => behind().length === 0, { timeoutMs: 60_000 }).catch(() => {});
  for (const sentence of behind()) world.fault('lost', sentence);

  const sends = [...world.sends.all.values()];
  let stored = 0;
  for (const id of rooms) {
    stored += await checkRoom(world, owner, id, sends.filter((send) => send.roomId === id));
  }
  const faults = { lost: 0, repeat: 0, hole: 0 };
  for (const { kind } of world.faults) faults[kind] = (faults[kind] ?? 0) + 1;
  const { counts } = world;
  return {
    faults,
    firstFaults: world.faults.slice(0, 10),
    sent: counts.sent,
    acknowledged: counts.acked,
    stored,
    repeats: counts.repeats,
    duplicatesAnswered: counts.duplicates_answered,
    deliveries: counts.events_verified,
    errors: counts.errors,
  };
}
