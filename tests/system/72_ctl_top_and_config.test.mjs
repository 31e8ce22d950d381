// banterctl over the real processes: the live table, and what a program would start with.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { Api, Socket, makeRoom } from './lib/client.mjs';
import { ctl, startCtl } from './lib/ctl.mjs';
import { freePort } from './lib/ports.mjs';
import { withStack } from './lib/stack.mjs';
import { poll } from './lib/wait.mjs';

describe('banterctl top', () => {
  it('shows workers, the broker and the busiest room', async () => {
    const gatewayAdmin = `127.0.0.1:${await freePort()}`;
    const brokerPort = await freePort();
    const options = {
      workers: 2,
      gatewayEnv: { BANTER_ADMIN_LISTEN: gatewayAdmin },
      brokerEnv: { BANTER_ADMIN_LISTEN: `127.0.0.1:${brokerPort - 1}` },
    };
    await withStack(options, async (stack) => {
      const { owner, room } = await makeRoom(new Api(stack.url), 0);
      const socket = await Socket.open(stack.url, room.id, owner.token);
      const admin = `--admin=${gatewayAdmin},127.0.0.1:${brokerPort}`;
      // Somebody writes as long as the test looks.
      let writing = true;
      const writer = (async () => {
        for (let i = 0; writing; i += 1) await socket.say(`m${i}`);
      })();
      writer.catch(() => {}); // looked at below, unless something else fails first
      const once = await ctl(stack, ['top', '--once', '--json', admin]);
      assert.equal(once.code, 0, once.stderr);
      const processes = once.lines.filter((line) => line.process);
      const workers = processes.filter((line) => /^w\d+$/.test(line.process));
      assert.equal(workers.length, 2);
      assert.ok(workers.every((line) => stack.workers().includes(line.pid)), once.stdout);
      assert.equal(workers.reduce((sum, line) => sum + line.sockets, 0), 1);
      assert.ok(workers.some((line) => line.messages_s > 0 && line.deliveries_s > 0), once.stdout);
      const broker = processes.find((line) => line.program === 'broker');
      assert.equal(broker.pid, stack.brokers[0].pid);
      assert.ok(broker.messages_s > 0 && broker.commits_s > 0 && broker.commit_ms > 0, once.stdout);
      const busy = once.lines.filter((line) => line.room_id !== undefined);
      assert.deepEqual(busy.map((line) => line.room_id), [room.id]);
      assert.ok(busy[0].events_s > 0);

      const live = startCtl(stack, ['top', admin]);
      await poll('two refreshes', () => live.out.split('PROGRAM').length > 2, { timeoutMs: 20_000 });
      live.kill('SIGINT');
      assert.deepEqual(await live.exited, { code: 0, signal: null });
      assert.match(live.out, /PROGRAM +PROCESS +PID/);
      assert.match(live.out, /ROOM +HEAD +EVENTS\/s/);
      assert.ok(!live.out.includes('\u001b'), 'no commands for a terminal where there is none');
      writing = false;
      await writer;

      const part = await ctl(stack, ['top', '--once', `${admin},127.0.0.1:1`]);
      assert.equal(part.code, 0);
      assert.match(part.stdout, /no answer from 127\.0\.0\.1:1\n/);
      const none = await ctl(stack, ['top', '--once', '--admin=127.0.0.1:1']);
      assert.equal(none.code, 4);
      assert.equal((await ctl(stack, ['top', '--once'])).code, 2); // BANTER_ADMIN_LISTEN is empty here
    });
  });
});

describe('banterctl check-config', () => {
  it('says what a program would start with, from where, and whether it could', () =>
    withStack({}, async (stack) => {
      const file = path.join(stack.dir, 'gateway.conf');
      fs.writeFileSync(file, '# a comment\nBANTER_PING_MS=30000\nBANTER_DRAIN_MS=5\n');
      const words = ['check-config', 'gateway', `--config=${file}`, '--db-threads', '3'];
      const told = await ctl(stack, [...words, '--json'], {
        env: { BANTER_LISTEN: `127.0.0.1:${stack.port}` },
      });
      assert.equal(told.code, 0, told.stdout + told.stderr);
      const from = (name) => told.lines.find((line) => line.setting === `BANTER_${name}`);
      assert.deepEqual(from('PING_MS'), { setting: 'BANTER_PING_MS', value: '30000', from: `${file}:2` });
      assert.deepEqual([from('DRAIN_MS').value, from('DRAIN_MS').from], ['300', 'environment']);
      assert.deepEqual([from('DB_THREADS').value, from('DB_THREADS').from], ['3', 'flag']);
      assert.equal(from('DB_QUEUE').from, 'default');
      assert.equal(from('WRITERS'), undefined);
      const check = (name) => told.lines.find((line) => line.check === name).result;
      assert.deepEqual(['database', 'schema', 'bus keys', 'brokers'].map(check), ['ok', 'ok', 'ok', 'ok']);
      assert.equal(check('listen'), 'warning'); // the gateway is running

      const secret = await ctl(stack, ['check-config', 'broker'], {
        env: { BANTER_DATABASE_URL: 'mysql://me:hush%40@127.0.0.1:1/x' },
      });
      assert.equal(secret.code, 1);
      assert.ok(!(secret.stdout + secret.stderr).includes('hush'));
      assert.match(secret.stdout, /BANTER_DATABASE_URL +mysql:\/\/me:\*\*\*@127\.0\.0\.1:1\/x +environment/);
      assert.match(secret.stdout, /database +failed/);
      const raw = await ctl(stack, ['check-config', 'broker'], {
        env: { BANTER_DATABASE_URL: 'mysql://me:a@hush@127.0.0.1:1/x' },
      });
      assert.ok(!(raw.stdout + raw.stderr).includes('hush'), 'an @ that nobody has encoded');
      const bad = await ctl(stack, ['check-config', 'gateway', '--workers=many']);
      assert.equal(bad.code, 2);
      assert.match(bad.stderr, /--workers=many: "many" is not usable/);
      assert.equal((await ctl(stack, ['check-config', 'banana'])).code, 2);
    }));
});
