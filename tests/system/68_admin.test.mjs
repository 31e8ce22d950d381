// The admin listeners of gateway and broker: what they answer, and what they say while parts are away.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Api, Socket, makeRoom } from './lib/client.mjs';
import { EventStream } from './lib/event_stream.mjs';
import { freePort } from './lib/ports.mjs';
import { startStack } from './lib/stack.mjs';
import { poll } from './lib/wait.mjs';

describe('the admin listeners', () => {
  let stack;
  let gateway;
  let broker;

  const get = async (base, path, options = {}) => {
    const answer = await fetch(base + path, { ...options, headers: { connection: 'close' } });
    const text = await answer.text();
    return { status: answer.status, type: answer.headers.get('content-type'), length: answer.headers.get('content-length'), text };
  };
  const json = async (base, path) => JSON.parse((await get(base, path)).text);
  const ready = async (base) => {
    const { status, text } = await get(base, '/readyz');
    return { status, ...JSON.parse(text) };
  };
  const sample = async (base, name) => {
    const { text } = await get(base, '/metrics');
    const line = text.split('\n').find((one) => one.startsWith(`${name} `));
    return line === undefined ? undefined : Number(line.slice(name.length + 1));
  };
  const sumOf = async (base, start) => {
    const { text } = await get(base, '/metrics');
    return text.split('\n').filter((one) => one.startsWith(start)).reduce((sum, one) => sum + Number(one.split(' ').at(-1)), 0);
  };

  before(async () => {
    const port = await freePort(2);
    stack = await startStack({ workers: 2, env: { admin_listen: `127.0.0.1:${port}`, scrypt_threads: 2 } });
    gateway = `http://127.0.0.1:${port}`;
    broker = `http://127.0.0.1:${port + 1}`;
  });
  after(() => stack?.stop());

  it('answers at its paths only, and to GET and HEAD only', async () => {
    for (const base of [gateway, broker]) {
      for (const path of ['/healthz', '/health', '/livez']) {
        const { status, type, text } = await get(base, path);
        assert.deepEqual([status, type, JSON.parse(text)], [200, 'application/json', { status: 'healthy' }]);
      }
      assert.equal((await get(base, '/metrics')).type, 'text/plain; version=0.0.4; charset=utf-8');
      assert.equal((await get(base, '/workers.json')).type, 'application/json');
      for (const path of ['/', '/metric', '/metrics/', '/api/login']) assert.equal((await get(base, path)).status, 404);
      const head = await get(base, '/healthz', { method: 'HEAD' });
      assert.deepEqual([head.status, head.text, head.length], [200, '', '20']);
      const post = await get(base, '/metrics', { method: 'POST' });
      assert.ok(post.status >= 400, `POST: ${post.status}`);
    }
  });

  it('is ready while all is there', async () => {
    await poll('both to be ready', async () => {
      assert.deepEqual(await ready(gateway), { status: 200, ready: true, database: true, broker: true, draining: false });
      assert.deepEqual(await ready(broker), { status: 200, ready: true, database: true, leases: true });
      return true;
    });
  });

  it('tells each process of the others', async () => {
    const list = await json(gateway, '/workers.json');
    assert.equal(list.program, 'gateway');
    assert.match(list.version, /^\d+\.\d+\.\d+/);
    const names = list.processes.map(({ process }) => process).sort();
    assert.deepEqual(names, ['admin', 'master', 'w0', 'w1']);
    assert.equal(new Set(list.processes.map(({ slot }) => slot)).size, 4);
    const workers = list.processes.filter(({ process }) => process.startsWith('w'));
    assert.deepEqual(workers.map(({ pid }) => pid).sort(), stack.workers().filter((pid) => workers.some((one) => one.pid === pid)).sort());
    for (const worker of workers) {
      assert.equal(worker.gauges.workers, 1);
      assert.ok(worker.rss_bytes > 1_000_000 && worker.open_fds > 5 && worker.max_fds >= worker.open_fds);
      assert.ok(worker.uptime_s > 0 && worker.starts === 1 && worker.cpu_seconds >= 0);
      assert.ok('http_requests_total' in worker.counters && 'delivery_seconds' in worker.histograms);
      assert.ok(!('broker_shards' in worker.gauges));
    }
    const { processes: [only], ...rest } = await json(broker, '/workers.json');
    assert.equal(rest.program, 'broker');
    assert.equal(only.process, 'broker');
    assert.equal(only.gauges.broker_shards, 64);
    assert.ok(!('ws_open' in only.gauges));
  });

  it('shows each process by itself', async () => {
    const { text } = await get(gateway, '/metrics?by=process');
    assert.match(text, /^banter_workers\{process="w0",slot="\d+"\} 1$/m);
    assert.match(text, /^banter_workers\{process="w1",slot="\d+"\} 1$/m);
    assert.match(text, /^process_open_fds\{process="w1",slot="\d+"\} \d+$/m);
    assert.match(text, /^process_start_time_seconds\{process="master",slot="\d+"\} [\d.]+$/m);
  });

  it('counts by route, kind and result, and takes times', async () => {
    const { owner, room, members: [member] } = await makeRoom(new Api(stack.url), 1);
    const one = await Socket.open(stack.url, room.id, owner.token);
    const other = await Socket.open(stack.url, room.id, member.token);
    const stream = await EventStream.open(stack.url, `/api/chat/rooms/${room.id}/events`, { token: owner.token });
    await one.settle();
    await other.settle();
    for (let i = 0; i < 5; i += 1) await one.say(`message ${i}`);
    await other.waitFor((frame) => frame.text === 'message 4');
    await owner.api.get(`/api/chat/rooms/${room.id}`);
    await owner.api.get('/api/chat/rooms/999999999');
    await owner.api.post(`/api/chat/rooms/${room.id}/join`);
    await owner.api.get('/nowhere');
    await owner.api.get('/docs/');
    const route = (method, path, status) =>
      `banter_http_responses_total{method="${method}",route="${path}",status="${status}"}`;
    const least = [
      [gateway, route('GET', '/api/chat/rooms/{room_id}', 200), 1],
      [gateway, route('GET', '/api/chat/rooms/{room_id}', 404), 1],
      [gateway, route('POST', '/api/chat/rooms/{room_id}/join', 400), 1],
      [gateway, route('', '(none)', 404), 1],
      [gateway, route('GET', '(file)', 200), 1],
      [gateway, route('GET', '/ws/chat/{room_id}', 101), 2],
      [gateway, route('GET', '/api/chat/rooms/{room_id}/events', 200), 1],
      [gateway, 'banter_http_request_duration_seconds_count{method="GET",route="/api/chat/rooms/{room_id}"}', 2],
      [gateway, 'banter_command_results_total{kind="message",result="ok"}', 5],
      [gateway, 'banter_command_results_total{kind="join",result="already_member"}', 1],
      [gateway, 'banter_command_duration_seconds_count', 6],
      [gateway, 'banter_pool_wait_seconds_count{pool="db"}', 1],
      [gateway, 'banter_pool_wait_seconds_count{pool="scrypt"}', 1],
      [gateway, 'banter_delivery_seconds_count', 5],
      [gateway, 'banter_event_streams', 1],
      [gateway, 'banter_ws_open', 2],
      [gateway, 'banter_sessions_held', 2],
      [broker, 'banter_broker_command_results_total{kind="message",result="ok"}', 5],
      [broker, 'banter_broker_command_results_total{kind="join",result="already_member"}', 1],
      [broker, 'banter_broker_commit_seconds_count', 1],
      [broker, 'banter_broker_batch_commands_sum', 6],
      [broker, 'banter_broker_queue_wait_seconds_count', 6],
    ];
    for (const [base, name, count] of least) {
      let value;
      await poll(`${name} to be ${count}`, async () => {
        value = await sample(base, name);
        return value >= count;
      }).catch((error) => { throw new Error(`${error.message}; it is ${value}`); });
    }
    // What was told is what was answered: by route, by result and as a whole.
    await poll('the sums to agree', async () =>
      (await sumOf(gateway, 'banter_http_responses_total{')) === (await sample(gateway, 'banter_http_requests_total')));
    assert.ok((await sample(gateway, 'banter_delivery_seconds_sum')) < 5 * 60, 'in seconds, not in microseconds');
    stream.destroy();
    await one.end();
    await other.end();
    await poll('all gauges to go down', async () =>
      (await sample(gateway, 'banter_ws_open')) === 0 && (await sample(gateway, 'banter_event_streams')) === 0 &&
      (await sample(gateway, 'banter_sessions_held')) === 0 && (await sample(gateway, 'banter_ws_queue_bytes')) === 0);
  });

  it('a worker that dies is counted; what it has counted stays', async () => {
    const total = await sample(gateway, 'banter_http_requests_total');
    const deaths = await sample(gateway, 'banter_worker_deaths_total');
    await stack.killWorker();
    await stack.waitReady();
    await poll('the death', async () => (await sample(gateway, 'banter_worker_deaths_total')) === deaths + 1);
    assert.ok((await sample(gateway, 'banter_http_requests_total')) >= total);
    await poll('its successor', async () => (await sample(gateway, 'banter_workers')) === 2);
  });

  it('workers that are replaced leave their counters, and nothing else', async () => {
    const total = await sample(gateway, 'banter_http_requests_total');
    const deaths = await sample(gateway, 'banter_worker_deaths_total');
    const deliveries = await sample(gateway, 'banter_ws_deliveries_total');
    for (let round = 0; round < 3; round += 1) {
      const before = stack.workers();
      stack.gateways[0].kill('SIGHUP');
      await poll('other workers', async () => {
        const { processes } = await json(gateway, '/workers.json');
        const workers = processes.filter(({ process }) => process.startsWith('w'));
        return workers.length === 2 && workers.every(({ pid, gauges }) => !before.includes(pid) && gauges.workers === 1 && gauges.workers_draining === 0);
      }, { timeoutMs: 20_000 });
      assert.ok((await sample(gateway, 'banter_http_requests_total')) >= total);
      assert.equal(await sample(gateway, 'banter_workers'), 2);
      assert.equal(await sample(gateway, 'banter_workers_draining'), 0);
    }
    await stack.waitReady();
    assert.ok((await sample(gateway, 'banter_http_requests_total')) > total);
    assert.equal(await sample(gateway, 'banter_ws_deliveries_total'), deliveries);
    assert.equal(await sample(gateway, 'banter_worker_deaths_total'), deaths, 'a reload is no death');
  });

  it('says that the broker is away, and that it is back', async () => {
    await stack.killBroker();
    await poll('the broker to be missed', async () => {
      const { status, ready: is, broker: there, database } = await ready(gateway);
      return status === 503 && !is && !there && database;
    });
    await stack.startBroker();
    await poll('it to be back', async () => (await ready(gateway)).status === 200);
    await poll('its leases', async () => (await ready(broker)).status === 200);
  });

  it('says that the database is away, and that it is back', async () => {
    await stack.database.kill();
    await poll('the gateway to miss it', async () => {
      const { status, database } = await ready(gateway);
      return status === 503 && !database;
    }, { timeoutMs: 30_000 });
    await poll('the broker to miss it', async () => {
      const { status, database } = await ready(broker);
      return status === 503 && !database;
    }, { timeoutMs: 30_000 });
    await stack.database.start();
    await poll('both to be back', async () =>
      (await ready(gateway)).status === 200 && (await ready(broker)).status === 200, { timeoutMs: 30_000 });
  });
});
