// A worker that has no descriptor or no memory left goes on with whom it has, says so once in a
// while, and takes clients again as soon as it can.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import { describe, it } from 'node:test';
import { ask, logged } from './lib/access_log.mjs';
import { metric } from './lib/bus_keys.mjs';
import { Api, Socket, makeRoom } from './lib/client.mjs';
import { SANDBOX, VALGRIND } from './lib/env.mjs';
import { freePort } from './lib/ports.mjs';
import { run } from './lib/process.mjs';
import { RawConnection, encodeFrame, openRawSocket } from './lib/raw.mjs';
import { withStack } from './lib/stack.mjs';
import { poll } from './lib/wait.mjs';

const SPARE = 8;
const GET = 'GET /health HTTP/1.1\r\nHost: a\r\n\r\n';
const MIB = 1024 * 1024;

const OWN_DESCRIPTORS = VALGRIND && 'valgrind has descriptors of its own';
const OWN_MEMORY = SANDBOX === '0' && 'sanitizers and valgrind keep what is freed';

describe('a worker', () => {
  it('without descriptors serves whom it has, and others when there are some again', { skip: OWN_DESCRIPTORS }, async () => {
    const port = await freePort(2);
    await withStack({ workers: 1, env: { admin_listen: `127.0.0.1:${port}` } }, async (stack) => {
      const { owner, room } = await makeRoom(new Api(stack.url), 0);
      const socket = await Socket.open(stack.url, room.id, owner.token);
      await socket.settle();
      const kept = await RawConnection.open(stack);
      const [worker] = stack.workers();
      const open = fs.readdirSync(`/proc/${worker}/fd`).length;
      const { code, stderr } = await run('prlimit', [`--pid=${worker}`, `--nofile=${open + SPARE}:${open + SPARE}`]);
      assert.equal(code, 0, stderr);
      const crowd = await Promise.all(Array.from({ length: 4 * SPARE }, () => RawConnection.open(stack)));
      const errors = () => metric(port, 'http_accept_errors_total');
      await poll('accepting to fail', async () => (await errors()) > 0);
      for (let i = 0; i < 5; i += 1) {
        kept.write(GET);
        assert.equal((await kept.readResponse()).status, 200);
        assert.equal((await socket.say(`still here ${i}`)).type, 'ack');
      }
      // It tries ten times a second, not as fast as it can, and a line says how often.
      const first = await errors();
      await poll('a few more tries', async () => (await errors()) > first + 5);
      const lines = logged(stack.gateways[0], 'http.accept_failed');
      assert.ok(lines.length >= 1);
      const told = lines.reduce((sum, line) => sum + Number(line.times), 0);
      assert.ok(told <= (await errors()) && lines.length <= told, `${lines.length} lines of ${told} times`);
      for (const connection of crowd) connection.destroy();
      await poll('room', async () => (await ask(stack.port, '/health').catch(() => ({}))).status === 200);
      await socket.end();
      kept.destroy();
    });
  });

  it('without memory gives back what it can, and then takes clients again', { skip: OWN_MEMORY }, () =>
    withStack({
      workers: 1,
      gatewayEnv: { worker_memory_bytes: 48 * MIB, ring_room_bytes: 256 * MIB, ring_total_bytes: 256 * MIB },
    }, async (stack) => {
      const gateway = stack.gateways[0];
      const { owner, room } = await makeRoom(new Api(stack.url), 0);
      const socket = await Socket.open(stack.url, room.id, owner.token);
      await socket.settle();
      // Recent events fill the ring: 16 KB each.
      const text = '😀'.repeat(4000);
      for (let i = 0; i < 400 && logged(gateway, 'worker.memory_full').length === 0; i += 1) {
        await Promise.all(Array.from({ length: 16 }, () => socket.say(text)));
        socket.frames.length = 0;
      }
      await poll('memory to be full', () => logged(gateway, 'worker.memory_full').length > 0);
      await poll('memory to be given back', () => logged(gateway, 'worker.memory_free').length > 0);
      assert.equal((await socket.say('still here')).type, 'ack');
      await poll('clients to be taken', async () => (await ask(stack.port, '/health').catch(() => ({}))).status === 200);
      await socket.end();
    }));

  it('without memory lets those go who do not finish a message', { skip: OWN_MEMORY }, () =>
    withStack({
      workers: 1,
      gatewayEnv: { worker_memory_bytes: 48 * MIB, sockets_per_user: 2000 },
    }, async (stack) => {
      const gateway = stack.gateways[0];
      const { owner, room } = await makeRoom(new Api(stack.url), 0);
      const path = `/ws/chat/${room.id}?token=${owner.token}`;
      const socket = await Socket.open(stack.url, room.id, owner.token);
      await socket.settle();
      // A long message without its end: between its fragments its sender may answer pings for ever.
      const most = encodeFrame('x'.repeat(60_000), { fin: false });
      const crowd = [];
      for (let i = 0; i < 25; i += 1) {
        crowd.push(...(await Promise.all(Array.from({ length: 40 }, () => openRawSocket(stack, path).catch(() => null)))));
        for (const one of crowd.slice(-40)) one?.write(most);
      }
      await poll('memory to be full', () => logged(gateway, 'worker.memory_full').length > 0);
      await poll('memory to be given back', () => logged(gateway, 'worker.memory_free').length > 0);
      assert.equal((await socket.say('still here')).type, 'ack');
      await poll('clients to be taken', async () => (await ask(stack.port, '/health').catch(() => ({}))).status === 200);
      const [first] = crowd;
      assert.equal((await first.readFrameUntil((frame) => frame.opcode === 8)).code, 1013);
      for (const one of crowd) one?.destroy();
      await socket.end();
    }));

  it('without memory lets those go who do not read their answers', { skip: OWN_MEMORY }, () =>
    withStack({ workers: 1, gatewayEnv: { worker_memory_bytes: 96 * MIB } }, async (stack) => {
      const gateway = stack.gateways[0];
      const { owner, room } = await makeRoom(new Api(stack.url), 0);
      const socket = await Socket.open(stack.url, room.id, owner.token);
      await socket.settle();
      // A page of eight megabytes.
      const text = '😀'.repeat(4000);
      for (let i = 0; i < 500; i += 20) await Promise.all(Array.from({ length: 20 }, () => socket.say(text)));
      const request = `GET /api/chat/rooms/${room.id}/messages?limit=500 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${owner.token}\r\n\r\n`;
      const crowd = Array.from({ length: 40 }, () => net.connect(stack.port, '127.0.0.1'));
      for (const one of crowd) one.on('error', () => {}).write(request); // and nobody reads
      await poll('memory to be full', () => logged(gateway, 'worker.memory_full').length > 0);
      await poll('memory to be given back', () => logged(gateway, 'worker.memory_free').length > 0);
      assert.equal((await socket.say('still here')).type, 'ack');
      await poll('clients to be taken', async () => (await ask(stack.port, '/health').catch(() => ({}))).status === 200);
      for (const one of crowd) one.destroy();
      await socket.end();
    }));
});
