// banterctl over the real processes: accounts, sessions, rooms; what it refuses, and how it says so.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Api, Socket, assertError, makeRoom, socketOnEachWorker, uniqueName } from './lib/client.mjs';
import { ctl } from './lib/ctl.mjs';
import { withStack } from './lib/stack.mjs';

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

describe('banterctl: accounts', () => {
  it('creates, lists, shows, disables, enables and gives passwords', () =>
    withStack({ workers: 2 }, async (stack) => {
      const api = new Api(stack.url);
      const name = uniqueName('zoë');
      const email = `${name}@example.org`;

      // From stdin; the gateway accepts it.
      const made = await ctl(stack, ['user', 'create', name, email, '--password-stdin', '--json'], {
        input: 'secret pw\nnot this\n',
      });
      assert.equal(made.code, 0, made.stderr);
      assert.deepEqual(Object.keys(made.lines[0]), ['id', 'username', 'email']);
      const token = await api.login({ username: name, password: 'secret pw' });

      // The same rules as at registration.
      const again = await ctl(stack, ['user', 'create', name.toUpperCase(), 'x@y', '--generate']);
      assert.equal(again.code, 1);
      assert.match(again.stderr, /Username already exists/);
      assert.equal((await ctl(stack, ['user', 'create', 'x', 'no address', '--generate'])).code, 2);
      assert.equal((await ctl(stack, ['user', 'create', 'a\tb', 'a@b', '--generate'])).code, 2);
      const noTerminal = await ctl(stack, ['user', 'create', 'x', 'x@example.org']);
      assert.equal(noTerminal.code, 2);
      assert.match(noTerminal.stderr, /--password-stdin or --generate/);
      for (const input of ['', 'half\0a password\n', 'x'.repeat(1025), 'short\n', 'Password1\n', 'x@example.org\n']) {
        assert.equal((await ctl(stack, ['user', 'create', 'x', 'x@example.org', '--password-stdin'], { input })).code, 2);
      }

      // Made, and printed once.
      const bot = await ctl(stack, ['user', 'create', 'bot', 'bot@example.org', '--generate', '--json']);
      assert.match(bot.lines[0].password, /^[A-Za-z0-9+/]{20}$/);
      await api.login({ username: 'bot', password: bot.lines[0].password });

      // A name cannot command the operator's terminal; neither C1, as there are no such names any more,
      // nor the marks that turn the direction of what follows, which an account from before may have.
      assert.equal((await ctl(stack, ['user', 'create', 'a\u009b2J', 'a@b', '--generate'])).code, 2);
      const old = await api.register('old');
      await stack.database.query(`UPDATE users SET username = 'a\u202ecba' WHERE id = ${old.id}`);
      const turned = await ctl(stack, ['session', 'revoke', 'a\u202ecba', '--all']);
      assert.equal(turned.stdout, '0 sessions of a\\u202ecba have ended.\n');
      const json = await ctl(stack, ['user', 'show', 'a\u202ecba', '--json']);
      assert.match(json.stdout, /"username":"a\\u202ecba"/);
      assert.equal((await ctl(stack, ['user', 'show', 'nobody\u009b'])).stderr, 'banterctl: there is no user "nobody\\x9b".\n');
      assertError(await api.post('/api/register', { username: 'a\u0085', email: 'c1@example.org', password: 'correct horse' }), 422, 'validation_failed');

      const shown = (await ctl(stack, ['user', 'show', name, '--json'])).lines[0];
      assert.deepEqual(
        { ...shown, created_at: TIME.test(shown.created_at) },
        { id: made.lines[0].id, username: name, email, created_at: true, sessions: 1, rooms: 0, disabled_at: null },
      );
      const listed = await ctl(stack, ['user', 'list', '--search', 'BOT@', '--json']);
      assert.deepEqual(listed.lines.map((user) => user.username), ['bot']);
      const after = await ctl(stack, ['user', 'list', `--after=${made.lines[0].id}`, '--limit=1', '--json']);
      assert.deepEqual(after.lines.map((user) => user.username), ['bot']);
      const table = await ctl(stack, ['user', 'list']);
      assert.match(table.stdout, /^ *ID  NAME +E-MAIL +CREATED +SESSIONS  ROOMS  DISABLED\n/);
      // Columns are aligned by what characters take on a terminal.
      const [head, first, second] = table.stdout.split('\n');
      assert.equal(first.indexOf(email), head.indexOf('E-MAIL'));
      assert.equal(second.indexOf('bot@'), head.indexOf('E-MAIL'));

      // Disabled: told so only with the right password; the session is dead.
      const off = await ctl(stack, ['user', 'disable', name, '--json']);
      assert.equal(off.code, 0, off.stderr);
      assert.deepEqual(off.lines[0], { id: made.lines[0].id, disabled: true, sockets_told: true });
      assertError(await api.post('/api/login', { username: name, password: 'secret pw' }), 403, 'account_disabled');
      assertError(await api.post('/api/login', { username: name, password: 'wrong' }), 401, 'invalid_credentials');
      assertError(await api.as(token).get('/api/chat/rooms'), 401, 'invalid_token');
      assert.match((await ctl(stack, ['user', 'show', name, '--json'])).lines[0].disabled_at, TIME);
      assert.equal((await ctl(stack, ['user', 'enable', name])).code, 0);
      await api.login({ username: name, password: 'secret pw' });

      const reset = await ctl(stack, ['user', 'reset-password', name, '--generate', '--quiet']);
      assert.equal(reset.code, 0, reset.stderr);
      assertError(await api.post('/api/login', { username: name, password: 'secret pw' }), 401, 'invalid_credentials');
      await api.login({ username: name, password: reset.stdout.trim() });

      for (const words of [['show', 'nobody'], ['disable', 'nobody'], ['enable', 'nobody'], ['reset-password', 'nobody', '--generate']]) {
        const told = await ctl(stack, ['user', ...words]);
        assert.equal(told.code, 3, words.join(' '));
        assert.match(told.stderr, /there is no user "nobody"/);
      }
    }));

  it('closes the sockets of a disabled account and of a revoked session on every worker', () =>
    withStack({ workers: 2 }, async (stack) => {
      const api = new Api(stack.url);
      const { owner, room, members } = await makeRoom(api, 1);
      const sockets = await socketOnEachWorker(stack, () => Socket.open(stack.url, room.id, owner.token));
      const other = await Socket.open(stack.url, room.id, members[0].token);
      await Promise.all([...sockets.values()].map((socket) => socket.settle()));
      const begin = process.hrtime.bigint();
      assert.equal((await ctl(stack, ['user', 'disable', owner.username])).code, 0);
      for (const socket of sockets.values()) assert.equal((await socket.waitClosed()).code, 4001);
      const ms = Number(process.hrtime.bigint() - begin) / 1e6;
      console.log(`# every socket was closed ${ms.toFixed(0)} ms after banterctl was started`);
      assert.ok(other.isOpen);

      // One session of two.
      const second = await api.login(members[0]);
      const stays = await Socket.open(stack.url, room.id, second);
      const listed = await ctl(stack, ['session', 'list', members[0].username, '--json']);
      assert.equal(listed.lines.length, 2);
      assert.match(listed.lines[0].id, /^[0-9a-f]{16}$/);
      assert.match(listed.lines[0].expires_at, TIME);
      const gone = await ctl(stack, ['session', 'revoke', members[0].username, listed.lines[0].id]);
      assert.equal(gone.code, 0, gone.stderr);
      assert.equal((await other.waitClosed()).code, 4001);
      await stays.settle();
      assert.equal((await ctl(stack, ['session', 'revoke', members[0].username, listed.lines[0].id])).code, 3);
      assert.equal((await ctl(stack, ['session', 'revoke', members[0].username])).code, 2);
      const all = await ctl(stack, ['session', 'revoke', members[0].username, '--all', '--json']);
      assert.deepEqual(all.lines[0], { ended: 1, sockets_told: true });
      assert.equal((await stays.waitClosed()).code, 4001);

      // Without a broker it says what that means, and it is done all the same.
      const third = await api.login(members[0]);
      await stack.killBroker();
      const alone = await ctl(stack, ['session', 'revoke', members[0].username, '--all']);
      assert.equal(alone.code, 4);
      assert.match(alone.stderr, /within 30 s \(BANTER_SESSION_CHECK_MS/);
      assertError(await api.as(third).get('/api/chat/rooms'), 401, 'invalid_token');
      const unremoved = await ctl(stack, ['room', 'delete', String(room.id), '--yes']);
      assert.equal(unremoved.code, 4);
      assert.match(unremoved.stderr, /no broker answers; the room is as it was/);
    }));
});

describe('banterctl: rooms', () => {
  it('lists, shows and removes', () =>
    withStack({ workers: 2 }, async (stack) => {
      const api = new Api(stack.url);
      const { owner, room, members } = await makeRoom(api, 2);
      await owner.api.createRoom('Other place');
      const socket = await Socket.open(stack.url, room.id, members[0].token, { since: 0 });
      await socket.say('hello');

      const shown = await ctl(stack, ['room', 'show', String(room.id), '--json']);
      const { created_at, last_event_at, ...rest } = shown.lines[0];
      assert.deepEqual(rest, { id: room.id, name: room.name, members: 3, creator: owner.username, head: 4 });
      assert.match(created_at, TIME);
      assert.match(last_event_at, TIME);
      assert.equal((await ctl(stack, ['room', 'list', '--search=oTHER', '--json'])).lines[0].name, 'Other place');
      assert.equal((await ctl(stack, ['room', 'list', '--json'])).lines.length, 2);

      const refused = await ctl(stack, ['room', 'delete', String(room.id)], { input: 'yes\n' });
      assert.equal(refused.code, 5);
      assert.match(refused.stderr, /no terminal to ask at: say --yes/);
      await socket.say('still here');

      const gone = await ctl(stack, ['room', 'delete', String(room.id), '--yes', '--json']);
      assert.equal(gone.code, 0, gone.stderr);
      assert.deepEqual(gone.lines[0], { id: room.id, removed: true });
      await socket.waitType('room_removed');
      const { code } = await socket.waitClosed();
      assert.ok([4003, 4004].includes(code), String(code));
      assertError(await owner.api.get(`/api/chat/rooms/${room.id}`), 404, 'room_not_found');
      for (const words of [['delete', String(room.id), '--yes'], ['show', String(room.id)], ['show', '999999']]) {
        const told = await ctl(stack, ['room', ...words]);
        assert.equal(told.code, 3, told.stderr);
        assert.match(told.stderr, /there is no room/);
      }
      assert.equal((await ctl(stack, ['room', 'show', 'x'])).code, 2);
    }));
});
