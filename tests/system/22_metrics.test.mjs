// The metrics of gateway and broker tell what has happened, over all workers and their deaths.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Api, Socket, makeRoom } from './lib/client.mjs';
import { freePort } from './lib/ports.mjs';
import { withStack } from './lib/stack.mjs';
import { poll } from './lib/wait.mjs';

// {name: value} of the samples without labels, {'name{labels}': value} of the others.
async function read(port, query = '') {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics${query}`, { headers: { connection: 'close' } });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  const text = await answer.text();
  const values = {};
  const types = {};
  for (const [, name, type] of text.matchAll(/^# TYPE (\S+) (counter|gauge|histogram)$/gm)) {
    assert.ok(!(name in types), `one TYPE for ${name}`);
    assert.match(text, new RegExp(`^# HELP ${name} \\S`, 'm'));
    types[name] = type;
  }
  for (const line of text.split('\n').filter((one) => one && !one.startsWith('#'))) {
    const found = /^([a-z_]+)(\{[^}]+(?:\{[^}]*\}[^}]*)*\})? (\S+)$/.exec(line);
    assert.ok(found, `a sample: ${line}`);
    const [, name, labels = '', value] = found;
    assert.ok(!(name + labels in values), `one sample of ${name}${labels}`);
    values[name + labels] = Number(value);
    assert.ok(Number.isFinite(values[name + labels]), line);
    assert.ok(name in types || types[name.replace(/_(bucket|sum|count)$/, '')] === 'histogram', line);
  }
  return values;
}

describe('metrics', () => {
  it('count what happened', async () => {
    const port = await freePort(2);
    await withStack({ workers: 2, env: { admin_listen: `127.0.0.1:${port}` } }, async (stack) => {
      const gateway = () => read(port);
      const broker = () => read(port + 1);
      assert.equal((await fetch(`http://127.0.0.1:${port}/health`)).status, 200);
      const { owner, room, members: [member] } = await makeRoom(new Api(stack.url), 1);
      const before = { gateway: await gateway(), broker: await broker() };
      const sockets = [];
      for (let i = 0; i < 4; i += 1) sockets.push(await Socket.open(stack.url, room.id, member.token));
      await Promise.all(sockets.map((socket) => socket.settle()));
      for (let i = 0; i < 10; i += 1) await sockets[i % 4].say(`${i}`);
      await sockets[0].say('again', 'the same');
      await sockets[1].say('again', 'the same');
      await owner.api.get('/api/chat/rooms');
      await owner.api.get('/nothing');
      await new Api(stack.url).post('/api/login', { username: 'nobody', password: 'x' });
      for (const socket of sockets) await socket.waitFor((frame) => frame.text === 'again');

      const grown = (name, part) => async () => {
        const now = await (part === 'broker' ? broker() : gateway());
        return now[name] - before[part][name];
      };
      const expected = [
        ['banter_ws_opened_total', 'gateway', 4],
        ['banter_ws_open', 'gateway', 4],
        ['banter_ws_messages_received_total', 'gateway', 12],
        ['banter_ws_deliveries_total', 'gateway', 44, Infinity],
        ['banter_http_requests_total', 'gateway', 3, Infinity],
        ['banter_http_client_errors_total', 'gateway', 2],
        ['banter_http_server_errors_total', 'gateway', 0],
        ['banter_logins_refused_total', 'gateway', 1],
        ['banter_commands_total', 'gateway', 12, Infinity],
        ['banter_broker_events_total', 'broker', 11],
        ['banter_broker_duplicates_total', 'broker', 1, Infinity],
        ['banter_broker_batches_total', 'broker', 1, 11],
      ];
      for (const [name, part, least, most = least] of expected) {
        let value;
        await poll(`${name} to have grown by ${least}`, async () => {
          value = await grown(name, part)();
          return value >= least && value <= most;
        }, { timeoutMs: 5_000 }).catch((error) => {
          throw new Error(`${error.message}; it has grown by ${value}`);
        });
      }
      assert.equal((await gateway()).banter_commands_in_flight, 0);
      assert.equal((await broker()).banter_broker_shards, 64);

      for (const socket of sockets) await socket.end();
      await poll('the gauge to go down', async () => (await gateway()).banter_ws_open === 0);
      const total = (await gateway()).banter_ws_messages_received_total;
      await stack.killWorker();
      await stack.waitReady();
      const after = (await gateway()).banter_ws_messages_received_total;
      assert.ok(after >= total, `counters of the dead stay: ${total}, then ${after}`);
    });
  });

  it('an address that is taken is no reason not to serve', async () => {
    const port = await freePort(2);
    await withStack({ workers: 1, env: { admin_listen: `127.0.0.1:${port}` } }, async (one) => {
      await withStack({ workers: 1, env: { admin_listen: `127.0.0.1:${port}` } }, async (two) => {
        await makeRoom(new Api(two.url), 1);
        await makeRoom(new Api(one.url), 1);
      });
    });
  });
});
