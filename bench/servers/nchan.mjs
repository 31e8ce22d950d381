// nchan, a module of nginx: one worker with its memory store, publisher and subscribers at one
// WebSocket location.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort } from '../../tests/system/lib/ports.mjs';
import { childrenOf } from '../../tests/system/lib/procfs.mjs';
import { poll } from '../../tests/system/lib/wait.mjs';
import { startServer } from '../lib/child.mjs';
import { planLines } from '../lib/plan.mjs';

const MODULE = '/usr/lib/nginx/modules/ngx_nchan_module.so';

// The buffer holds what a subscriber that fell behind still gets; too short, and messages are lost.
const config = (port) => `
load_module ${MODULE};
daemon off;
pid nginx.pid;
worker_processes 1;
worker_rlimit_nofile 20000;
error_log stderr error;
${process.getuid() === 0 ? 'user root;' : ''}
events { worker_connections 19000; }
http {
  access_log off;
  tcp_nodelay on;
  nchan_shared_memory_size 512M;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location ~ ^/room/(\\d+)$ {
      nchan_pubsub websocket;
      nchan_channel_id $1;
      nchan_subscriber_first_message newest;
      nchan_message_buffer_length 20000;
      nchan_message_timeout 30s;
      nchan_websocket_ping_interval 0;
    }
  }
}
`;

export async function startNchan({ rooms, serverCore }) {
  const dir = mkdtempSync(path.join(tmpdir(), 'banter-nchan-'));
  const port = await freePort();
  writeFileSync(path.join(dir, 'nginx.conf'), config(port));
  // nginx says nothing when it is ready: a shell does, which then becomes nginx.
  const server = await startServer({
    name: 'nchan',
    cores: serverCore,
    file: 'sh',
    args: ['-c', 'PATH=$PATH:/usr/sbin; echo ready; exec nginx -p "$0" -c nginx.conf -e stderr', dir],
  });
  const stop = async () => {
    await server.stop();
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    const worker = await poll('a worker of nginx', () => childrenOf(server.pid)[0]);
    return {
      protocol: 'plain',
      address: `127.0.0.1:${port}`,
      plan: planLines(rooms, (room) => `/room/${room}`),
      processes: { worker },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
