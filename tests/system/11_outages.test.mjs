// MariaDB away, hanging, or the broker away: what still works works, what does not says so in
// bounded time, sockets stay, and everything recovers by itself.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Api, Socket, assertError, makeRoom, uniqueName } from './lib/client.mjs';
import { startStack, withStack } from './lib/stack.mjs';
import { poll } from './lib/wait.mjs';

const TEMPORARY = ['database_unavailable', 'broker_unavailable', 'outcome_unknown', 'overloaded'];

for (const workers of [1, 4]) {
  describe(`outages, workers: ${workers}`, () => {
    let stack;
    let api;
    let owner;
    let member;
    let room;
    before(async () => {
      stack = await startStack({ workers, env: { command_timeout_ms: 3_000 } });
      api = new Api(stack.url);
    });
    after(() => stack?.stop());

    const messages = () => `/api/chat/rooms/${room.id}/messages`;

    async function fresh() {
      ({ owner, room, members: [member] } = await makeRoom(api, 1));
      const sockets = [];
      for (let i = 0; i < 2 * workers; i += 1) sockets.push(await Socket.open(stack.url, room.id, member.token));
      for (const socket of sockets) await socket.settle();
      return sockets;
    }

    async function recovered(sockets) {
      await stack.waitReady();
      await poll('REST to work', async () => {
        for (let i = 0; i < 2 * workers; i += 1) {
          if ((await owner.api.get('/api/chat/rooms')).status !== 200) return false;
          if ((await owner.api.post(messages(), { text: 'after' })).status !== 200) return false;
          if ((await owner.api.get(`/api/chat/rooms/${room.id}/users`)).status !== 200) return false;
        }
        return true;
      }, { timeoutMs: 30_000 });
      for (const socket of sockets) {
        assert.ok(socket.isOpen, `the socket has lived on: ${JSON.stringify(socket.close)}`);
        await socket.say('after');
      }
      await api.user();
      const history = await owner.api.history(room.id);
      for (const socket of sockets) {
        await poll('all messages', () => socket.messages.length >= history.length);
        assert.deepEqual(
          socket.messages.map((message) => message.id), history.map((message) => message.id), 'no gap, no repeat',
        );
        await socket.end();
      }
      return history;
    }

    // Sends that were answered 503 or by an error frame: repeated, each is stored once.
    async function settle(history, failed) {
      for (const { text, client_id } of failed) {
        const answer = await owner.api.post(messages(), { text, client_id });
        assert.equal(answer.status, 200, answer.text);
      }
      const all = await owner.api.history(room.id);
      for (const { text } of failed) {
        assert.equal(all.filter((message) => message.text === text).length, 1, `${text} is there once`);
      }
    }

    it('without MariaDB: reads and logins are 503, sends wait and then fail, and all recovers', async () => {
      const sockets = await fresh();
      const client = await Socket.open(stack.url, room.id, owner.token);
      await client.say('before');
      for (const socket of sockets) await socket.waitFor((frame) => frame.text === 'before');
      await stack.database.kill();
      await poll('not to be ready', async () => (await api.get('/readyz')).status === 503);
      for (let i = 0; i < 2 * workers; i += 1) {
        assert.equal((await api.get('/health')).status, 200);
        const login = { username: owner.username, password: owner.password };
        assertError(await api.post('/api/login', login), 503, 'database_unavailable');
        assertError(
          await api.post('/api/register', { username: uniqueName(), email: `${uniqueName()}@x.org`, password: 'correct horse' }),
          503, 'database_unavailable',
        );
        for (const path of ['/api/chat/rooms', `/api/chat/rooms/${room.id}`, `/api/chat/rooms/${room.id}/users`, messages()]) {
          assertError(await owner.api.get(path), 503, 'database_unavailable');
        }
        const sent = await owner.api.post(messages(), { text: uniqueName('rest'), client_id: uniqueName() });
        assert.ok(TEMPORARY.includes(sent.json?.code), sent.text);
        assertError(sent, 503, sent.json.code);
      }
      const failed = [];
      for (const socket of [client]) {
        const client_id = uniqueName('c');
        const text = uniqueName('away');
        socket.send({ text, client_id });
        const frame = await socket.waitFor((one) => one.type === 'error' && one.client_id === client_id, 30_000);
        assert.ok(TEMPORARY.includes(frame.code), JSON.stringify(frame));
        assert.equal(frame.temporary, true);
        failed.push({ text, client_id });
      }
      await stack.database.start();
      const history = await recovered(sockets);
      await settle(history, failed);
      await client.end();
    });

    it('a send that waits for MariaDB is stored when it comes back in time', async () => {
      const sockets = await fresh();
      const client = await Socket.open(stack.url, room.id, owner.token);
      const patient = await startPatient();
      await client.settle();
      await patient();
      await recovered(sockets);
      await client.end();

      async function startPatient() {
        // The socket is there before; the database comes back well within the command's time-out.
        return async () => {
          await stack.database.kill();
          const client_id = uniqueName('wait');
          client.send({ text: 'patience', client_id });
          await stack.database.start();
          const frame = await client.waitFor(
            (one) => (one.type === 'ack' || one.type === 'error') && one.client_id === client_id, 30_000,
          );
          if (frame.type === 'error') {
            assert.equal(frame.temporary, true, JSON.stringify(frame));
            await poll('the repeat to be stored', async () => {
              const answer = await owner.api.post(messages(), { text: 'patience', client_id });
              return answer.status === 200;
            }, { timeoutMs: 30_000 });
          }
          const history = await owner.api.history(room.id);
          assert.equal(history.filter((message) => message.text === 'patience').length, 1);
        };
      }
    });

    it('a database that hangs is as one that is away, and nothing is stored twice', async () => {
      const sockets = await fresh();
      const client = await Socket.open(stack.url, room.id, owner.token);
      await client.say('before');
      await stack.database.suspend();
      const failed = [];
      try {
        const client_id = uniqueName('c');
        const text = uniqueName('hang');
        client.send({ text, client_id });
        const frame = await client.waitFor((one) => one.type === 'error' && one.client_id === client_id, 40_000);
        assert.equal(frame.temporary, true);
        failed.push({ text, client_id });
        const answer = await owner.api.get(messages(), { timeoutMs: 60_000 });
        assertError(answer, 503, answer.json?.code);
        assert.ok(TEMPORARY.includes(answer.json.code), answer.text);
        for (let i = 0; i < 2 * workers; i += 1) {
          assert.equal((await api.get('/health')).status, 200, 'the loop does not hang');
        }
        assert.ok(client.isOpen);
        await client.settle();
      } finally {
        stack.database.resume();
      }
      const history = await recovered(sockets);
      await settle(history, failed);
      await client.end();
    });

    it('without the broker: reads go on, sends fail in bounded time, and all recovers', async () => {
      const sockets = await fresh();
      const client = await Socket.open(stack.url, room.id, owner.token);
      await client.say('before');
      for (const socket of sockets) await socket.waitFor((frame) => frame.text === 'before');
      await stack.killBroker();
      await poll('not to be ready', async () => (await api.get('/readyz')).status === 503, { timeoutMs: 30_000 });
      assert.equal((await api.get('/readyz')).json.broker, false);
      assert.equal((await api.get('/readyz')).json.database, true);
      const user = await api.user();
      assert.equal((await user.api.get('/api/chat/rooms')).status, 200);
      assert.equal((await owner.api.get(`/api/chat/rooms/${room.id}`)).status, 200);
      assert.equal((await owner.api.get(messages())).json.at(-1).text, 'before');
      assertError(await owner.api.get(`/api/chat/rooms/${room.id}/users`), 503, 'broker_unavailable');
      const failed = [];
      const rest = { text: uniqueName('rest'), client_id: uniqueName('c') };
      const away = (answer) => {
        assert.ok(['broker_unavailable', 'outcome_unknown'].includes(answer.json?.code), answer.text);
        assertError(answer, 503, answer.json.code);
      };
      away(await owner.api.post(messages(), rest));
      failed.push(rest);
      away(await owner.api.post('/api/chat/rooms', { name: 'nowhere' }));
      away(await user.api.post(`/api/chat/rooms/${room.id}/join`));
      const frame = { text: uniqueName('ws'), client_id: uniqueName('c') };
      client.send(frame);
      const error = await client.waitFor((one) => one.type === 'error' && one.client_id === frame.client_id, 30_000);
      assert.ok(['broker_unavailable', 'outcome_unknown'].includes(error.code));
      assert.equal(error.temporary, true);
      failed.push(frame);
      await stack.startBroker();
      const history = await recovered(sockets);
      await settle(history, failed);
      await client.end();
    });

    it('logs out without the broker, and its sockets close all the same', async () => {
      await withStack({ workers, env: { session_check_ms: 1_000 } }, async (brief) => {
        const { room: here, members: [user] } = await makeRoom(new Api(brief.url), 1);
        const sockets = await Promise.all(
          Array.from({ length: 2 * workers }, () => Socket.open(brief.url, here.id, user.token)),
        );
        await Promise.all(sockets.map((socket) => socket.settle()));
        await brief.killBroker();
        const answer = await new Api(brief.url, { token: user.token }).post('/api/logout');
        assert.ok([200, 503].includes(answer.status), answer.text);
        for (const socket of sockets) {
          assert.equal((await socket.waitClosed(40_000)).code, 4001);
        }
        await brief.startBroker();
        await brief.waitReady();
      });
    });

    it('a broker that hangs for a while loses nothing', async () => {
      const sockets = await fresh();
      const client = await Socket.open(stack.url, room.id, owner.token);
      await client.settle();
      await stack.suspendBroker();
      const frames = Array.from({ length: 20 }, (_, i) => ({ text: `hang ${i}`, client_id: uniqueName('c') }));
      for (const frame of frames) client.send(frame);
      const error = await client.waitFor((one) => one.type === 'error', 30_000);
      assert.equal(error.temporary, true);
      stack.resumeBroker();
      const history = await recovered(sockets);
      await settle(history, frames);
      await client.end();
    });
  });
}
