// The peers that run in Node.js: one process, one event loop each.
import { fileURLToPath } from 'node:url';
import { freePort } from '../../tests/system/lib/ports.mjs';
import { startServer } from '../lib/child.mjs';
import { planLines } from '../lib/plan.mjs';

const starter = (name, protocol, roomPath) => async ({ rooms, serverCore }) => {
  const port = await freePort();
  const server = await startServer({
    name,
    cores: serverCore,
    file: process.execPath,
    args: [fileURLToPath(new URL(`peers/${name}.mjs`, import.meta.url)), String(port)],
    env: { ...process.env, NODE_ENV: 'production' },
  });
  return {
    protocol,
    address: `127.0.0.1:${port}`,
    plan: planLines(rooms, roomPath),
    processes: { worker: server.pid },
    stop: server.stop,
  };
};

export const startWs = starter('ws', 'plain', (room) => `/room/${room}`);
export const startSocketIo = starter('socketio', 'socketio', () => '/socket.io/?EIO=4&transport=websocket');
