// How processes begin and end: options, refusals, a worker that dies or dies at once, SIGTERM, two
// stacks side by side, brokers that start together, a schema of the future.
import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, it } from 'node:test';
import { untilLogged } from './lib/access_log.mjs';
import { Api, Socket, makeRoom } from './lib/client.mjs';
import { binary } from './lib/env.mjs';
import { run } from './lib/process.mjs';
import { isAlive } from './lib/procfs.mjs';
import { RawConnection } from './lib/raw.mjs';
import { withStack } from './lib/stack.mjs';
import { delay, poll } from './lib/wait.mjs';

const clean = { PATH: process.env.PATH, ASAN_OPTIONS: 'exitcode=99', UBSAN_OPTIONS: 'halt_on_error=1:exitcode=99' };
const start = (program, args = [], env = {}) => run(binary(program), args, { env: { ...clean, ...env } });

describe('options', () => {
  it('--help prints every setting with its unit, default and meaning', async () => {
    for (const [program, names, absent] of [
      ['banter-gateway', ['LISTEN', 'WORKERS', 'DATABASE_URL', 'BROKERS', 'RUN_DIR', 'PING_MS', 'SCRYPT_LOG2N'], 'LEASE_MS'],
      ['banter-broker', ['BROKER_LISTEN', 'DATABASE_URL', 'LEASE_MS', 'WRITERS'], 'PING_MS'],
    ]) {
      const { code, stdout, stderr } = await start(program, ['--help']);
      assert.equal(code, 0, stderr);
      for (const name of names) {
        assert.match(stdout, new RegExp(`BANTER_${name}\\b`), `${program} ${name}`);
      }
      assert.doesNotMatch(stdout, new RegExp(`BANTER_${absent}\\b`));
    }
    const { stdout } = await start('banter-gateway', ['--help']);
    assert.match(stdout, /PING_MS[^]*?ms[^]*?25000[^]*?ping interval/, 'unit, default and meaning');
  });

  it('--version says the version', async () => {
    for (const program of ['banter-gateway', 'banter-broker']) {
      const { code, stdout } = await start(program, ['--version']);
      assert.equal(code, 0);
      assert.match(stdout, /\d+\.\d+\.\d+/);
    }
  });

  it('a bad value is refused with a sentence that names it', async () => {
    const cases = [
      ['banter-gateway', [], { BANTER_WORKERS: 'many' }, /WORKERS|--workers/],
      ['banter-gateway', [], { BANTER_WORKERS: '-1' }, /WORKERS/],
      ['banter-gateway', [], { BANTER_WORKERS: '100000' }, /WORKERS/],
      ['banter-gateway', [], { BANTER_WORKERS: '4x' }, /WORKERS/],
      ['banter-gateway', [], { BANTER_WORKERS: '99999999999999999999999' }, /WORKERS/],
      ['banter-gateway', [], { BANTER_PING_MS: '1' }, /PING_MS/],
      ['banter-gateway', [], { BANTER_LISTEN: 'nonsense' }, /LISTEN/],
      ['banter-gateway', [], { BANTER_LISTEN: '127.0.0.1:99999' }, /LISTEN/],
      ['banter-gateway', [], { BANTER_DATABASE_URL: 'postgres://x' }, /DATABASE_URL/],
      ['banter-gateway', [], { BANTER_BROKERS: 'http://x' }, /BROKERS/],
      ['banter-gateway', [], { BANTER_LOG_LEVEL: 'loud' }, /LOG_LEVEL/],
      ['banter-gateway', ['--workers=many'], {}, /workers/i],
      ['banter-gateway', ['--no-such-flag'], {}, /no-such-flag/],
      ['banter-gateway', ['stray'], {}, /stray/],
      ['banter-broker', [], { BANTER_LEASE_MS: 'soon' }, /LEASE_MS/],
      ['banter-broker', [], { BANTER_BROKER_LISTEN: 'udp://x' }, /BROKER_LISTEN/],
      ['banter-broker', ['--writers=0'], {}, /writers/i],
    ];
    for (const [program, args, env, named] of cases) {
      const { code, stderr } = await start(program, args, env);
      const what = `${program} ${args} ${JSON.stringify(env)}`;
      assert.ok(code !== 0 && code !== null && code < 99, `${what}: exit code ${code}`);
      assert.match(stderr, named, what);
      assert.ok(stderr.trim().split('\n').length <= 3, `a sentence, not a flood: ${stderr}`);
    }
  });

  it('a flag wins over the environment', async () => {
    const { code, stderr } = await start('banter-gateway', ['--workers=many'], { BANTER_WORKERS: '1' });
    assert.notEqual(code, 0);
    assert.match(stderr, /many/);
  });

  it('a port that is taken is refused with a sentence', async () => {
    const server = net.createServer();
    await new Promise((resolve) => server.listen({ port: 0, host: '127.0.0.1' }, resolve));
    const { code, stderr } = await start('banter-gateway', [], {
      BANTER_LISTEN: `127.0.0.1:${server.address().port}`, BANTER_WORKERS: '1', BANTER_ADMIN_LISTEN: '',
    });
    await new Promise((resolve) => server.close(resolve));
    assert.ok(code !== 0 && code < 99, `exit code ${code}`);
    assert.match(stderr, /in use/i);
  });
});

