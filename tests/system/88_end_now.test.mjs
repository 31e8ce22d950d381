// A second signal ends a gateway at once: its workers then have not drained, and whoever knocks in
// that moment must not make them fall.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { describe, it } from 'node:test';
import { Api, Socket, makeRoom } from './lib/client.mjs';
import { RawConnection, handshakeRequest } from './lib/raw.mjs';
import { withStack } from './lib/stack.mjs';
import { poll } from './lib/wait.mjs';

const KNOCKING = 300;
const pendingSignals = (pid) => BigInt(`0x${/^ShdPnd:\s*(\S+)/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]}`);

describe('a gateway that is told twice to stop', () => {
  it('ends at once, in order, with handshakes, streams and requests on the way', () =>
    withStack({ workers: 1 }, async (stack) => {
      const api = new Api(stack.url);
      const { owner, room } = await makeRoom(api, 0);
      const sockets = await Promise.all(Array.from({ length: 20 }, () => Socket.open(stack.url, room.id, owner.token)));
      await Promise.all(sockets.map((socket) => socket.settle()));
      const gateway = stack.gateways[0];
      const [worker] = stack.workers();
      stack.expectedDead.add(gateway);
      // Nothing is read while the worker stands still; then all of it comes with the order to end.
      process.kill(worker, 'SIGSTOP');
      const headers = { Authorization: `Bearer ${owner.token}` };
      const asks = (path) => `GET ${path} HTTP/1.1\r\nHost: a\r\nAuthorization: ${headers.Authorization}\r\n\r\n`;
      const all = [
        handshakeRequest(`/ws/chat/${room.id}`, { headers }),
        handshakeRequest('/ws/chat', { headers }),
        handshakeRequest('/ws/chat'),
        asks(`/api/chat/rooms/${room.id}/events`),
        asks('/api/chat/rooms'),
      ];
      const knocking = await Promise.all(Array.from({ length: KNOCKING }, () => RawConnection.open(stack)));
      knocking.forEach((connection, i) => connection.write(all[i % all.length]));
      process.kill(gateway.pid, 'SIGTERM');
      await poll('the first signal to be heard', () => gateway.output().includes('event=master.drain'));
      process.kill(gateway.pid, 'SIGTERM');
      // The second is heard when its worker would be: the master has it before the worker goes on.
      await poll('the second to be heard', () => pendingSignals(gateway.pid) === 0n);
      process.kill(worker, 'SIGCONT');
      await gateway.exited;
      const output = gateway.output();
      assert.match(output, /event=worker\.stopped/);
      assert.doesNotMatch(output, /check failed|signal=|worker\.died/);
      for (const connection of knocking) connection.destroy();
      for (const socket of sockets) await socket.waitClosed();
    }));
});
