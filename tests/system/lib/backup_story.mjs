// The story of a backup: people chat, a backup is taken meanwhile, then the server with all its data
// is lost, another one is made from the backup, and people come back.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { Api, Socket, makeRoom } from './client.mjs';
import { ctl } from './ctl.mjs';
import { MultiSocket } from './multi_socket.mjs';
import { poll } from './wait.mjs';

const ROOMS = 3;
const SENDERS = 3;

// Sends to a room until it is told to stop; acked is what was acknowledged.
class Sender {
  constructor({ api, roomId, name }) {
    this.acked = [];
    this.stopped = false;
    this.done = this.run(api, roomId, name);
  }

  async run(api, roomId, name) {
    for (let i = 1; !this.stopped; i += 1) {
      const message = { text: `${name} ${i}`, client_id: `${name}-${i}` };
      const answer = await api.post(`/api/chat/rooms/${roomId}/messages`, message);
      assert.equal(answer.status, 200, answer.text);
      this.acked.push({ ...message, roomId, id: answer.json.id });
    }
  }
}

async function everythingOf(url, token, roomId) {
  const messages = await new Api(url, { token }).history(roomId);
  return new Map(messages.map((message) => [message.id, message.text]));
}

// backup(stack) takes one, restore(stack) makes the database of it: the server is stopped and its
// folder empty when it begins, and runs when it ends.
export async function tellBackupStory(stack, { backup, restore }) {
  const api = new Api(stack.url);
  const rooms = [];
  for (let i = 0; i < ROOMS; i += 1) rooms.push(await makeRoom(api, SENDERS - 1));
  const senders = rooms.flatMap(({ room, everyone }, i) =>
    everyone.map((user, j) => new Sender({ api: user.api, roomId: room.id, name: `r${i}s${j}` })),
  );
  const [{ owner, room }] = rooms;
  const follower = await MultiSocket.open(stack.url, owner.token);
  const { epoch } = await follower.subscribe(room.id, { since: 0 });
  await poll('enough to be sent', () => senders.every(({ acked }) => acked.length >= 30));

  const before = senders.flatMap(({ acked }) => [...acked]);
  await backup(stack);
  const after = senders.flatMap(({ acked }) => acked).length;
  assert.ok(after > before.length, 'messages were sent while the backup was taken');
  await poll('some more to be sent', () => senders.flatMap(({ acked }) => acked).length > after + 30);
  for (const sender of senders) sender.stopped = true;
  await Promise.all(senders.map((sender) => sender.done));
  const all = senders.flatMap(({ acked }) => acked);
  follower.terminate();

  // The machine is gone.
  await stack.killGateway();
  await stack.killBroker();
  await stack.database.kill();
  fs.rmSync(path.join(stack.database.dir, 'data'), { recursive: true });
  await restore(stack);

  // As docs/OPERATIONS.md has it.
  const renewed = await ctl(stack, ['new-epoch', '--json']);
  assert.equal(renewed.code, 0, renewed.stderr);
  assert.notEqual(renewed.lines[0].epoch, epoch);
  const verified = await ctl(stack, ['verify']);
  assert.equal(verified.code, 0, verified.stdout + verified.stderr);
  await stack.startBroker();
  await stack.startGateway();
  await stack.waitReady();

  // All that was acknowledged before the backup began is there, under its number.
  const restored = new Map();
  for (const { owner: reader, room: of } of rooms) restored.set(of.id, await everythingOf(stack.url, reader.token, of.id));
  for (const { roomId, id, text } of before) assert.equal(restored.get(roomId).get(id), text);
  const lost = all.filter(({ roomId, id, text }) => restored.get(roomId).get(id) !== text);
  assert.ok(lost.length >= 30, 'the backup is older than the last messages');

  // Who knows the old log is told that it is another one; who reads it anew goes on from there.
  const again = await MultiSocket.open(stack.url, owner.token);
  assert.equal(again.hello.epoch, renewed.lines[0].epoch);
  const last = Math.max(...all.filter(({ roomId }) => roomId === room.id).map(({ id }) => id));
  const refused = await again.subscribe(room.id, { since: last, epoch });
  assert.deepEqual([refused.recovered, refused.reason, refused.epoch], [false, 'epoch_changed', renewed.lines[0].epoch]);
  again.terminate();
  const fresh = await MultiSocket.open(stack.url, owner.token);
  const resumed = await fresh.subscribe(room.id, { since: 1, epoch: renewed.lines[0].epoch });
  assert.equal(resumed.recovered, true);
  await fresh.caughtUp(room.id);
  const seqs = fresh.frames.filter((frame) => frame.room_id === room.id && typeof frame.id === 'number' && frame.created_at).map(({ id }) => id);
  assert.deepEqual(seqs, Array.from({ length: resumed.head - 1 }, (_, i) => i + 2));
  fresh.terminate();
  // And so on the socket of one room.
  const single = await Socket.open(stack.url, room.id, owner.token, { since: last, epoch });
  const answer = await single.waitType('subscribed');
  assert.deepEqual([answer.recovered, answer.reason], [false, 'epoch_changed']);
  single.terminate();

  // What the backup does not have is stored when its sender tries again, and only then.
  const [mine] = lost.filter(({ roomId, text }) => roomId === room.id && text.startsWith('r0s0'));
  const head = restored.get(room.id).size;
  for (let i = 0; i < 2; i += 1) {
    const sent = await owner.api.post(`/api/chat/rooms/${room.id}/messages`, { text: mine.text, client_id: mine.client_id });
    assert.equal(sent.status, 200, sent.text);
  }
  const now = await everythingOf(stack.url, owner.token, room.id);
  assert.equal(now.size, head + 1);
  assert.equal((await ctl(stack, ['verify'])).code, 0);
  return { before: before.length, during: after - before.length, lost: lost.length };
}
