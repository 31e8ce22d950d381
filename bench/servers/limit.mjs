// The bare epoll server of bench/limit, in both of its modes.
import path from 'node:path';
import { BIN_DIR } from '../../tests/system/lib/env.mjs';
import { freePort } from '../../tests/system/lib/ports.mjs';
import { startServer } from '../lib/child.mjs';
import { planLines } from '../lib/plan.mjs';

const starter = (mode) => async ({ rooms, serverCore }) => {
  const port = await freePort();
  const server = await startServer({
    name: `limit ${mode}`,
    cores: serverCore,
    file: path.resolve(BIN_DIR, '../bench/limit/limit'),
    args: [`--port=${port}`, `--mode=${mode}`],
  });
  return {
    protocol: 'plain',
    address: `127.0.0.1:${port}`,
    plan: planLines(rooms, (room) => `/room/${room}`),
    processes: { worker: server.pid },
    stop: server.stop,
  };
};

export const startBatching = starter('batching');
export const startAtOnce = starter('at-once');
