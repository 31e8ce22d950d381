// Rooms: create, list, get, join, leave, users.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  Api, Socket, TIMESTAMP, assertEnvelope, assertError, makeRoom, nextLink, uniqueName,
} from './lib/client.mjs';
import { OWN, WORKER_COUNTS, startStack } from './lib/stack.mjs';
import { poll } from './lib/wait.mjs';

const UNKNOWN = 4_000_000_000;

for (const workers of WORKER_COUNTS) {
  describe(`rooms, workers: ${workers}`, () => {
    let stack;
    let api;
    let ann;
    let bob;
    before(async () => {
      stack = await startStack({ workers });
      api = new Api(stack.url);
      [ann, bob] = [await api.user('ann'), await api.user('bob')];
    });
    after(() => stack?.stop());

    const path = (room, rest = '') => `/api/chat/rooms/${room.id ?? room}${rest}`;

    it('lists nothing when there is nothing: 200, not 404', OWN, async () => {
      const answer = await ann.api.get('/api/chat/rooms');
      assert.equal(answer.status, 200);
      assert.deepEqual(answer.json, []);
      assert.equal(answer.headers.link, undefined);
    });

    it('creates a room, with its creator as the first member', async () => {
      const answer = await ann.api.post('/api/chat/rooms', { name: 'Lighthouse' });
      assert.equal(answer.status, 200);
      const room = answer.json;
      assert.ok(Number.isSafeInteger(room.id) && room.id > 0);
      assert.match(room.created_at, TIMESTAMP);
      assert.ok(Math.abs(Date.parse(room.created_at) - Date.now()) < 60_000, 'the time is now, in UTC');
      assert.deepEqual(room, {
        id: room.id,
        name: 'Lighthouse',
        creator_id: ann.id,
        member_count: 1,
        created_at: room.created_at,
        users: [{ id: ann.id, username: ann.username }],
      });
      const got = await ann.api.get(path(room));
      assert.equal(got.status, 200);
      assert.deepEqual(got.json, room);
    });

    it('lets rooms have the same name', async () => {
      const [one, two] = [await ann.api.createRoom('Twins'), await ann.api.createRoom('Twins')];
      assert.notEqual(one.id, two.id);
    });

    it('keeps any name that fits', async () => {
      for (const name of ['x', 'x'.repeat(100), '\u{1F6D6}'.repeat(100), '"\\/\b\f\t', '<script>', "'; --", 'Ω漢й']) {
        const answer = await ann.api.post('/api/chat/rooms', { name });
        assert.equal(answer.status, 200, `${name}: ${answer.text}`);
        assert.equal(answer.json.name, name);
        assert.equal((await ann.api.get(path(answer.json))).json.name, name);
      }
      for (const name of ['', 'x'.repeat(101), '\u{1F6D6}'.repeat(101)]) {
        const answer = assertError(await ann.api.post('/api/chat/rooms', { name }), 422, 'validation_failed');
        assert.equal(answer.json.data.field, 'name');
      }
    });

    it('joins', async () => {
      const room = await ann.api.createRoom();
      assertError(await bob.api.get(path(room)), 403, 'not_a_member', 'Not a member of this room');
      const data = assertEnvelope(await bob.api.post(path(room, '/join')));
      assert.deepEqual(data, { room_id: room.id, room_name: room.name });
      const { json } = await bob.api.get(path(room));
      assert.equal(json.member_count, 2);
      assert.deepEqual(json.users, [
        { id: ann.id, username: ann.username },
        { id: bob.id, username: bob.username },
      ]);
      assertError(await bob.api.post(path(room, '/join')), 400, 'already_member', 'Already a member of this room');
      assertError(await ann.api.post(path(room, '/join')), 400, 'already_member');
    });

    it('makes one membership of many joins at once', async () => {
      const room = await ann.api.createRoom();
      const answers = await Promise.all(Array.from({ length: 8 }, () => bob.api.post(path(room, '/join'))));
      assert.equal(answers.filter((answer) => answer.status === 200).length, 1);
      for (const answer of answers.filter((one) => one.status !== 200)) {
        assertError(answer, 400, 'already_member');
      }
      assert.equal((await ann.api.get(path(room))).json.member_count, 2);
    });

    it('leaves, and may come back', async () => {
      const room = await ann.api.createRoom();
      assertError(
        await bob.api.post(path(room, '/leave')), 400, 'not_in_room', 'You are not a member of this room',
      );
      await bob.api.join(room.id);
      const data = assertEnvelope(await bob.api.post(path(room, '/leave')));
      assert.deepEqual(data, { room_id: room.id, room_name: room.name });
      assertError(await bob.api.get(path(room)), 403, 'not_a_member');
      assertError(await bob.api.post(path(room, '/leave')), 400, 'not_in_room');
      const { json } = await ann.api.get(path(room));
      assert.equal(json.member_count, 1);
      assert.deepEqual(json.users.map((user) => user.id), [ann.id]);
      await bob.api.join(room.id);
      assert.equal((await bob.api.get(path(room))).status, 200);
    });

    it('keeps its creator', async () => {
      const room = await ann.api.createRoom();
      assertError(
        await ann.api.post(path(room, '/leave')), 400, 'creator_cannot_leave', 'The creator cannot leave the room',
      );
      assert.equal((await ann.api.get(path(room))).status, 200);
    });

    it('answers 404 for a room that is not there', async () => {
      for (const id of [UNKNOWN, Number.MAX_SAFE_INTEGER]) {
        for (const [method, rest] of [['GET', ''], ['POST', '/join'], ['POST', '/leave'], ['GET', '/users'],
          ['GET', '/messages'], ['POST', '/messages']]) {
          const json = rest === '/messages' && method === 'POST' ? { text: 'x' } : undefined;
          const answer = await ann.api.request(method, path(id, rest), { json });
          assertError(answer, 404, 'room_not_found', 'Room not found');
        }
      }
    });

    it('shows a room and its users to members only', async () => {
      const room = await ann.api.createRoom();
      for (const rest of ['', '/users', '/messages']) {
        assertError(await bob.api.get(path(room, rest)), 403, 'not_a_member');
      }
      assertError(await bob.api.post(path(room, '/messages'), { text: 'x' }), 403, 'not_a_member');
    });

    it('shows nobody the address of another', async () => {
      const room = await ann.api.createRoom();
      await bob.api.join(room.id);
      for (const where of [path(room), path(room, '/users'), '/api/chat/rooms?limit=500']) {
        const answer = await bob.api.get(where);
        assert.ok(!answer.text.includes('@example.org'), where);
      }
    });

    it('lists every room, page by page', async () => {
      const user = await api.user();
      const made = [];
      for (let i = 0; i < 7; i += 1) made.push(await user.api.createRoom(uniqueName('page')));
      const whole = await user.api.get('/api/chat/rooms?limit=500');
      assert.equal(whole.status, 200);
      const ids = whole.json.map((room) => room.id);
      assert.deepEqual(ids, [...ids].sort((a, b) => a - b), 'by id');
      for (const room of made) {
        assert.deepEqual(whole.json.find((one) => one.id === room.id), room);
      }
      const paged = [];
      let next = '/api/chat/rooms?limit=3';
      while (next) {
        const answer = await user.api.get(next);
        assert.equal(answer.status, 200);
        assert.ok(answer.json.length <= 3);
        paged.push(...answer.json);
        next = nextLink(answer);
        if (next) assert.equal(answer.json.length, 3);
      }
      assert.deepEqual(paged, whole.json);
      const after = await user.api.get(`/api/chat/rooms?after=${made[5].id}`);
      assert.deepEqual(after.json.map((room) => room.id), ids.filter((id) => id > made[5].id));
    });

    it('embeds at most 100 users, and says how many there are', async () => {
      const { owner, room, members } = await makeRoom(api, 104);
      const { json } = await owner.api.get(path(room));
      assert.equal(json.member_count, 105);
      assert.equal(json.users.length, 100);
      assert.equal(json.users[0].id, owner.id);
      const seen = [];
      let next = path(room, '/users?limit=40');
      while (next) {
        const answer = await owner.api.get(next);
        const { users } = assertEnvelope(answer);
        assert.ok(users.length <= 40);
        seen.push(...users);
        next = nextLink(answer);
      }
      assert.equal(seen.length, 105);
      const expected = new Set([owner, ...members].map((user) => user.id));
      assert.deepEqual(new Set(seen.map((user) => user.id)), expected);
      assert.deepEqual(seen.slice(0, 100).map((user) => user.id), json.users.map((user) => user.id));
      const list = await owner.api.get(`/api/chat/rooms?after=${room.id - 1}&limit=1`);
      assert.equal(list.json[0].users.length, 100);
      assert.equal(list.json[0].member_count, 105);
    });

    it('tells who is online', async () => {
      const { owner, room, members: [member] } = await makeRoom(api, 1);
      const online = async () => {
        const { users } = assertEnvelope(await owner.api.get(path(room, '/users')));
        assert.deepEqual(
          users.map((user) => ({ id: user.id, username: user.username })),
          [owner, member].map((user) => ({ id: user.id, username: user.username })),
        );
        return users.map((user) => user.is_online).join();
      };
      assert.equal(await online(), 'false,false');
      const first = await Socket.open(stack.url, room.id, member.token);
      await poll('the member to be online', async () => (await online()) === 'false,true');
      const second = await Socket.open(stack.url, room.id, member.token);
      await second.settle();
      await first.end();
      await poll('one socket to be enough', async () => (await online()) === 'false,true');
      await second.end();
      await poll('the member to be offline', async () => (await online()) === 'false,false');
    });

    it('refuses a limit or a position that is none', async () => {
      const room = await ann.api.createRoom();
      for (const where of ['/api/chat/rooms', path(room, '/users'), path(room, '/messages')]) {
        for (const query of ['limit=0', 'limit=501', 'limit=-1', 'limit=', 'limit=x', 'limit=1.5', 'limit=1e2',
          'limit=%31%30x', 'limit=99999999999999999999', 'after=-1', 'after=x', 'after=99999999999999999999']) {
          const answer = await ann.api.get(`${where}?${query}`);
          assertError(answer, 422, 'validation_failed');
          assert.equal(answer.json.data?.field, query.split('=')[0], `${where}?${query} ${answer.text}`);
        }
      }
    });
  });
}