describe('workers', () => {
  it('a killed worker is replaced, and the others serve on', async () => {
    await withStack({ workers: 3 }, async (stack) => {
      const api = new Api(stack.url);
      const { owner, room } = await makeRoom(api, 0);
      const before = stack.workers();
      assert.equal(before.length, 3);
      const dead = await stack.killWorker(before[1]);
      await poll('a new worker', () => stack.workers().length === 3);
      const now = stack.workers();
      assert.ok(!now.includes(dead));
      assert.ok(now.includes(before[0]) && now.includes(before[2]), 'the others are the same');
      await stack.waitReady();
      for (let i = 0; i < 12; i += 1) assert.equal((await owner.api.get(`/api/chat/rooms/${room.id}`)).status, 200);
    });
  });

  it('connections to a dead worker wait for its successor', async () => {
    await withStack({ workers: 1 }, async (stack) => {
      const api = new Api(stack.url);
      const worker = stack.workers()[0];
      process.kill(worker, 'SIGSTOP');
      const waiting = Array.from({ length: 5 }, () => api.get('/health'));
      await delay(100);
      process.kill(worker, 'SIGKILL');
      const answers = await Promise.allSettled(waiting);
      // Those that the dead one had accepted are lost; those in its backlog are not.
      assert.ok(answers.some((answer) => answer.value?.status === 200), JSON.stringify(answers.map((a) => a.reason?.message)));
    });
  });

  it('a worker that dies again and again is started ever more slowly', async () => {
    await withStack({ workers: 1 }, async (stack) => {
      const api = new Api(stack.url);
      let kills = 0;
      const until = Date.now() + 4_000;
      let last = 0;
      while (Date.now() < until || kills < 2) {
        const [pid] = stack.workers();
        if (pid && pid !== last) {
          process.kill(pid, 'SIGKILL');
          last = pid;
          kills += 1;
        }
        await delay(2);
      }
      assert.ok(kills >= 2, 'it was started again');
      assert.ok(kills <= 25, `not as fast as it dies: ${kills} times`);
      await stack.waitReady({ timeoutMs: 60_000 });
      assert.equal((await api.get('/health')).status, 200);
    });
  });

  it('a master that is killed leaves no worker that serves on', async () => {
    await withStack({ workers: 2 }, async (stack) => {
      const api = new Api(stack.url);
      const workers = await stack.killGateway();
      await poll('the workers to end', () => workers.every((pid) => !isAlive(pid)), { timeoutMs: 20_000 });
      await stack.startGateway();
      await stack.waitReady();
      assert.equal((await api.get('/health')).status, 200);
    });
  });
});

