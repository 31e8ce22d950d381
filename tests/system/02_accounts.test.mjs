// Accounts: register, login, logout, delete; every row of the API's table and every error.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { Api, Socket, assertEnvelope, assertError, makeRoom, uniqueName } from './lib/client.mjs';
import { WORKER_COUNTS, startStack } from './lib/stack.mjs';
import { poll } from './lib/wait.mjs';

const sha256 = (data) => createHash('sha256').update(data).digest('hex').toUpperCase();

for (const workers of WORKER_COUNTS) {
  describe(`accounts, workers: ${workers}`, () => {
    let stack;
    let api;
    before(async () => {
      stack = await startStack({ workers });
      api = new Api(stack.url);
    });
    after(() => stack?.stop());

    const account = (fields = {}) => {
      const username = uniqueName('acc');
      return { username, email: `${username}@example.org`, password: 'correct horse', ...fields };
    };
    const register = (fields) => api.post('/api/register', account(fields));

    async function assertDeadEverywhere(token) {
      // Each request may reach another worker.
      for (let i = 0; i < 4 * workers; i += 1) {
        const answer = await api.get('/api/chat/rooms', { token });
        assertError(answer, 401, 'invalid_token', 'Invalid or expired token');
      }
    }

    it('registers', async () => {
      const body = account();
      const answer = await api.post('/api/register', body);
      assert.equal(answer.status, 200);
      assert.ok(Number.isSafeInteger(answer.json.id) && answer.json.id > 0);
      assert.deepEqual(answer.json, { id: answer.json.id, username: body.username, email: body.email });
    });

    it('gives each account another id', async () => {
      const answers = await Promise.all(Array.from({ length: 10 }, () => register()));
      assert.equal(new Set(answers.map((answer) => answer.json.id)).size, 10);
    });

    it('refuses a name that is taken, whatever its case', async () => {
      const first = account();
      assert.equal((await api.post('/api/register', first)).status, 200);
      for (const username of [first.username, first.username.toUpperCase()]) {
        assertError(await register({ username }), 400, 'username_taken', 'Username already exists');
      }
    });

    it('refuses an e-mail address that is taken, whatever its case', async () => {
      const first = account();
      assert.equal((await api.post('/api/register', first)).status, 200);
      for (const email of [first.email, first.email.toUpperCase()]) {
        assertError(await register({ email }), 400, 'email_taken', 'Email already exists');
      }
    });

    it('names the user name first when both are taken', async () => {
      const first = account();
      assert.equal((await api.post('/api/register', first)).status, 200);
      assertError(await api.post('/api/register', first), 400, 'username_taken');
    });

    it('lets one of many who want the same name have it', async () => {
      const username = uniqueName('race');
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, i) => register({ username, email: `${username}${i}@example.org` })),
      );
      assert.equal(answers.filter((answer) => answer.status === 200).length, 1);
      for (const answer of answers.filter((other) => other.status !== 200)) {
        assertError(answer, 400, 'username_taken');
      }
    });

    it('takes the longest and the strangest of names', async () => {
      const names = ['x', '\u{1F600}'.repeat(61) + uniqueName('').slice(-3), 'Ærøskøbing ' + uniqueName(),
        "Robert'); DROP TABLE users;-- " + uniqueName(), '<b>' + uniqueName(), 'in ner ' + uniqueName(), '漢字' + uniqueName()];
      for (const username of names) {
        const body = account({ username });
        const answer = await api.post('/api/register', body);
        assert.equal(answer.status, 200, `${username}: ${answer.text}`);
        assert.equal(answer.json.username, username);
        const login = await api.post('/api/login', { username, password: body.password });
        assert.equal(login.status, 200, username);
      }
    });

    it('counts characters, not bytes, and says which field does not fit', async () => {
      const local = (length) => uniqueName('m').padEnd(length, 'x');
      const good = [
        { username: local(64) },
        { email: `${local(64)}@${'long.'.repeat(35)}example.org` },
        { password: 'eightcha' },
        { password: 'xy'.repeat(512) },
        { password: '\u{1F511}'.repeat(256) },
        { email: `a@${uniqueName('h').replaceAll('_', '-')}` },
      ];
      for (const fields of good) {
        const answer = await register(fields);
        assert.equal(answer.status, 200, `${JSON.stringify(fields).slice(0, 90)}: ${answer.text}`);
      }
      const bad = [
        ['username', ''],
        ['username', local(65)],
        ['username', '\u{1F600}'.repeat(65)],
        ['username', 'a\u0007b'],
        ['username', 'a\nb'],
        ['username', 'a\u007fb'],
        ['username', ' a'],
        ['username', 'a\u202eb'],
        ['username', 'a\u200bb'],
        ['email', ''],
        ['email', 'nobody'],
        ['email', '@example.org'],
        ['email', 'nobody@'],
        ['email', `${local(65)}@example.org`],
        ['email', 'a@b@c'],
        ['password', 'xy'.repeat(512) + 'x'],
        ['password', '\u{1F511}'.repeat(257)],
      ];
      for (const [field, value] of bad) {
        const answer = assertError(await register({ [field]: value }), 422, 'validation_failed');
        assert.equal(answer.json.data?.field, field, answer.text);
        assert.match(answer.json.message, new RegExp(field));
      }
    });

    it('ignores fields that it does not know', async () => {
      const answer = await register({ id: 1, admin: true, nested: { a: [1, 2] } });
      assert.equal(answer.status, 200);
      assert.deepEqual(Object.keys(answer.json).sort(), ['email', 'id', 'username']);
    });

    it('logs in', async () => {
      const body = account();
      await api.post('/api/register', body);
      const answer = await api.post('/api/login', { username: body.username, password: body.password });
      const data = assertEnvelope(answer);
      assert.deepEqual(Object.keys(data).sort(), ['access_token', 'token_type']);
      assert.equal(data.token_type, 'bearer');
      assert.match(data.access_token, /^[0-9a-f]{64}$/);
      assert.match(answer.headers['cache-control'] ?? '', /no-store/);
      assert.equal((await api.get('/api/chat/rooms', { token: data.access_token })).status, 200);
    });

    it('tells nobody whether the name or the password was wrong', async () => {
      const body = account();
      await api.post('/api/register', body);
      const wrong = await api.post('/api/login', { username: body.username, password: 'wrong' });
      const unknown = await api.post('/api/login', { username: uniqueName('nobody'), password: 'wrong' });
      assertError(wrong, 401, 'invalid_credentials', 'Invalid credentials');
      assertError(unknown, 401, 'invalid_credentials', 'Invalid credentials');
      assert.equal(wrong.text, unknown.text);
      for (const password of [body.password.toUpperCase(), `${body.password} `, body.password.slice(0, -1)]) {
        assertError(await api.post('/api/login', { username: body.username, password }), 401, 'invalid_credentials');
      }
    });

    it('makes a token of its own for every login', async () => {
      const user = await api.register();
      const [one, two] = [await api.login(user), await api.login(user)];
      assert.notEqual(one, two);
      assertEnvelope(await api.post('/api/logout', undefined, { token: one }));
      await assertDeadEverywhere(one);
      assert.equal((await api.get('/api/chat/rooms', { token: two })).status, 200);
    });

    it('stores neither password nor token', async () => {
      const user = await api.user();
      const [[hash]] = await stack.database.query(
        `SELECT password_hash FROM users WHERE id = ${user.id}`,
      );
      assert.match(hash, /^\$s1\$/, 'scrypt');
      const rows = await stack.database.query(
        `SELECT HEX(token_hash) FROM sessions WHERE user_id = ${user.id}`,
      );
      const stored = rows.flat();
      assert.equal(stored.length, 1);
      assert.ok(
        [sha256(user.token), sha256(Buffer.from(user.token, 'hex'))].includes(stored[0]),
        'the SHA-256 of the token',
      );
    });

    it('logs out: the token is dead at once, on every worker', async () => {
      const user = await api.user();
      const data = assertEnvelope(await user.api.post('/api/logout'));
      assert.equal(data, null);
      await assertDeadEverywhere(user.token);
      assertError(await user.api.post('/api/logout'), 401, 'invalid_token');
      assert.match(await api.login(user), /^[0-9a-f]{64}$/, 'a new login works');
    });

    it('ends a session whose time is over', async () => {
      const user = await api.user();
      await stack.database.query(`UPDATE sessions SET expires_at_us = 1 WHERE user_id = ${user.id}`);
      await assertDeadEverywhere(user.token);
    });

    it('wants a token for everything else', async () => {
      const calls = [
        ['POST', '/api/logout'], ['DELETE', '/api/delete'], ['POST', '/api/chat/rooms'],
        ['GET', '/api/chat/rooms'], ['GET', '/api/chat/rooms/1'], ['POST', '/api/chat/rooms/1/join'],
        ['POST', '/api/chat/rooms/1/leave'], ['GET', '/api/chat/rooms/1/users'],
        ['GET', '/api/chat/rooms/1/messages'], ['POST', '/api/chat/rooms/1/messages'],
      ];
      for (const [method, path] of calls) {
        const json = method === 'POST' ? { name: 'x', text: 'x' } : undefined;
        assertError(await api.request(method, path, { json }), 401, 'unauthenticated', 'Not authenticated');
        assertError(
          await api.request(method, path, { json, token: 'ab'.repeat(32) }),
          401, 'invalid_token', 'Invalid or expired token',
        );
      }
    });

    it('reads the Authorization header as the RFC has it', async () => {
      const user = await api.user();
      const get = (authorization) => api.get('/api/chat/rooms', { headers: { authorization } });
      for (const scheme of ['Bearer', 'bearer', 'BEARER']) {
        assert.equal((await get(`${scheme} ${user.token}`)).status, 200, scheme);
      }
      for (const value of ['', 'Bearer', `Basic ${user.token}`, user.token, `Bearer${user.token}`]) {
        assertError(await get(value), 401, 'unauthenticated');
      }
      const near = [user.token.slice(1), `${user.token}0`, user.token.replace(/./, 'g'), `${user.token} x`, `x ${user.token}`];
      for (const token of near) {
        const answer = await get(`Bearer ${token}`);
        assert.equal(answer.status, 401, token);
        assert.ok(['unauthenticated', 'invalid_token'].includes(answer.json.code));
      }
      assertError(await api.get(`/api/chat/rooms?token=${user.token}`), 401, 'unauthenticated');
    });

    it('deletes an account: sessions die, name and address are free again', async () => {
      const user = await api.user();
      const second = await api.login(user);
      assert.equal(assertEnvelope(await user.api.delete('/api/delete')), null);
      await assertDeadEverywhere(user.token);
      await assertDeadEverywhere(second);
      assertError(await api.post('/api/login', user), 401, 'invalid_credentials');
      const again = await api.post('/api/register', user);
      assert.equal(again.status, 200, again.text);
      assert.notEqual(again.json.id, user.id);
      const [row] = await stack.database.query(
        `SELECT username, email, password_hash FROM users WHERE id = ${user.id}`,
      );
      assert.deepEqual(row, ['NULL', 'NULL', 'NULL']);
    });

    it('deletes an account: its messages stay, without the name', async () => {
      const { room, owner, members } = await makeRoom(api, 2);
      const [goer, stayer] = members;
      const sent = await goer.api.post(`/api/chat/rooms/${room.id}/messages`, { text: 'I was here' });
      assert.equal(sent.status, 200);
      assertEnvelope(await goer.api.delete('/api/delete'));
      const [message] = await stayer.api.history(room.id);
      assert.equal(message.text, 'I was here');
      assert.equal(message.sender_id, goer.id);
      assert.equal(message.sender_username, null);
      await poll('the member to be gone', async () => {
        const { json } = await owner.api.get(`/api/chat/rooms/${room.id}`);
        return json.member_count === 2;
      });
      const { json } = await owner.api.get(`/api/chat/rooms/${room.id}`);
      assert.deepEqual(json.users.map((user) => user.id), [owner.id, stayer.id]);
      const users = await owner.api.get(`/api/chat/rooms/${room.id}/users`);
      assert.deepEqual(users.json.data.users.map((user) => user.id), [owner.id, stayer.id]);
    });

    it('deletes an account: its room goes to the longest-standing member', async () => {
      const owner = await api.user();
      const room = await owner.api.createRoom();
      const [one, two] = [await api.user(), await api.user()];
      await two.api.join(room.id);
      await one.api.join(room.id);
      assertEnvelope(await owner.api.delete('/api/delete'));
      const now = await poll('the new owner', async () => {
        const { json } = await two.api.get(`/api/chat/rooms/${room.id}`);
        return json.creator_id !== owner.id && json;
      });
      assert.equal(now.creator_id, two.id);
      assert.equal(now.member_count, 2);
      assertError(await two.api.post(`/api/chat/rooms/${room.id}/leave`), 400, 'creator_cannot_leave');
      await one.api.leave(room.id);
    });

    it('deletes an account: a room without anybody else is removed', async () => {
      const owner = await api.user();
      const other = await api.user();
      const room = await owner.api.createRoom();
      assertEnvelope(await owner.api.delete('/api/delete'));
      await poll('the room to be gone', async () => {
        const answer = await other.api.get(`/api/chat/rooms/${room.id}`);
        return answer.status === 404;
      });
      assertError(await other.api.post(`/api/chat/rooms/${room.id}/join`), 404, 'room_not_found');
      const list = await other.api.get('/api/chat/rooms?limit=500');
      assert.ok(!list.json.some((one) => one.id === room.id));
    });

    it('deletes an account: its sockets close', async () => {
      const { room, members: [member] } = await makeRoom(api, 1);
      const sockets = await Promise.all(
        Array.from({ length: 2 * workers }, () => Socket.open(stack.url, room.id, member.token)),
      );
      await Promise.all(sockets.map((socket) => socket.settle()));
      assertEnvelope(await member.api.delete('/api/delete'));
      for (const socket of sockets) {
        const { code, reason } = await socket.waitClosed();
        const why = `${code} ${reason}`;
        assert.ok(['4001 Session ended', '4003 Removed from the room'].includes(why), why);
      }
    });
  });
}
