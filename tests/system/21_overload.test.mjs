// Full queues: each is a clear, temporary error or back-pressure; nothing is lost, and what has
// nothing to do with it goes on.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { metric } from './lib/bus_keys.mjs';
import { Api, ReliableSender, Socket, assertAllInHistory, assertError, makeRoom, uniqueName } from './lib/client.mjs';
import { freePort } from './lib/ports.mjs';
import { withStack } from './lib/stack.mjs';
import { poll } from './lib/wait.mjs';

// Its gateway's metrics are at .port, its broker's at the next one.
async function withCounts(options, story) {
  const port = await freePort(2);
  const count = (name, at = port) => metric(at, name.replace(/[{}]/g, '\\$&'));
  await withStack({ ...options, env: { ...options.env, admin_listen: `127.0.0.1:${port}` } }, (stack) =>
    story(stack, count, port + 1));
}

describe('full queues', () => {
  it('a flood of logins is 503 where it does not fit, and messages do not wait for it', async () => {
    await withCounts({ workers: 1, env: { scrypt_log2n: 14, scrypt_queue: 4 } }, async (stack, count) => {
      const api = new Api(stack.url);
      const { owner, room } = await makeRoom(api, 0);
      const socket = await Socket.open(stack.url, room.id, owner.token);
      await socket.settle();
      const flood = Promise.all(Array.from({ length: 60 }, () =>
        api.post('/api/login', { username: owner.username, password: 'wrong' })));
      let said = 0;
      let over = false;
      flood.then(() => (over = true));
      while (!over) {
        await socket.say(`${(said += 1)}`);
      }
      const answers = await flood;
      const refused = answers.filter((answer) => answer.status === 503);
      for (const answer of refused) assertError(answer, 503, 'overloaded');
      for (const answer of answers.filter((one) => one.status !== 503)) assertError(answer, 401, 'invalid_credentials');
      assert.ok(refused.length > 0, 'the queue was full');
      assert.equal(await count('scrypt_queue_full_total'), refused.length);
      assert.equal(await count('shed_total{reason="scrypt_queue"}'), refused.length);
      assert.ok(refused.length < answers.length, 'those that fit were answered');
      assert.ok(said > 0, 'messages went through meanwhile');
      assert.match(await api.login(owner), /^[0-9a-f]{64}$/, 'and all is well after it');
      await socket.end();
    });
  });

  it('commands in flight are bounded by not reading on, not by loss', async () => {
    await withStack({ workers: 2, env: { commands_max: 3 } }, async (stack) => {
      const { owner, room, everyone } = await makeRoom(new Api(stack.url), 3);
      const senders = everyone.map((user) => new ReliableSender(stack.url, room.id, user.token, { window: 400, retryMs: 30_000 }));
      await Promise.all(senders.map((sender, s) =>
        sender.send(Array.from({ length: 400 }, (_, i) => `${s}-${i}`))));
      const history = await owner.api.history(room.id);
      assert.equal(history.length, 1_600);
      assertAllInHistory(senders, history);
      for (const sender of senders) assert.deepEqual(sender.errors, [], 'nobody was refused');
      for (const [s, user] of everyone.entries()) {
        const own = history.filter((message) => message.sender_id === user.id).map((message) => message.text);
        assert.deepEqual(own, Array.from({ length: 400 }, (_, i) => `${s}-${i}`), 'in order');
      }
      await Promise.all(senders.map((sender) => sender.stop()));
    });
  });

  it('by REST they are 503, and counted', async () => {
    const env = { commands_max: 3, command_timeout_ms: 600_000 };
    await withCounts({ workers: 1, env }, async (stack, count) => {
      const { owner, room } = await makeRoom(new Api(stack.url), 0);
      const say = (text) => owner.api.post(`/api/chat/rooms/${room.id}/messages`, { text }, { timeoutMs: 60_000 });
      await stack.suspendBroker();
      const waiting = ['a', 'b', 'c'].map(say);
      await poll('three to be under way', async () => (await count('commands_in_flight')) === 3);
      assertError(await say('d'), 503, 'overloaded');
      assertError(await owner.api.post('/api/chat/rooms', { name: 'one more' }), 503, 'overloaded');
      assert.equal(await count('shed_total{reason="commands_in_flight"}'), 2);
      stack.resumeBroker();
      for (const answer of await Promise.all(waiting)) assert.equal(answer.status, 200, answer.text);
      assert.equal((await say('d')).status, 200);
    });
  });

  it('a broker whose queue is full says so, and the sender may repeat', async () => {
    const brokerEnv = { broker_queue_max: 2, batch_max: 1, writers: 1 };
    await withCounts({ workers: 1, brokerEnv }, async (stack, count, broker) => {
      const { owner, room } = await makeRoom(new Api(stack.url), 0);
      const sender = new ReliableSender(stack.url, room.id, owner.token, { window: 100, retryMs: 200 });
      let lock;
      const gap = async () => {
        if (lock) return;
        await sender.socket.settle(); // it is admitted, for which the log is read
        lock = await stack.database.hold('LOCK TABLES events WRITE');
      };
      const sent = sender.send(Array.from({ length: 100 }, (_, i) => `${i}`), { gap });
      await poll('refusals', async () => sender.errors.length > 0 || (await count('broker_overloads_total', broker)) > 0);
      await lock.release();
      await sent;
      assert.ok(sender.errors.length > 0, 'the sender was told');
      assert.ok((await count('broker_overloads_total', broker)) >= sender.errors.length);
      assert.equal(await count('shed_total{reason="broker_queue"}', broker), await count('broker_overloads_total', broker));
      for (const error of sender.errors) {
        assert.equal(error.code, 'overloaded');
        assert.equal(error.temporary, true);
      }
      const history = await owner.api.history(room.id);
      assert.equal(history.length, 100);
      assertAllInHistory([sender], history);
      await sender.stop();
    });
  });

  it('more reads than the queue holds are 503, and it recovers', async () => {
    await withStack({ workers: 1, env: { db_threads: 1, db_queue: 2 } }, async (stack) => {
      const { owner } = await makeRoom(new Api(stack.url), 0);
      const answers = await Promise.all(Array.from({ length: 200 }, () => owner.api.get('/api/chat/rooms')));
      for (const answer of answers) {
        if (answer.status === 200) continue;
        assertError(answer, 503, 'overloaded');
      }
      assert.ok(answers.some((answer) => answer.status === 200));
      await poll('it to recover', async () => (await owner.api.get('/api/chat/rooms')).status === 200);
    });
  });

  it('sockets that wait to be admitted take no place from requests', async () => {
    await withCounts({ workers: 1, env: { db_queue: 2 } }, async (stack, count) => {
      const { owner, room, members: [crowd] } = await makeRoom(new Api(stack.url), 1);
      const lock = await stack.database.hold('LOCK TABLES sessions WRITE');
      const sockets = await Promise.all(Array.from({ length: 200 }, () => Socket.open(stack.url, room.id, crowd.token)));
      // The first is asked for by itself, 32 behind it together; the rest waits.
      await poll('the others to wait', async () => (await count('db_queue')) >= 167);
      const asked = owner.api.get('/api/chat/rooms', { timeoutMs: 60_000 });
      await poll('the request to wait, too', async () => (await count('db_queue')) >= 168);
      await lock.release();
      assert.equal((await asked).status, 200);
      await Promise.all(sockets.map((socket) => socket.settle()));
      assert.equal(await count('db_queue_full_total'), 0);
      await Promise.all(sockets.map((socket) => socket.end()));
    });
  });

  it('logins that the queue for the database does not hold are 503, and counted', async () => {
    await withCounts({ workers: 1, env: { db_threads: 1, db_queue: 2 } }, async (stack, count) => {
      const api = new Api(stack.url);
      const { owner } = await makeRoom(api, 0);
      const login = () => api.post('/api/login', { username: owner.username, password: owner.password });
      const lock = await stack.database.hold('LOCK TABLES users WRITE');
      const answers = [];
      const asked = Promise.all(Array.from({ length: 10 }, () => login().then((answer) => answers.push(answer))));
      await poll('those that do not fit to be refused', () => answers.length >= 7);
      await lock.release();
      await asked;
      const refused = answers.filter((answer) => answer.status === 503);
      assert.ok(refused.length >= 7);
      for (const answer of refused) assertError(answer, 503, 'overloaded');
      for (const answer of answers) assert.ok([200, 503].includes(answer.status), answer.text);
      assert.equal(await count('db_queue_full_total'), refused.length);
      assert.equal(await count('shed_total{reason="db_queue"}'), refused.length);
      assert.match(await api.login(owner), /^[0-9a-f]{64}$/, 'and all is well after it');
    });
  });

  it('one slow reader holds up nobody', async () => {
    await withStack({ workers: 1, env: { send_queue_bytes: 8_192 } }, async (stack) => {
      const { owner, room, members: [slow, quick] } = await makeRoom(new Api(stack.url), 2);
      const stuck = await Socket.open(stack.url, room.id, slow.token);
      const socket = await Socket.open(stack.url, room.id, quick.token);
      await stuck.settle();
      await socket.settle();
      stuck.ws.pause();
      const sender = new ReliableSender(stack.url, room.id, owner.token, { window: 100, retryMs: 30_000 });
      await sender.send(Array.from({ length: 1_000 }, (_, i) => `${i} ${'x'.repeat(3_000)}`));
      await poll('the quick one to have all', () => socket.messages.length === 1_000, { timeoutMs: 30_000 });
      assert.ok(stuck.messages.length < 1_000, 'the slow one has not');
      stuck.ws.resume();
      await poll('the slow one to have all', () => stuck.messages.length === 1_000, { timeoutMs: 30_000 });
      assert.deepEqual(stuck.messages, socket.messages);
      for (const one of [stuck, socket, sender]) await (one.end ?? one.stop).call(one);
    });
  });

  it('texts that name settings may come from files', async () => {
    const fs = await import('node:fs');
    const os = await import('node:os');
    const path = await import('node:path');
    const file = path.join(os.tmpdir(), uniqueName('banter-setting-'));
    fs.writeFileSync(file, 'warn\n', { mode: 0o600 });
    try {
      await withStack({ workers: 1, gatewayEnv: { log_level_file: file, log_level: '' } }, async (stack) => {
        assert.doesNotMatch(stack.gateways[0].output(), / info /);
      });
    } finally {
      fs.rmSync(file);
    }
  });
});
