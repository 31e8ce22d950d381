// SIGHUP: settings that can change do, by new workers at the same sockets; whoever is connected comes
// back to them, and nobody else notices.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Api, Socket, makeRoom } from './lib/client.mjs';
import { freePort } from './lib/ports.mjs';
import { Prober } from './lib/prober.mjs';
import { isAlive } from './lib/procfs.mjs';
import { withStack } from './lib/stack.mjs';
import { startSteadyLoad } from './lib/steady_load.mjs';
import { poll } from './lib/wait.mjs';

let dir;
before(() => (dir = fs.mkdtempSync(path.join(os.tmpdir(), 'banter-reload-'))));
after(() => fs.rmSync(dir, { recursive: true, force: true }));

let files = 0;
// A configuration file, and the way to write it anew.
function configFile(settings) {
  files += 1;
  const file = path.join(dir, `${files}.conf`);
  const write = (values) => fs.writeFileSync(file, Object.entries(values).map(([k, v]) => `BANTER_${k}=${v}\n`).join(''));
  write(settings);
  return { file, write };
}

const count = (program, event) => program.output().split(/event=|"event":"/).filter((part) => part.startsWith(event)).length;

// How many connections to a port of ours there are, in the state ESTABLISHED (proc(5), /proc/net/tcp).
function established(port) {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  return fs.readFileSync('/proc/net/tcp', 'utf8').split('\n').map((line) => line.trim().split(/\s+/))
    .filter(([, own, , state]) => own?.endsWith(local) && state === '01').length;
}

async function reload(program, event = 'master.reloaded') {
  const seen = count(program, event);
  program.kill('SIGHUP');
  await poll(event, () => count(program, event) > seen, { timeoutMs: 30_000 });
}

// The sum over all samples of each counter; those of single processes (their starts, their CPU time)
// end with them.
async function counters(port) {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { connection: 'close' } })).text();
  const names = new Set([...text.matchAll(/^# TYPE (\S+) counter$/gm)].map(([, name]) => name).filter((name) => !name.startsWith('banter_process_')));
  const values = {};
  for (const [, name, value] of text.matchAll(/^([a-z_]+)(?:\{.*\})? (\d+)$/gm)) {
    if (names.has(name)) values[name] = (values[name] ?? 0) + Number(value);
  }
  return values;
}

describe('SIGHUP to the gateway', () => {
  it('under load: every message once, no connection refused, counters that never fall', async () => {
    const adminPort = await freePort(2);
    const config = configFile({ PING_MS: 25_000, WORKERS: 2 });
    const env = { admin_listen: `127.0.0.1:${adminPort}`, drain_ms: 1_000 };
    await withStack({ workers: 2, env, gatewayEnv: { config: config.file } }, async (stack) => {
      const load = await startSteadyLoad(stack);
      const gateway = stack.gateways[0];
      let last = {};
      const fallen = [];
      for (let round = 0; round < 3; round += 1) {
        const old = stack.workers();
        config.write({ PING_MS: 20_000 + round, WORKERS: 2 });
        await reload(gateway);
        await poll('the old workers to be gone', async () => {
          const now = await counters(adminPort).catch(() => null);
          for (const [name, value] of Object.entries(now ?? {})) {
            if (value < (last[name] ?? 0)) fallen.push(`${name} fell from ${last[name]} to ${value}`);
          }
          last = now ?? last;
          return stack.workers().filter((pid) => old.includes(pid)).length === 0;
        }, { timeoutMs: 30_000 });
      }
      await load.finish();
      assert.deepEqual(fallen, []);
      const gauge = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
      assert.match(gauge, /^banter_workers 2$/m);
    });
  });

  it('changes what can change, and says what cannot', async () => {
    const port = await freePort();
    const config = configFile({ LISTEN: `127.0.0.1:${port}`, LOG_LEVEL: 'warn' });
    await withStack({ workers: 1, gatewayEnv: { config: config.file } }, async (stack) => {
      // The library sets BANTER_LISTEN, LOG_LEVEL and WORKERS in the environment, which wins.
      config.write({ LISTEN: '127.0.0.1:1', PING_MS: 300, ADMIN_LISTEN: '127.0.0.1:9' });
      const gateway = stack.gateways[0];
      await reload(gateway);
      assert.match(gateway.output(), /event=master.reload changed="PING_MS"/);
      assert.equal(count(gateway, 'master.needs_restart'), 0, 'what the environment hides has not changed');
      const { owner, room } = await makeRoom(new Api(stack.url), 0);
      const socket = await Socket.open(stack.url, room.id, owner.token);
      await poll('pings every 300 ms', () => socket.pings >= 2);
      await socket.end();
    });
  });

  it('keeps the address that it listens on, with a line that says so', async () => {
    const port = await freePort();
    const config = configFile({ LISTEN: `127.0.0.1:${port}`, KEEP_ALIVE_MS: 9000 });
    await withStack({ workers: 1 }, async (stack) => {
      const broker = stack.brokerAddresses.join(',');
      const program = stack.launch('alone', stack.gatewayFile, {
        BANTER_CONFIG: config.file, BANTER_BROKERS: broker, BANTER_LOG_FORMAT: undefined,
      });
      const api = new Api(`http://127.0.0.1:${port}`);
      await poll('it to be ready', async () => (await api.get('/readyz')).status === 200);
      config.write({ LISTEN: '127.0.0.1:1', KEEP_ALIVE_MS: 8000, LOG_FORMAT: 'json' });
      await reload(program);
      assert.match(program.output(), /event=master.needs_restart setting=LISTEN/);
      assert.match(program.output(), /event=master.reload changed="LOG_FORMAT,KEEP_ALIVE_MS"/);
      // The workers of the new generation from their first line on, and the master.
      assert.match(program.output(), /^\{.*"event":"worker\.ready"/m);
      assert.match(program.output(), /^\{.*"event":"master\.reloaded"/m);
      assert.equal((await api.get('/readyz')).status, 200);
      assert.deepEqual(await program.end(), { code: 0, signal: null });
    });
  });

  it('makes workers more and fewer, and no connection is lost between them', async () => {
    const config = configFile({ WORKERS: 1 });
    await withStack({ workers: 1, env: { drain_ms: 200 } }, async (stack) => {
      const port = await freePort();
      const program = stack.launch('alone', stack.gatewayFile, {
        BANTER_CONFIG: config.file, BANTER_LISTEN: `127.0.0.1:${port}`,
        BANTER_BROKERS: stack.brokerAddresses.join(','), BANTER_WORKERS: undefined,
      });
      stack.gateways[1] = program;
      program.port = port;
      const api = new Api(`http://127.0.0.1:${port}`);
      await poll('it to be ready', async () => (await api.get('/readyz')).status === 200);
      const prober = new Prober(port, { everyMs: 1 });
      for (const workers of [4, 2, 1, 3]) {
        config.write({ WORKERS: workers });
        await reload(program);
        assert.match(program.output(), new RegExp(`event=master.reloaded workers=${workers}`));
        await poll(`${workers} workers`, () => stack.workers(1).length === workers, { timeoutMs: 20_000 });
        // Connections enough to meet a socket that nobody serves.
        for (let i = 0; i < 40; i += 1) assert.equal((await api.get('/health')).status, 200);
      }
      await prober.stop();
      assert.deepEqual(prober.faults, []);
      assert.deepEqual(await program.end(), { code: 0, signal: null });
      stack.gateways.pop();
    });
  });

  it('with fewer workers, who waits at a socket that nobody takes over is served all the same', async () => {
    const config = configFile({ WORKERS: 4 });
    await withStack({ workers: 1, env: { drain_ms: 200 } }, async (stack) => {
      const port = await freePort();
      const program = stack.launch('alone', stack.gatewayFile, {
        BANTER_CONFIG: config.file, BANTER_LISTEN: `127.0.0.1:${port}`,
        BANTER_BROKERS: stack.brokerAddresses.join(','), BANTER_WORKERS: undefined,
      });
      stack.gateways[1] = program;
      const api = new Api(`http://127.0.0.1:${port}`);
      await poll('it to be ready', async () => (await api.get('/readyz')).status === 200);
      const old = stack.workers(1);
      for (const pid of old) process.kill(pid, 'SIGSTOP');
      const answers = Array.from({ length: 60 }, () =>
        fetch(`http://127.0.0.1:${port}/health`, { headers: { connection: 'close' }, signal: AbortSignal.timeout(20_000) }));
      await poll('connections in the queues', () => established(port) >= 60);
      config.write({ WORKERS: 1 });
      await reload(program);
      for (const pid of old) process.kill(pid, 'SIGCONT');
      for (const answer of await Promise.all(answers)) assert.equal(answer.status, 200);
      assert.deepEqual(await program.end(), { code: 0, signal: null });
      stack.gateways.pop();
    });
  });

  it('with a bad file changes nothing, and says why in one line', async () => {
    const config = configFile({ PING_MS: 20_000 });
    await withStack({ workers: 2, gatewayEnv: { config: config.file } }, async (stack) => {
      const workers = stack.workers();
      const gateway = stack.gateways[0];
      const before = gateway.output().length;
      config.write({ PING_MS: 20_000, PNIG_MS: 1 });
      await reload(gateway, 'master.reload_failed');
      const said = gateway.output().slice(before).trim().split('\n');
      assert.equal(said.length, 1, said.join('\n'));
      assert.match(said[0], /error gateway event=master.reload_failed reason=".*\.conf:2: BANTER_PNIG_MS: there is no such setting/);
      fs.rmSync(config.file);
      await reload(gateway, 'master.reload_failed');
      assert.match(gateway.output(), /cannot read/);
      assert.deepEqual(stack.workers(), workers);
      config.write({ PING_MS: 21_000 });
      await reload(gateway);
      await poll('new workers', () => workers.every((pid) => !isAlive(pid)), { timeoutMs: 20_000 });
      assert.equal(stack.workers().length, 2);
    });
  });

  it('with a broker that is not there keeps the workers that serve, and nobody meets the others', async () => {
    const config = configFile({ PING_MS: 20_000 });
    await withStack({ workers: 1 }, async (stack) => {
      const port = await freePort();
      const brokers = stack.brokerAddresses.join(',');
      config.write({ BROKERS: brokers, LISTEN: `127.0.0.1:${port}`, WORKERS: 1 });
      const program = stack.launch('alone', stack.gatewayFile, { BANTER_CONFIG: config.file, BANTER_WORKERS: undefined });
      const api = new Api(`http://127.0.0.1:${port}`);
      await poll('it to be ready', async () => (await api.get('/readyz')).status === 200);
      config.write({ BROKERS: `ipc://${stack.dir}/nobody`, LISTEN: `127.0.0.1:${port}`, WORKERS: 3 });
      const failed = reload(program, 'master.reload_failed');
      await poll('the new ones', () => count(program, 'worker.ready') === 4);
      const ready = async () => (await fetch(`http://127.0.0.1:${port}/readyz`, { headers: { connection: 'close' }, signal: AbortSignal.timeout(10_000) })).status;
      for (let i = 0; i < 40; i += 1) assert.equal(await ready(), 200);
      await failed;
      assert.match(program.output(), /the new workers do not reach the database or the broker/);
      await poll('the old worker to be alone again', () => count(program, 'worker.stopped') === 3);
      // None of these waits at a socket that was opened for the others.
      for (let i = 0; i < 40; i += 1) assert.equal(await ready(), 200);
      assert.deepEqual(await program.end(), { code: 0, signal: null });
    });
  });

  it('reads the assets again', async () => {
    const assets = fs.mkdtempSync(path.join(dir, 'assets-'));
    fs.writeFileSync(path.join(assets, 'openapi.json'), '{"is":"old"}');
    await withStack({ workers: 1, gatewayEnv: { assets_dir: assets } }, async (stack) => {
      const api = new Api(stack.url);
      assert.deepEqual((await api.get('/openapi.json')).json, { is: 'old' });
      fs.writeFileSync(path.join(assets, 'openapi.json'), '{"is":"new"}');
      await reload(stack.gateways[0]);
      await poll('the new one', async () => (await api.get('/openapi.json')).json.is === 'new');
    });
  });
});

describe('SIGHUP to the broker', () => {
  it('changes the level of the log, and says what needs a restart', async () => {
    const config = configFile({ LOG_LEVEL: 'warn' });
    await withStack({ workers: 1, brokerEnv: { config: config.file } }, async (stack) => {
      const broker = stack.brokers[0];
      config.write({ WRITERS: 3 });
      await reload(broker, 'broker.needs_restart');
      assert.match(broker.output(), /event=broker.needs_restart settings="WRITERS"/);
      config.write({ WRITERS: 'three' });
      await reload(broker, 'broker.reload_failed');
      const { owner, room } = await makeRoom(new Api(stack.url), 0);
      const socket = await Socket.open(stack.url, room.id, owner.token);
      await socket.say('it lives');
      await socket.end();
    });
  });
});
