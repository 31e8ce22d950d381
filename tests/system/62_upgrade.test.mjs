// SIGUSR2: a new master from the program's path, on the same sockets; when its workers are ready the
// old one drains. One that does not get that far changes nothing.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Api, Socket, makeRoom } from './lib/client.mjs';
import { binary } from './lib/env.mjs';
import { freePort } from './lib/ports.mjs';
import { Prober } from './lib/prober.mjs';
import { withStack } from './lib/stack.mjs';
import { startSteadyLoad } from './lib/steady_load.mjs';
import { poll } from './lib/wait.mjs';

let dir;
let links = 0;
before(() => (dir = fs.mkdtempSync(path.join(os.tmpdir(), 'banter-upgrade-'))));
after(() => fs.rmSync(dir, { recursive: true, force: true }));

// A link to the program, as a package's "current" version is one.
function link(target = binary('banter-gateway')) {
  links += 1;
  const file = path.join(dir, `gateway${links}`);
  fs.symlinkSync(target, file);
  return { file, lead(to) { fs.rmSync(file); fs.symlinkSync(to, file); } };
}

const successorOf = (program) => Number(/event=master\.upgrade program=\S+ pid=(\d+)/.exec(program.output().slice(program.seen ?? 0))?.[1]);

// Returns the new master, which then belongs to the stack; the old one has ended.
async function upgrade(stack) {
  const old = stack.gateways[0];
  old.seen = old.output().length;
  process.kill(old.pid, 'SIGUSR2');
  const pid = await poll('a new master', () => successorOf(old));
  await poll('the new one to take over', () => old.output().slice(old.seen).includes('event=master.succeeded'), { timeoutMs: 30_000 });
  const fresh = stack.adoptGateway(pid);
  const exit = await poll('the old one to end', () => old.exit, { timeoutMs: 30_000 });
  assert.equal(exit.code, 0);
  return fresh;
}

describe('SIGUSR2', () => {
  it('under load: every message once, no connection refused, and once more after that', async () => {
    const adminPort = await freePort(2);
    const env = { drain_ms: 1_000, admin_listen: `127.0.0.1:${adminPort}` };
    // The second port's sockets go over, too.
    const gatewayEnv = { proxy_listen: `127.0.0.1:${await freePort()}`, trusted_proxies: '127.0.0.1' };
    await withStack({ workers: 2, env, gatewayEnv, gatewayFile: link().file }, async (stack) => {
      const load = await startSteadyLoad(stack);
      const first = stack.gateways[0].pid;
      const second = await upgrade(stack);
      const third = await upgrade(stack);
      assert.equal(new Set([first, second.pid, third.pid]).size, 3);
      await load.finish();
      await poll('metrics of the new one', async () => {
        const text = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`, { headers: { connection: 'close' } })).text();
        return /^banter_workers 2$/m.test(text);
      });
      const proxied = new Prober(Number(gatewayEnv.proxy_listen.split(':')[1]), { everyMs: 20, connectOnly: true });
      await poll('connections to the second port', () => proxied.asked > 5 || proxied.faults.length > 0);
      await proxied.stop();
      assert.deepEqual(proxied.faults, []);
      // SIGHUP works in a successor as in any master.
      third.kill('SIGHUP');
      await poll('a reload', () => third.output().includes('event=master.reloaded'));
    });
  });

  it('with a program that fails changes nothing', async () => {
    const script = path.join(dir, 'fails');
    fs.writeFileSync(script, '#!/bin/sh\nexit 3\n', { mode: 0o755 });
    const current = link();
    await withStack({ workers: 1, gatewayFile: current.file }, async (stack) => {
      const { owner, room } = await makeRoom(new Api(stack.url), 0);
      const socket = await Socket.open(stack.url, room.id, owner.token);
      const gateway = stack.gateways[0];
      const workers = stack.workers();
      let seen = 0;
      for (const [program, said] of [[script, /status=3 /], [path.join(dir, 'nothing'), /status=127 /], ['/bin/true', /status=0 /]]) {
        current.lead(program);
        gateway.kill('SIGUSR2');
        seen += 1;
        await poll('it to be said', () => gateway.output().split('event=master.upgrade_failed').length - 1 === seen);
        assert.match(gateway.output().split('\n').filter((line) => line.includes('upgrade_failed')).at(-1), said);
      }
      assert.deepEqual(stack.workers(), workers);
      await socket.say('still there');
      assert.ok(socket.isOpen);
      await socket.end();
      current.lead(binary('banter-gateway'));
      await upgrade(stack);
      await stack.waitReady();
    });
  });

  it('with settings that the new program refuses, or another address, changes nothing', async () => {
    const port = await freePort();
    const config = path.join(dir, 'gateway.conf');
    const write = (text) => fs.writeFileSync(config, text);
    await withStack({ workers: 1 }, async (stack) => {
      write(`BANTER_LISTEN=127.0.0.1:${port}\n`);
      const program = stack.launch('alone', stack.gatewayFile, {
        BANTER_CONFIG: config, BANTER_BROKERS: stack.brokerAddresses.join(','),
      });
      const api = new Api(`http://127.0.0.1:${port}`);
      // Asked while it still starts, it does so when it has started.
      await poll('it to listen', () => program.output().includes('event=master.ready'), { everyMs: 1 });
      let failures = 0;
      for (const [text, said] of [
        [`BANTER_LISTEN=127.0.0.1:${port}\nBANTER_PING_MS=soon\n`, /gateway\.conf:2: BANTER_PING_MS/],
        [`BANTER_LISTEN=127.0.0.1:${port + 1}\n`, /does not listen on 127\.0\.0\.1/],
      ]) {
        write(text);
        program.kill('SIGUSR2');
        failures += 1;
        await poll('it to be said', () => program.output().split('event=master.upgrade_failed').length - 1 === failures);
        assert.match(program.output(), said);
        assert.equal((await api.get('/readyz')).status, 200);
      }
      assert.deepEqual(await program.end(), { code: 0, signal: null });
    });
  });

  it('with workers that never get ready changes nothing, and nobody meets them', async () => {
    const port = await freePort();
    const config = path.join(dir, 'never.conf');
    const write = (values) => fs.writeFileSync(config, Object.entries(values).map(([k, v]) => `BANTER_${k}=${v}\n`).join(''));
    await withStack({ workers: 1 }, async (stack) => {
      write({ LISTEN: `127.0.0.1:${port}`, WORKERS: 1, BROKERS: stack.brokerAddresses.join(',') });
      const program = stack.launch('alone', stack.gatewayFile, { BANTER_CONFIG: config, BANTER_WORKERS: undefined });
      const ready = async () =>
        (await fetch(`http://127.0.0.1:${port}/readyz`, { headers: { connection: 'close' }, signal: AbortSignal.timeout(10_000) })).status;
      await poll('it to be ready', async () => (await ready().catch(() => 0)) === 200);
      write({ LISTEN: `127.0.0.1:${port}`, WORKERS: 3, BROKERS: `ipc://${stack.dir}/nobody` });
      program.kill('SIGUSR2');
      const times = (event) => program.output().split(`event=${event}`).length - 1;
      await poll('the new ones', () => times('worker.ready') === 4);
      for (let i = 0; i < 40; i += 1) assert.equal(await ready(), 200);
      await poll('it to be said', () => times('master.upgrade_failed') === 1, { timeoutMs: 60_000 });
      assert.equal(times('master.not_ready'), 1);
      for (let i = 0; i < 40; i += 1) assert.equal(await ready(), 200);
      assert.deepEqual(await program.end(), { code: 0, signal: null });
    });
  });
});
