// banterctl import-original: a database of the original FastAPI application, with its oddities, and
// people who log in afterwards as if nothing had happened.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Api, Socket } from './lib/client.mjs';
import { ctl, startCtl } from './lib/ctl.mjs';
import { withStack } from './lib/stack.mjs';
import { poll } from './lib/wait.mjs';

// As SQLAlchemy makes them for the original's models.
const TABLES = `
CREATE DATABASE banter_original CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;
USE banter_original;
CREATE TABLE users (id INTEGER NOT NULL, username VARCHAR(100) COLLATE utf8mb4_bin, email VARCHAR(300) COLLATE utf8mb4_bin,
  hashed_password VARCHAR(255) NOT NULL, PRIMARY KEY (id), UNIQUE KEY ix_users_username (username), UNIQUE KEY ix_users_email (email));
CREATE TABLE chat_rooms (id INTEGER NOT NULL, name VARCHAR(200) NOT NULL, creator_id INTEGER, PRIMARY KEY (id));
CREATE TABLE room_users (user_id INTEGER NOT NULL, room_id INTEGER NOT NULL, PRIMARY KEY (user_id, room_id));
CREATE TABLE messages (id INTEGER NOT NULL AUTO_INCREMENT, text TEXT, sender_id INTEGER, room_id INTEGER,
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (id), KEY ix_messages_room_id (room_id));
`;

// "$2b$" is what passlib writes; the others are of older libraries.
const PEOPLE = {
  ada: { id: 4711, password: "ada's password", hash: '$2b$12$N9qo8uLOickgx2ZMRZoMyeLpfqhwX1ykNP42C6IovVWj.yLx4.xvO' },
  bob: { id: 1234, password: "bob's password", hash: '$2a$05$abcdefghijklmnopqrstuuCcjKaiem7KrqQgT2E3g/w2SLyUyrtC6' },
  'çem 🎈': { id: 9001, password: "cem's pässword", hash: '$2y$05$CCCCCCCCCCCCCCCCCCCCC.lZLc3nINr3mlUeIWmUwjZSikAyTmJve' },
};

const quoted = (text) => (text === null ? 'NULL' : `'${String(text).replace(/[\\']/g, '\\$&')}'`);
const insert = (table, rows) =>
  `INSERT INTO ${table} VALUES ${rows.map((row) => `(${row.map(quoted).join(',')})`).join(',')};\n`;

async function makeOriginal(stack, { users = [], rooms = [], members = [], messages = [] } = {}) {
  const people = Object.entries(PEOPLE).map(([name, { id, hash }]) => [id, name, `${id}@example.org`, hash]);
  await stack.database.query(
    TABLES +
      insert('users', [...people, ...users]) +
      insert('chat_rooms', [[3141, 'Tea & biscuits', 4711], ...rooms]) +
      insert('room_users', [[4711, 3141], [1234, 3141], [9001, 3141], ...members]) +
      // Of one second, in the order of their ids; and one that came late into the table.
      insert('messages', [
        [1, 'first', 4711, 3141, '2024-05-01 10:00:00'],
        [2, 'second, of the same second', 1234, 3141, '2024-05-01 10:00:00'],
        [3, 'grüße 🔑 "x" \\', 9001, 3141, '2024-05-01 10:00:01'],
        [9, 'before them all', 4711, 3141, '2024-05-01 09:59:59'],
        ...messages,
      ]),
  );
}

const from = (stack, more = []) => ['import-original', `--from=${stack.database.url.replace('/banter?', '/banter_original?')}`, '--json', ...more];
const summary = ({ code, stderr, lines }) => {
  assert.equal(code, 0, stderr);
  return lines.at(-1);
};