describe('SIGTERM', () => {
  // That they go one after the other is in tests/unit/test_drain.c.
  it('closes the sockets with 1012, and leaves nothing behind', async () => {
    await withStack({ workers: 2, env: { drain_ms: 20_000 } }, async (stack) => {
      const api = new Api(stack.url);
      const { owner, room } = await makeRoom(api, 0);
      const sockets = await Promise.all(
        Array.from({ length: 120 }, () => Socket.open(stack.url, room.id, owner.token)),
      );
      await Promise.all(sockets.map((socket) => socket.settle()));
      const workers = stack.workers();
      const gateway = stack.gateways[0];
      gateway.kill('SIGTERM');
      const codes = await Promise.all(sockets.map((socket) => socket.waitClosed(20_000)));
      const exit = await gateway.end('SIGCONT', 20_000);
      assert.deepEqual(exit, { code: 0, signal: null });
      stack.expectedDead.add(gateway);
      for (const close of codes) assert.deepEqual(close, { code: 1012, reason: 'Server restarting' });
      for (const pid of workers) assert.ok(!isAlive(pid), `worker ${pid} is gone`);
    });
  });

  it('finishes a request that it has, although its body comes only then', async () => {
    await withStack({ workers: 1, env: { scrypt_log2n: 17, drain_ms: 20_000 } }, async (stack) => {
      const user = await new Api(stack.url).register();
      const gateway = stack.gateways[0];
      const connection = await RawConnection.open(stack);
      const login = JSON.stringify({ username: user.username, password: user.password });
      connection.write('POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n' +
        `Content-Length: ${login.length}\r\nExpect: 100-continue\r\n\r\n`);
      assert.equal((await connection.readResponse()).status, 100);
      gateway.kill('SIGTERM');
      await untilLogged(gateway, 'worker.drain', () => true);
      connection.write(login);
      const answer = await connection.readResponse({ timeoutMs: 30_000 });
      assert.equal(answer.status, 200, answer.body.toString());
      assert.equal(answer.headers.connection, 'close');
      await connection.waitEnd();
      const exit = await gateway.end('SIGCONT', 30_000);
      assert.deepEqual(exit, { code: 0, signal: null });
      stack.expectedDead.add(gateway);
    });
  });

  it('takes no new connection any more, and idle ones do not hold it up', async () => {
    await withStack({ workers: 1, env: { drain_ms: 20_000 } }, async (stack) => {
      const idle = await RawConnection.open(stack);
      idle.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
      await idle.readResponse();
      const silent = await RawConnection.open(stack);
      const gateway = stack.gateways[0];
      const exit = await gateway.end('SIGTERM', 15_000);
      assert.deepEqual(exit, { code: 0, signal: null });
      stack.expectedDead.add(gateway);
      await idle.waitEnd();
      await assert.rejects(RawConnection.open(gateway.port));
      idle.destroy();
      silent.destroy();
    });
  });

  it('SIGINT does the same; so it does to the broker', async () => {
    await withStack({ workers: 2 }, async (stack) => {
      for (const program of [stack.gateways[0], stack.brokers[0]]) {
        assert.deepEqual(await program.end('SIGINT'), { code: 0, signal: null });
        stack.expectedDead.add(program);
      }
    });
  });

  it('is obeyed although the broker, or MariaDB, is away', async () => {
    await withStack({ workers: 2 }, async (stack) => {
      await stack.killBroker();
      assert.deepEqual(await stack.gateways[0].end('SIGTERM'), { code: 0, signal: null });
      stack.expectedDead.add(stack.gateways[0]);
    });
    await withStack({ workers: 2 }, async (stack) => {
      await stack.database.kill();
      for (const program of [stack.gateways[0], stack.brokers[0]]) {
        assert.deepEqual(await program.end('SIGTERM', 30_000), { code: 0, signal: null });
        stack.expectedDead.add(program);
      }
    });
  });
});

