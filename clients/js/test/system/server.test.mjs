// The package against the real processes: a story, and everything that can be killed under it.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { binary, closeAll, isLive, listen, person, poll, run, texts, throughTrouble, withStack } from './world.mjs';

describe('the package and a server', () => {
  it('from registering to deleting the account', () =>
    withStack({ workers: 2 }, async (stack) => {
      const [ada, bob] = [await person(stack.url), await person(stack.url)];
      await assert.rejects(ada.register({ ...ada.me, email: 'other@example.org' }), { code: 'username_taken', status: 400, temporary: false });
      await assert.rejects(ada.login({ username: ada.me.username, password: 'no' }), { code: 'invalid_credentials' });
      await assert.rejects(ada.createRoom(''), { code: 'validation_failed', field: 'name' });
      const room = await ada.createRoom('Lighthouse');
      for (const name of ['b', 'c', 'd']) await bob.createRoom(name);
      const first = await bob.listRooms({ limit: 2 });
      assert.equal(first.items.length, 2);
      assert.ok(first.next);
      const all = [];
      for await (const each of bob.rooms({ limit: 2 })) all.push(each.name);
      assert.deepEqual(all, ['Lighthouse', 'b', 'c', 'd']);
      await assert.rejects(bob.listMessages(room.id), { code: 'not_a_member', status: 403 });
      await bob.joinRoom(room.id);
      await assert.rejects(bob.joinRoom(room.id), { code: 'already_member' });
      assert.deepEqual((await bob.listMembers(room.id)).items.map(({ id, is_online }) => [id, is_online]), [[ada.me.id, false], [bob.me.id, false]]);

      const seen = listen(bob, room.id);
      const typing = [];
      const presence = [];
      bob.on('typing', (event) => typing.push(event.user_id));
      bob.on('presence', (event) => presence.push([event.user_id, event.action]));
      await bob.connect();
      assert.deepEqual(bob.user, { id: bob.me.id, username: bob.me.username });
      await isLive(bob, room.id);
      // Without a connection it goes by POST; with one, by the socket.
      assert.equal((await ada.room(room.id).send('one')).id, 3);
      await ada.connect();
      ada.room(room.id).subscribe();
      await isLive(ada, room.id);
      const two = await ada.room(room.id).send('two', { clientId: 'same' });
      const again = await ada.room(room.id).send('two', { clientId: 'same' });
      assert.deepEqual([two.id, two.duplicate, again.id, again.duplicate], [4, false, 4, true]);
      ada.room(room.id).typing();
      await poll('bob to hear all of it', () => texts(seen).length === 2 && typing.includes(ada.me.id) && presence.some(([id]) => id === ada.me.id));
      assert.deepEqual(texts(seen), ['one', 'two']);
      await assert.rejects(ada.room(room.id).send('x'.repeat(4_001)), { code: 'message_too_long' });

      for (let i = 0; i < 7; i += 1) await ada.room(room.id).send(`more ${i}`);
      const back = [];
      for await (const message of bob.messages(room.id, { limit: 3 })) back.push(message.id);
      assert.deepEqual(back, [11, 10, 9, 8, 7, 6, 5, 4, 3]);
      const on = [];
      for await (const message of bob.messages(room.id, { limit: 2, after: 5 })) on.push(message.id);
      assert.deepEqual(on, [6, 7, 8, 9, 10, 11]);
      assert.deepEqual((await bob.listMessages(room.id, { before: 5, limit: 1 })).items.map(({ id }) => id), [4]);

      const ended = new Promise((resolve) => bob.on('ended', resolve));
      await bob.leaveRoom(room.id);
      assert.deepEqual(await ended, { room_id: room.id, reason: 'removed', code: 4003 });
      await assert.rejects(bob.room(room.id).send('gone'), { name: 'SendError', code: 'not_a_member' });
      const audit = await ada.verify(room.id);
      assert.deepEqual([audit.first_seq, audit.last_seq, audit.count, audit.holes], [1, 12, 12, 0]);

      const { firstToken } = ada;
      await ada.logout();
      assert.equal(ada.state.name, 'idle');
      ada.setToken(firstToken);
      await assert.rejects(ada.connect(), { code: 'signed_out' });
      await bob.deleteAccount();
      closeAll(ada, bob);
    }));

  it('says whose a connection is in each of its ways', () =>
    withStack({ workers: 2, gatewayEnv: { access_log: 1 } }, async (stack) => {
      for (const socketAuth of ['protocol', 'ticket', 'url', undefined]) {
        const ada = await person(stack.url, { socketAuth, eventStream: 'never' });
        const room = await ada.createRoom('Lighthouse');
        ada.room(room.id).subscribe();
        await ada.connect();
        await isLive(ada, room.id);
        const before = ada.stats.connections;
        await stack.killWorker().catch(() => {});
        for (const pid of stack.workers()) await stack.killWorker(pid).catch(() => {});
        await poll('it to be back', () => ada.stats.connections > before, { timeoutMs: 30_000 });
        await isLive(ada, room.id);
        ada.setToken('ab'.repeat(32));
        for (const pid of stack.workers()) await stack.killWorker(pid).catch(() => {});
        await poll('it to be signed out', () => ada.state.name === 'signed-out', { timeoutMs: 30_000 });
        closeAll(ada);
      }
    }));

  it('a worker killed, again and again', () =>
    withStack({ workers: 2 }, (stack) =>
      throughTrouble(stack, async ({ ada, bob, id }) => {
        for (let i = 0; i < 3; i += 1) {
          const before = ada.stats.connections + bob.stats.connections;
          for (const pid of stack.workers()) await stack.killWorker(pid).catch(() => {});
          await poll('them to be back', () => ada.stats.connections + bob.stats.connections >= before + 2, { timeoutMs: 30_000 });
          await Promise.all([isLive(ada, id), isLive(bob, id)]);
        }
      })));

  it('the broker killed', () =>
    withStack({ workers: 2 }, (stack) =>
      throughTrouble(stack, async () => {
        for (let i = 0; i < 2; i += 1) await stack.restartBroker();
      })));

  it('MariaDB killed and started again', () =>
    withStack({ workers: 1 }, (stack) =>
      throughTrouble(stack, async () => {
        await stack.database.kill();
        await stack.database.start();
      })));

  it('the gateway drained with 1012 and started again', () =>
    withStack({ workers: 2 }, async (stack) => {
      const states = [];
      await throughTrouble(stack, async ({ ada, id }) => {
        ada.on('state', (state) => states.push(state));
        const gateway = stack.gateways[0];
        stack.expectedDead.add(gateway);
        assert.equal((await gateway.end('SIGTERM')).code, 0);
        await stack.startGateway();
        await isLive(ada, id);
      });
      assert.equal(states.find(({ name }) => name === 'waiting').last.code, 1012);
    }));

  it('a session that is ended elsewhere', () =>
    withStack({ workers: 2 }, async (stack) => {
      const ada = await person(stack.url);
      const elsewhere = await person(stack.url, { token: ada.firstToken });
      elsewhere.setToken(ada.firstToken);
      await ada.connect();
      const told = new Promise((resolve) => ada.on('signed-out', resolve));
      await elsewhere.logout();
      assert.deepEqual(await told, { code: 4001, reason: 'Session ended' });
      assert.equal(ada.state.name, 'signed-out');
      await assert.rejects(ada.getRoom(1), { code: 'invalid_token' });
      // Who logs in again goes on.
      await ada.login({ username: ada.me.username, password: ada.me.password });
      await ada.connect();
      closeAll(ada, elsewhere);
    }));

  it('a change of the password, and the end of other sessions', () =>
    withStack({ workers: 2 }, async (stack) => {
      const ada = await person(stack.url);
      const { username, password } = ada.me;
      const elsewhere = await person(stack.url);
      await elsewhere.login({ username, password });
      await elsewhere.connect();
      const told = new Promise((resolve) => elsewhere.on('signed-out', resolve));
      assert.deepEqual((await ada.listSessions()).map(({ current }) => current), [false, true]);
      const change = (current_password, new_password) => ada.changePassword({ current_password, new_password });
      await assert.rejects(change('no', 'a clearer lamp'), { code: 'wrong_password', status: 403, field: 'current_password' });
      await assert.rejects(change(password, 'short'), { code: 'password_too_short', field: 'new_password' });
      assert.equal(await change(password, 'a clearer lamp'), 1);
      assert.deepEqual(await told, { code: 4001, reason: 'Session ended' });
      await assert.rejects(elsewhere.login({ username, password }), { code: 'invalid_credentials' });

      await elsewhere.login({ username, password: 'a clearer lamp' });
      const [other] = await ada.listSessions();
      assert.equal(other.current, false);
      await ada.endSession(other.id);
      await assert.rejects(ada.endSession(other.id), { code: 'session_not_found' });
      await assert.rejects(elsewhere.getRoom(1), { code: 'invalid_token' });
      await elsewhere.login({ username, password: 'a clearer lamp' });
      assert.equal(await ada.endOtherSessions(), 1);
      assert.deepEqual((await ada.listSessions()).map(({ current }) => current), [true]);
      closeAll(ada, elsewhere);
    }));

  it('a log that was restored', () =>
    withStack({ workers: 1 }, async (stack) => {
      const ada = await person(stack.url);
      const { id } = await ada.createRoom('restored');
      const seen = listen(ada, id, { since: 0 });
      await ada.connect();
      await ada.room(id).send('before');
      await isLive(ada, id);
      const reset = new Promise((resolve) => ada.on('reset', resolve));
      await stack.killBroker();
      const told = await run(binary('banterctl'), ['new-epoch'], { env: { ...process.env, BANTER_DATABASE_URL: stack.database.url } });
      assert.equal(told.code, 0, told.stderr);
      await stack.startBroker();
      const { room_id, reason, previous } = await reset;
      assert.deepEqual({ room_id, reason, seq: previous.seq }, { room_id: id, reason: 'log_restored', seq: 2 });
      await ada.room(id).send('after');
      await poll('it to come', () => texts(seen).includes('after'));
      assert.deepEqual(texts(seen), ['before', 'after']);
      ada.close();
    }));
});
