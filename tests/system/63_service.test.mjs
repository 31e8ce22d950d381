// What a service manager sees: sd_notify's messages of gateway and broker, and a worker that is stuck
// and gets replaced.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import readline from 'node:readline';
import { describe, it } from 'node:test';
import { Api, Socket, makeRoom } from './lib/client.mjs';
import { BIN_DIR, SLOW, binary } from './lib/env.mjs';
import { freePort } from './lib/ports.mjs';
import { childrenOf, isAlive, parentOf } from './lib/procfs.mjs';
import { withStack } from './lib/stack.mjs';
import { poll } from './lib/wait.mjs';

// A service manager's socket: messages is [{pid, fields}].
async function listen(name) {
  const child = spawn(path.join(BIN_DIR, '../tests/tools/notify_socket'), [name], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ear = { messages: [], close: () => child.kill() };
  let listening = false;
  readline.createInterface({ input: child.stdout }).on('line', (line) => {
    if (line === 'listening') {
      listening = true;
      return;
    }
    const [pid, ...fields] = line.split('\t');
    ear.messages.push({ pid: Number(pid), fields: Object.fromEntries(fields.map((field) => field.split(/=(.*)/s).slice(0, 2))) });
  });
  await poll('the socket', () => listening);
  // The next message with this field, after those that were found before.
  let next = 0;
  ear.wait = (field) => poll(`${field}; there were ${JSON.stringify(ear.messages.slice(-4))}`, () => {
    const at = ear.messages.findIndex((message, i) => i >= next && field in message.fields);
    if (at < 0) return null;
    next = at + 1;
    return ear.messages[at];
  }, { timeoutMs: 30_000 });
  return ear;
}

describe('sd_notify', () => {
  for (const kind of ['a path', 'an abstract name']) {
    it(`the gateway, at ${kind}: ready, watchdog, reload, the end`, async () => {
      await withStack({ workers: 2 }, async (stack) => {
        const name = kind === 'a path' ? path.join(stack.dir, 'notify') : `@banter${path.basename(stack.dir)}`;
        const ear = await listen(name);
        try {
          const port = await freePort();
          const gateway = stack.launch('alone', stack.gatewayFile, {
            NOTIFY_SOCKET: name, WATCHDOG_USEC: '400000',
            BANTER_LISTEN: `127.0.0.1:${port}`, BANTER_BROKERS: stack.brokerAddresses.join(','),
          });
          const ready = await ear.wait('READY');
          assert.equal(ready.pid, gateway.pid);
          assert.equal(ready.fields.STATUS, `2 workers serve 127.0.0.1:${port}`);
          assert.match(gateway.output(), /event=master\.serving/, 'ready when the workers are');
          for (let i = 0; i < 3; i += 1) assert.equal((await ear.wait('WATCHDOG')).pid, gateway.pid);
          gateway.kill('SIGHUP');
          const reloading = await ear.wait('RELOADING');
          assert.match(reloading.fields.MONOTONIC_USEC, /^\d+$/);
          await ear.wait('READY');
          assert.match(gateway.output(), /event=master\.reloaded/);
          gateway.kill('SIGTERM');
          await ear.wait('STOPPING');
          assert.deepEqual(await gateway.end('SIGCONT'), { code: 0, signal: null });
        } finally {
          ear.close();
        }
      });
    });
  }

  it('the gateway: a new master speaks after SIGUSR2', async () => {
    await withStack({ workers: 1 }, async (stack) => {
      const name = path.join(stack.dir, 'notify');
      const ear = await listen(name);
      try {
        const port = await freePort();
        const shell = `WATCHDOG_PID=$$ exec ${stack.gatewayFile}`;
        const gateway = stack.launch('alone', '/bin/sh', {
          NOTIFY_SOCKET: name, WATCHDOG_USEC: '400000',
          BANTER_LISTEN: `127.0.0.1:${port}`, BANTER_BROKERS: stack.brokerAddresses.join(','),
        }, ['-c', shell]);
        assert.equal((await ear.wait('READY')).pid, gateway.pid);
        await ear.wait('WATCHDOG');
        gateway.kill('SIGUSR2');
        const main = await ear.wait('MAINPID');
        assert.equal(main.pid, gateway.pid, 'only the main process is believed');
        const fresh = Number(main.fields.MAINPID);
        // A manager waits for the end of its own children only; whoever adopts orphans is in its place here.
        assert.ok(![gateway.pid, ...childrenOf(gateway.pid)].includes(parentOf(fresh)), 'the old one is not its parent');
        const since = ear.messages.indexOf(main);
        await poll('the old one to end', () => gateway.exit, { timeoutMs: 20_000 });
        await poll('the watchdog to be fed by the new one', () =>
          ear.messages.slice(since).some((message) => message.pid === fresh && 'WATCHDOG' in message.fields));
        assert.ok(ear.messages.some((message) => message.pid === fresh && 'READY' in message.fields));
        assert.ok(!ear.messages.some((message) => message.pid === gateway.pid && 'STOPPING' in message.fields));
        process.kill(fresh, 'SIGTERM');
        await ear.wait('STOPPING');
        await poll('it to end', () => !isAlive(fresh), { timeoutMs: 20_000 });
      } finally {
        ear.close();
      }
    });
  });

  it('the broker: ready, watchdog, reload, the end', async () => {
    await withStack({ workers: 1 }, async (stack) => {
      const name = path.join(stack.dir, 'notify');
      const ear = await listen(name);
      try {
        const broker = stack.launch('alone', binary('banter-broker'), {
          NOTIFY_SOCKET: name, WATCHDOG_USEC: '400000', BANTER_BROKER_LISTEN: `ipc://${stack.dir}/alone`,
        });
        const ready = await ear.wait('READY');
        assert.equal(ready.pid, broker.pid);
        assert.match(ready.fields.STATUS, /^serving ipc:/);
        for (let i = 0; i < 2; i += 1) await ear.wait('WATCHDOG');
        broker.kill('SIGHUP');
        await ear.wait('RELOADING');
        await ear.wait('READY');
        broker.kill('SIGTERM');
        await ear.wait('STOPPING');
        assert.deepEqual(await broker.end('SIGCONT'), { code: 0, signal: null });
      } finally {
        ear.close();
      }
    });
  });
});

describe('a log that nobody reads any more', () => {
  it('ends no gateway', async () => {
    await withStack({ workers: 1 }, async (stack) => {
      const pipe = path.join(stack.dir, 'unread');
      execFileSync('mkfifo', [pipe]);
      const reader = fs.openSync(pipe, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
      const port = await freePort();
      const gateway = stack.launch('alone', '/bin/sh', {
        BANTER_LISTEN: `127.0.0.1:${port}`, BANTER_BROKERS: stack.brokerAddresses.join(','),
      }, ['-c', `exec ${stack.gatewayFile} 2>${pipe}`]);
      const api = new Api(`http://127.0.0.1:${port}`);
      stack.gateways[1] = gateway;
      await poll('it to be ready', async () => (await api.get('/readyz').catch(() => null))?.status === 200);
      const [old] = stack.workers(1);
      fs.closeSync(reader);
      gateway.kill('SIGHUP');
      await poll('a reload', () => gateway.exit || !isAlive(old), { timeoutMs: 20_000 });
      assert.equal((await api.get('/readyz')).status, 200);
      assert.deepEqual(await gateway.end(), { code: 0, signal: null });
      stack.gateways.pop();
    });
  });
});

describe('a worker that is stuck', () => {
  it('is killed and replaced; who was connected to it comes back', async () => {
    await withStack({ workers: 1, gatewayEnv: { worker_stuck_ms: 2_000 * SLOW } }, async (stack) => {
      const api = new Api(stack.url);
      const { owner, room } = await makeRoom(api, 0);
      const socket = await Socket.open(stack.url, room.id, owner.token);
      const [stuck] = stack.workers();
      process.kill(stuck, 'SIGSTOP');
      await poll('another worker', () => stack.workers().some((pid) => pid !== stuck), { timeoutMs: 30_000 });
      assert.match(stack.gateways[0].output(), new RegExp(`error gateway event=master\\.stuck child=w0 pid=${stuck} `));
      await socket.waitClosed();
      await stack.waitReady();
      const again = await Socket.open(stack.url, room.id, owner.token);
      await again.say('back');
      await again.end();
    });
  });

  it('is left alone if the setting says so, or if it only slept for a while', async () => {
    await withStack({ workers: 1, gatewayEnv: { worker_stuck_ms: 0 } }, async (stack) => {
      const api = new Api(stack.url);
      const [pid] = stack.workers();
      process.kill(pid, 'SIGSTOP');
      const answer = api.get('/health');
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      process.kill(pid, 'SIGCONT');
      assert.equal((await answer).status, 200);
      assert.deepEqual(stack.workers(), [pid]);
    });
  });
});
