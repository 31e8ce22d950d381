// What one more room on a socket costs: a few sockets that listen to more and more rooms.
import { createRequire } from 'node:module';
import { poll } from '../../tests/system/lib/wait.mjs';
import { pssBytes } from '../lib/cpu.mjs';
import { alike } from '../lib/plan.mjs';
import { startBanter } from '../servers/banter.mjs';

const WebSocket = createRequire(import.meta.url)('ws');
const SOCKETS = 40;
const ROOMS = [100, 200, 400];

async function open(url, token) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws/chat?token=${token}`);
  socket.subscribed = 0;
  socket.on('message', (data) => {
    if (String(data).includes('"subscribed"')) socket.subscribed += 1;
  });
  await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject));
  return socket;
}

export async function subscriptions() {
  const count = ROOMS.at(-1);
  const server = await startBanter({ rooms: [{ members: SOCKETS, senders: 0 }, ...alike(count - 1, 1, 0)] });
  const points = [];
  try {
    const { stack } = server;
    await stack.database.query(
      `INSERT IGNORE INTO room_members (room_id, user_id, joined_seq)
       SELECT r.id, u.id, 10000 + u.id FROM rooms r, users u WHERE u.id <= ${1000 + SOCKETS}`,
    );
    const tokens = server.plan.slice(0, SOCKETS).map((line) => /token=(\w+)/.exec(line)[1]);
    const sockets = await Promise.all(tokens.map((token) => open(stack.url, token)));
    const before = { worker: pssBytes(server.processes.worker), broker: pssBytes(server.processes.broker) };
    let subscribed = 0;
    for (const rooms of ROOMS) {
      for (const socket of sockets)
        for (let room = subscribed; room < rooms; room += 1) socket.send(JSON.stringify({ type: 'subscribe', room_id: 1000 + room }));
      await poll('all to be subscribed', () => sockets.every((socket) => socket.subscribed === rooms), { timeoutMs: 30_000 });
      subscribed = rooms;
      points.push({
        x: rooms * SOCKETS,
        rooms,
        worker_bytes: pssBytes(server.processes.worker) - before.worker,
        broker_bytes: pssBytes(server.processes.broker) - before.broker,
      });
    }
    for (const socket of sockets) socket.terminate();
  } finally {
    await server.stop();
  }
  return points;
}