describe('side by side', () => {
  it('two stacks on one machine know nothing of each other', async () => {
    await withStack({ workers: 2 }, async (one) => {
      await withStack({ workers: 2 }, async (two) => {
        const [apiOne, apiTwo] = [new Api(one.url), new Api(two.url)];
        const here = await makeRoom(apiOne, 0);
        const there = await makeRoom(apiTwo, 0);
        assert.equal(here.room.id, there.room.id, 'both count from the beginning');
        await here.owner.api.post(`/api/chat/rooms/${here.room.id}/messages`, { text: 'here' });
        await there.owner.api.post(`/api/chat/rooms/${there.room.id}/messages`, { text: 'there' });
        const texts = (list) => list.map((message) => message.text);
        assert.deepEqual(texts(await here.owner.api.history(here.room.id)), ['here']);
        assert.deepEqual(texts(await there.owner.api.history(there.room.id)), ['there']);
        assert.equal((await apiTwo.get('/api/chat/rooms', { token: here.owner.token })).status, 401);
      });
    });
  });

  it('two gateways on one broker are one chat', async () => {
    await withStack({ workers: 2, gateways: 2 }, async (stack) => {
      const [one, two] = stack.gateways.map((gateway) => new Api(gateway.url));
      const { owner, room, members: [member] } = await makeRoom(one, 1);
      const here = await Socket.open(stack.gateways[0].url, room.id, owner.token);
      const there = await Socket.open(stack.gateways[1].url, room.id, member.token);
      await there.settle();
      await here.settle();
      await here.say('across');
      await there.waitFor((frame) => frame.text === 'across');
      await there.say('and back');
      await here.waitFor((frame) => frame.text === 'and back');
      await two.as(member.token).post('/api/logout');
      assert.equal((await there.waitClosed()).code, 4001);
      assert.equal((await one.get('/api/chat/rooms', { token: member.token })).status, 401);
      await here.waitFor((frame) => frame.type === 'user_activity' && frame.user_id === member.id && frame.action === 'left');
      await here.end();
    });
  });

  it('a gateway that starts before its broker and its database waits for them', async () => {
    await withStack({ workers: 2, ready: false }, async (stack) => {
      await poll('the master', () => stack.gateways[0].output().includes('event=master.ready'));
      await stack.killBroker();
      await stack.database.kill();
      assert.deepEqual(await stack.gateways[0].end('SIGTERM', 30_000), { code: 0, signal: null });
      await stack.startGateway();
      const api = new Api(stack.url);
      await poll('the gateway to answer', async () => (await api.get('/health')).status === 200);
      assert.equal((await api.get('/readyz')).status, 503);
      await stack.startBroker();
      await stack.database.start();
      await stack.waitReady();
      await makeRoom(api, 1);
    });
  });

  it('a gateway that is told to stop before its workers are ready just stops', async () => {
    await withStack({ workers: 4 }, async (stack) => {
      for (let i = 0; i < 5; i += 1) {
        assert.deepEqual(await stack.gateways[0].end('SIGTERM'), { code: 0, signal: null });
        const gateway = await stack.startGateway();
        await poll('the master', () => gateway.output().split('event=master.ready').length > i + 2, { everyMs: 1 });
      }
    });
  });
});

describe('migrations', () => {
  it('four brokers that start together apply each migration once', async () => {
    await withStack({ brokers: 4, workers: 1 }, async (stack) => {
      const api = new Api(stack.url);
      const rows = await stack.database.query('SELECT version, COUNT(*) FROM schema_migrations GROUP BY version ORDER BY version');
      assert.ok(rows.length >= 1);
      rows.forEach(([version, count], i) => assert.deepEqual([version, count], [String(i + 1), '1']));
      assert.deepEqual(await stack.database.query('SELECT COUNT(*) FROM meta'), [['1']]);
      await makeRoom(api, 1);
    });
  });

  it('a second start changes nothing', async () => {
    await withStack({}, async (stack) => {
      const migrations = () => stack.database.query('SELECT * FROM schema_migrations');
      const epoch = () => stack.database.query('SELECT * FROM meta');
      const before = [await migrations(), await epoch()];
      await stack.restartBroker();
      await stack.waitReady();
      assert.deepEqual([await migrations(), await epoch()], before);
    });
  });

  it('a broker refuses a schema that is newer than itself', async () => {
    await withStack({}, async (stack) => {
      await stack.killBroker();
      await stack.database.query(
        `INSERT INTO schema_migrations (version, name, sha256, applied_at) VALUES (999, 'the_future', REPEAT('0', 64), NOW(6))`,
      );
      const broker = await stack.startBroker();
      stack.expectedDead.add(broker);
      const exit = await poll('the broker to refuse', () => broker.exit, { timeoutMs: 30_000 });
      assert.ok(exit.code > 0 && exit.code < 99, JSON.stringify(exit));
      assert.match(broker.output(), /schema 999.*update the program/);
    });
  });
});