describe('banterctl: import-original', () => {
  it('brings people, rooms and messages; they log in with their passwords and go on', () =>
    withStack({ workers: 2 }, async (stack) => {
      await makeOriginal(stack);
      const api = new Api(stack.url);

      const dry = summary(await ctl(stack, from(stack, ['--dry-run'])));
      assert.deepEqual([dry.dry_run, dry.users_new, dry.rooms_new, dry.messages, dry.passwords_kept], [true, 3, 1, 4, 3]);
      for (const table of ['users', 'rooms', 'events', 'imported_users']) {
        assert.deepEqual(await stack.database.query(`SELECT COUNT(*) FROM ${table}`), [['0']], table);
      }
      const done = summary(await ctl(stack, from(stack)));
      assert.deepEqual(
        [done.users_new, done.ids_changed, done.renamed, done.rooms_new, done.room_ids_changed, done.members_new, done.messages_new, done.gone],
        [3, 0, 0, 1, 0, 3, 4, 0],
      );

      // A wrong password first; then the right one, of each kind of hash; then again, by scrypt.
      assert.equal((await api.post('/api/login', { username: 'ada', password: "bob's password" })).status, 401);
      const tokens = {};
      for (const [username, { id, password }] of Object.entries(PEOPLE)) {
        tokens[username] = await api.login({ username, password });
        const hash = await stack.database.query(`SELECT password_hash FROM users WHERE id = ${id}`);
        assert.match(hash[0][0], /^\$s1\$/);
        await api.login({ username, password });
        assert.equal((await api.post('/api/login', { username, password: `${password}x` })).status, 401);
      }
      assert.match(stack.logs(), /event=account\.hash_renewed user=4711/);

      const ada = api.as(tokens.ada);
      const room = (await ada.get('/api/chat/rooms/3141')).json;
      assert.deepEqual([room.name, room.creator_id, room.users.map((user) => user.id)], ['Tea & biscuits', 4711, [4711, 1234, 9001]]);
      const history = await ada.history(3141);
      assert.deepEqual(
        history.map(({ id, text, sender_id, created_at }) => [id, text, sender_id, created_at]),
        [
          [4, 'before them all', 4711, '2024-05-01T09:59:59.000000Z'],
          [5, 'first', 4711, '2024-05-01T10:00:00.000000Z'],
          [6, 'second, of the same second', 1234, '2024-05-01T10:00:00.000000Z'],
          [7, 'grüße 🔑 "x" \\', 9001, '2024-05-01T10:00:01.000000Z'],
        ],
      );
      const socket = await Socket.open(stack.url, 3141, tokens.bob);
      const sent = await ada.post('/api/chat/rooms/3141/messages', { text: 'hello again' });
      assert.equal(sent.json.id, 8);
      await poll('bob to hear it', () => socket.frames.some((frame) => frame.text === 'hello again'));
      socket.terminate();
      assert.equal((await ctl(stack, ['verify'])).code, 0);

      // Once is enough.
      const again = summary(await ctl(stack, from(stack)));
      assert.deepEqual([again.users_new, again.users_before, again.rooms_new, again.rooms_before, again.messages_new], [0, 3, 0, 1, 0]);
      // What it says to people.
      const text = await ctl(stack, from(stack).filter((word) => word !== '--json'));
      assert.match(text.stdout, /Users: 0 of 3 imported, 3 were here/);
      assert.match(text.stdout, /Rooms: 0 of 1 imported, 1 were here/);
    }));

  it('gives way where something is taken or does not fit, and says so', () =>
    withStack({}, async (stack) => {
      const api = new Api(stack.url);
      const mine = await api.user('mine');
      const myRoom = await mine.api.createRoom();
      await stack.database.query("UPDATE users SET username = 'Ada', email = '4711@EXAMPLE.org'");
      const long = 'ü'.repeat(100);
      const longText = `${'x'.repeat(4000)}${'y'.repeat(4000)}z`;
      await makeOriginal(stack, {
        users: [
          [mine.id, 'dora', 'dora@example.org', PEOPLE.bob.hash],
          [20, 'BOB', 'not an address', PEOPLE.bob.hash],
          [21, long, 'bob@x.org', '$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA'],
          [22, 'bad\nname', 'BOB@x.org', PEOPLE.bob.hash],
        ],
        rooms: [[myRoom.id, 'taken id', 1234], [50, '', null], [51, long.repeat(2).slice(0, 150), 20], [52, 'nobody', null]],
        members: [[1234, myRoom.id], [21, 50], [22, 50], [77777, 50]],
        messages: [
          [20, longText, 88888, 51, '2024-05-01 10:00:00'],
          [21, null, 20, 51, '2024-05-01 10:00:00'],
          [22, '', 20, 51, null],
          [23, 'lost', 20, 52, '2024-05-01 10:00:00'],
          [24, 'lost, too', 20, 99, '2024-05-01 10:00:00'],
          [25, 'summer', null, myRoom.id, '2024-07-01 12:00:00'],
        ],
      });
      const told = await ctl(stack, from(stack, ['--utc-offset=+02:00']));
      const done = summary(told);
      assert.deepEqual(
        [done.users_new, done.ids_changed, done.renamed, done.emails_dropped, done.passwords_dropped, done.gone],
        [7, 1, 4, 3, 1, 2],
      );
      assert.deepEqual(
        [done.rooms_new, done.rooms_skipped, done.room_ids_changed, done.members_skipped, done.messages_new, done.messages_split, done.messages_skipped],
        [4, 1, 1, 1, 7, 1, 3],
      );
      const changes = told.lines.slice(0, -1).map((line) => `${line.user ?? line.room} ${line.change} ${line.detail}`);
      for (const part of [`${mine.id} has another id 9002`, `${myRoom.id} has another id 3142`, '4711 renamed ada-4711', '1234 renamed bob-1234', '22 renamed bad_name-22', `21 renamed ${'ü'.repeat(61)}-21`, '50 renamed room 50', '52 skipped it has no member']) {
        assert.ok(changes.includes(part), `${part} in\n${changes.join('\n')}`);
      }
      const ada = api.as(await api.login({ username: 'ada-4711', password: PEOPLE.ada.password }));
      assert.equal((await ada.history(3141))[0].created_at, '2024-05-01T07:59:59.000000Z');
      const bob = api.as(await api.login({ username: 'BOB', password: PEOPLE.bob.password }));
      const pieces = await bob.history(51);
      assert.deepEqual(pieces.map(({ text, sender_username }) => [text.length, sender_username]), [[0, 'BOB'], [4000, null], [4000, null], [1, null]]);
      const verify = await bob.get('/api/chat/rooms/51/verify');
      assert.equal(verify.json.holes, 0);
      assert.equal((await mine.api.get(`/api/chat/rooms/${myRoom.id}`)).json.name, myRoom.name);
      assert.equal((await ctl(stack, ['verify'])).code, 0);
      const again = summary(await ctl(stack, from(stack)));
      assert.deepEqual([again.users_new, again.rooms_new, again.rooms_before, again.gone], [0, 0, 4, 0]);
    }));

  it('gives accounts that no new one could be called another name, and says so', () =>
    withStack({}, async (stack) => {
      const hash = PEOPLE.bob.hash;
      await makeOriginal(stack, {
        users: [
          [30, 'txt\u202Egnp', 'a..b@example.org', hash], [31, 'ad\u200da', '31@example.org', hash], [32, ' bob ', '32@Example.ORG', hash],
          [33, 'zoe\u0308', '33@example.org', hash], [34, '\u200b', '34@example.org', hash],
        ],
      });
      const told = await ctl(stack, from(stack));
      const done = summary(told);
      assert.deepEqual([done.users_new, done.renamed, done.emails_dropped], [8, 4, 1]);
      const names = told.lines.filter((line) => line.change === 'renamed').map((line) => [line.user, line.detail]);
      assert.deepEqual(names, [[30, 'txt_gnp-30'], [31, 'ad_a-31'], [32, 'bob -32'], [34, '_-34']]);
      const api = new Api(stack.url);
      for (const username of ['txt_gnp-30', 'ad_a-31', 'bob -32', 'zoë', '_-34']) {
        await api.login({ username, password: PEOPLE.bob.password });
      }
      assert.deepEqual(await stack.database.query("SELECT email FROM users WHERE id IN (30, 32) ORDER BY id"), [['NULL'], ['32@example.org']]);
    }));

  it('says what it expected of tables that are others', () =>
    withStack({}, async (stack) => {
      const none = await ctl(stack, from(stack));
      assert.equal(none.code, 4);
      await stack.database.query(`CREATE DATABASE banter_original; USE banter_original;
        CREATE TABLE users (id CHAR(36) PRIMARY KEY, handle TEXT, hashed_password TEXT);
        CREATE TABLE chat_rooms (id INT, name TEXT); CREATE TABLE messages (id INT, room_id INT, sender_id INT, text TEXT, created_at TEXT);`);
      const told = await ctl(stack, from(stack));
      assert.equal(told.code, 1);
      assert.match(told.stderr, /table "users", column "id" is char; expected was a whole number/);
      assert.match(told.stderr, /table "users" has no column for the name: expected was one of username, .*; it has id, handle, hashed_password/);
      assert.match(told.stderr, /no table "room_users"/);
      assert.match(told.stderr, /"created_at" is text; expected was DATETIME/);
      assert.equal((await ctl(stack, ['import-original'])).code, 2);
      assert.equal((await ctl(stack, ['import-original', '--from=sqlite:///chat.db'])).code, 2);
      assert.equal((await ctl(stack, from(stack, ['--utc-offset=2']))).code, 2);
    }));

  it('continues after it was killed', () =>
    withStack({}, async (stack) => {
      await makeOriginal(stack);
      // 20 rooms with 1,000 messages each, some of the same second.
      await stack.database.query(`USE banter_original;
        INSERT INTO chat_rooms SELECT 5000 + seq, CONCAT('room ', seq), 1234 FROM seq_1_to_20;
        INSERT INTO room_users SELECT 4711, 5000 + seq FROM seq_1_to_20;
        INSERT INTO messages (text, sender_id, room_id, created_at)
          SELECT CONCAT('message ', seq), IF(seq MOD 2, 1234, 4711), 5001 + seq MOD 20, '2024-06-01' + INTERVAL (20000 - seq) DIV 7 SECOND FROM seq_1_to_20000;`);
      const rooms = async () => Number((await stack.database.query('SELECT COUNT(*) FROM rooms WHERE removed_at_us IS NULL'))[0][0]);
      const child = startCtl(stack, from(stack));
      await poll('a room to be there', async () => (await rooms()) > 1, { everyMs: 5 });
      child.kill('SIGKILL');
      await child.exited;
      const before = await rooms();
      const done = summary(await ctl(stack, from(stack)));
      assert.deepEqual([done.rooms_before, done.rooms_new, done.users_new], [before, 21 - before, 0]);
      assert.equal(await rooms(), 21);
      assert.deepEqual(await stack.database.query('SELECT COUNT(*) FROM events WHERE kind = 1'), [['20004']]);
      const verify = await ctl(stack, ['verify']);
      assert.equal(verify.code, 0, verify.stdout);
      const order = await stack.database.query('SELECT COUNT(*) FROM events a JOIN events b ON b.room_id = a.room_id AND b.seq = a.seq + 1 WHERE b.created_at_us < a.created_at_us');
      assert.deepEqual(order, [['0']]);
    }));
});
