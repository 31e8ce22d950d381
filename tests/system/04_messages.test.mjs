// Messages by REST: history with its pages, sending, idempotency, the bounds of a text.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Api, TIMESTAMP, assertError, makeRoom, nextLink, uniqueName } from './lib/client.mjs';
import { WORKER_COUNTS, startStack } from './lib/stack.mjs';

for (const workers of WORKER_COUNTS) {
  describe(`messages, workers: ${workers}`, () => {
    let stack;
    let api;
    let owner;
    let member;
    let room;
    before(async () => {
      stack = await startStack({ workers });
      api = new Api(stack.url);
      ({ owner, room, members: [member] } = await makeRoom(api, 1));
    });
    after(() => stack?.stop());

    const path = (where, query = '') => `/api/chat/rooms/${where.id}/messages${query}`;
    const send = (user, where, json, options) => user.api.post(path(where), json, options);

    it('has an empty history at first', async () => {
      const answer = await owner.api.get(path(room));
      assert.equal(answer.status, 200);
      assert.deepEqual(answer.json, []);
      assert.equal(answer.headers.link, undefined);
    });

    it('sends, and keeps what was sent', async () => {
      const answer = await send(member, room, { text: 'Is the lamp lit?' });
      assert.equal(answer.status, 200, answer.text);
      const sent = answer.json;
      assert.match(sent.created_at, TIMESTAMP);
      assert.deepEqual(sent, {
        id: sent.id,
        text: 'Is the lamp lit?',
        sender_id: member.id,
        sender_username: member.username,
        room_id: room.id,
        created_at: sent.created_at,
        duplicate: false,
      });
      assert.equal(sent.id, 3, 'the room was made by event 1, the member joined by event 2');
      const [message] = (await owner.api.get(path(room))).json;
      const { duplicate, ...stored } = sent;
      assert.deepEqual(message, stored);
    });

    it('numbers messages without gaps', async () => {
      const { owner: user, room: fresh } = await makeRoom(api, 0);
      for (let i = 0; i < 5; i += 1) await send(user, fresh, { text: `${i}` });
      const messages = await user.api.history(fresh.id);
      assert.deepEqual(messages.map((message) => message.id), [2, 3, 4, 5, 6]);
      assert.deepEqual(messages.map((message) => message.text), ['0', '1', '2', '3', '4']);
    });

    it('pages by limit, before and after', async () => {
      const { owner: user, room: fresh } = await makeRoom(api, 0);
      await Promise.all(Array.from({ length: 25 }, (_, i) => send(user, fresh, { text: `${i}` })));
      const all = (await user.api.get(path(fresh))).json;
      assert.equal(all.length, 25);
      const ids = all.map((message) => message.id);
      assert.deepEqual(ids, Array.from({ length: 25 }, (_, i) => i + 2), 'oldest first');

      const newest = await user.api.get(path(fresh, '?limit=10'));
      assert.deepEqual(newest.json, all.slice(-10), 'the newest ten');
      const older = await user.api.get(path(fresh, `?limit=10&before=${newest.json[0].id}`));
      assert.deepEqual(older.json, all.slice(5, 15));
      const first = await user.api.get(path(fresh, '?limit=10&after=0'));
      assert.deepEqual(first.json, all.slice(0, 10), 'after 0: from the beginning on');
      const later = await user.api.get(path(fresh, `?limit=10&after=${first.json[9].id}`));
      assert.deepEqual(later.json, all.slice(10, 20));
      assert.deepEqual((await user.api.get(path(fresh, `?after=${ids.at(-1)}`))).json, []);
      assert.deepEqual((await user.api.get(path(fresh, '?before=1'))).json, []);
      assert.deepEqual((await user.api.get(path(fresh, `?after=${Number.MAX_SAFE_INTEGER}`))).json, []);

      const walk = async (start) => {
        const pages = [];
        for (let next = start; next; ) {
          const answer = await user.api.get(next);
          assert.equal(answer.status, 200);
          pages.push(answer.json);
          next = nextLink(answer);
          assert.ok(pages.length < 20);
        }
        return pages;
      };
      const back = await walk(path(fresh, '?limit=10'));
      assert.deepEqual(back.map((page) => page.length), [10, 10, 5]);
      assert.deepEqual(back.reverse().flat(), all);
      const forth = await walk(path(fresh, '?limit=10&after=0'));
      assert.deepEqual(forth.map((page) => page.length), [10, 10, 5]);
      assert.deepEqual(forth.flat(), all);
      const exact = await walk(path(fresh, '?limit=25'));
      assert.deepEqual(exact.map((page) => page.length).filter((length) => length > 0), [25]);
    });

    it('gives 100 messages unless told otherwise, and 500 at most', async () => {
      const { owner: user, room: fresh } = await makeRoom(api, 0);
      await Promise.all(Array.from({ length: 120 }, (_, i) => send(user, fresh, { text: `${i}` })));
      assert.equal((await user.api.get(path(fresh))).json.length, 100);
      assert.equal((await user.api.get(path(fresh, '?limit=500'))).json.length, 120);
      assert.equal((await user.api.get(path(fresh, '?limit=1'))).json.length, 1);
    });

    it('refuses before together with after', async () => {
      assertError(await owner.api.get(path(room, '?before=5&after=1')), 422, 'validation_failed');
      for (const query of ['before=x', 'before=-1', 'before=99999999999999999999']) {
        assertError(await owner.api.get(path(room, `?${query}`)), 422, 'validation_failed');
      }
    });

    it('keeps any text as it is', async () => {
      const { owner: user, room: fresh } = await makeRoom(api, 0);
      const texts = ['<script>alert(1)</script> & "quotes" \'single\'', 'a\nb\tc\r\nd', '\u{1F468}\u200D\u{1F469}\u200D\u{1F467}',
        'مرحبا', '漢字かな交じり', '\u202Ertl', "'; DROP TABLE events; --", '\\u0041 \\n', '\u2028\u2029', '\u{10FFFF}\uFFFF',
        ' leading and trailing ', '%s%n%d', '{"type":"new_message"}', '\u0001\u001f\u007f', 'null', '0'];
      for (const text of texts) {
        const answer = await send(user, fresh, { text });
        assert.equal(answer.status, 200, `${JSON.stringify(text)}: ${answer.text}`);
        assert.equal(answer.json.text, text);
      }
      assert.deepEqual((await user.api.history(fresh.id)).map((message) => message.text), texts);
    });

    it('takes 4,000 characters, whatever their bytes, and not one more', async () => {
      const { owner: user, room: fresh } = await makeRoom(api, 0);
      const long = ['x'.repeat(4000), '\u{1F600}'.repeat(4000), 'é'.repeat(4000), '"'.repeat(4000), '\n'.repeat(4000),
        '\u0001'.repeat(4000)];
      for (const text of long) {
        const answer = await send(user, fresh, { text });
        assert.equal(answer.status, 200, `${text.slice(0, 2)}: ${answer.text.slice(0, 300)}`);
      }
      assert.deepEqual((await user.api.history(fresh.id)).map((message) => message.text), long);
      // Escaped surrogate pairs: the longest way to write it.
      const escaped = `{"text":"${'\\ud83d\\ude00'.repeat(4000)}"}`;
      const answer = await user.api.request('POST', path(fresh), {
        body: escaped, headers: { 'content-type': 'application/json' },
      });
      assert.equal(answer.status, 200, answer.text.slice(0, 300));
      assert.equal(answer.json.text, '\u{1F600}'.repeat(4000));
      for (const text of ['x'.repeat(4001), '\u{1F600}'.repeat(4001)]) {
        assertError(await send(user, fresh, { text }), 422, 'message_too_long');
      }
    });

    it('refuses what is no text', async () => {
      for (const json of [{}, { text: '' }, { text: null }, { text: 5 }, { text: ['x'] }, { text: { a: 1 } }, { text: true }]) {
        const answer = assertError(await send(owner, room, json), 422, 'validation_failed');
        assert.equal(answer.json.data.field, 'text');
      }
      for (const client_id of ['', 'x'.repeat(65), 5, [], {}]) {
        const answer = assertError(await send(owner, room, { text: 'x', client_id }), 422, 'validation_failed');
        assert.equal(answer.json.data.field, 'client_id');
      }
    });

    it('stores a message with the same client_id once', async () => {
      const { owner: user, room: fresh, members: [other] } = await makeRoom(api, 1);
      const client_id = uniqueName('c');
      const first = (await send(user, fresh, { text: 'once', client_id })).json;
      assert.equal(first.duplicate, false);
      for (let i = 0; i < 2 * workers; i += 1) {
        const again = await send(user, fresh, { text: 'once', client_id });
        assert.equal(again.status, 200);
        assert.equal(again.json.id, first.id);
        assert.equal(again.json.created_at, first.created_at);
        assert.equal(again.json.duplicate, true);
      }
      const foreign = (await send(other, fresh, { text: 'mine', client_id })).json;
      assert.equal(foreign.duplicate, false, "another sender's client_id is another");
      assert.deepEqual((await user.api.history(fresh.id)).map((message) => message.text), ['once', 'mine']);
      const elsewhere = await user.api.createRoom();
      assert.equal((await send(user, elsewhere, { text: 'there', client_id })).json.duplicate, false);
    });

    it('answers a repeat with another text with what is stored', async () => {
      const { owner: user, room: fresh } = await makeRoom(api, 0);
      const client_id = uniqueName('c');
      const { duplicate, ...first } = (await send(user, fresh, { text: 'the first', client_id })).json;
      assert.equal(duplicate, false);
      for (let i = 0; i < 2 * workers; i += 1) {
        const again = await send(user, fresh, { text: `another ${i}`, client_id });
        assert.equal(again.status, 200, again.text);
        assert.deepEqual(again.json, { ...first, duplicate: true });
      }
      assert.deepEqual((await user.api.get(path(fresh))).json, [first]);
    });

    it('answers many texts at once with the one that is stored', async () => {
      const { owner: user, room: fresh } = await makeRoom(api, 0);
      const client_id = uniqueName('c');
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, i) => send(user, fresh, { text: `text ${i}`, client_id })),
      );
      const [stored, ...more] = (await user.api.get(path(fresh))).json;
      assert.deepEqual(more, []);
      for (const answer of answers) {
        const { duplicate, ...message } = answer.json;
        assert.deepEqual(message, stored);
      }
      assert.equal(answers.filter((answer) => !answer.json.duplicate).length, 1);
    });

    it('stores one of many at once', async () => {
      const { owner: user, room: fresh } = await makeRoom(api, 0);
      const client_id = '\u{1F511}'.repeat(64);
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => send(user, fresh, { text: 'race', client_id })),
      );
      for (const answer of answers) assert.equal(answer.status, 200, answer.text);
      assert.equal(new Set(answers.map((answer) => answer.json.id)).size, 1);
      assert.equal(answers.filter((answer) => !answer.json.duplicate).length, 1);
      assert.equal((await user.api.history(fresh.id)).length, 1);
    });

    it('takes the Idempotency-Key header for a client_id', async () => {
      const { owner: user, room: fresh } = await makeRoom(api, 0);
      const key = uniqueName('key');
      const headers = { 'idempotency-key': key };
      const first = (await send(user, fresh, { text: 'x' }, { headers })).json;
      const again = (await send(user, fresh, { text: 'x' }, { headers })).json;
      const body = (await send(user, fresh, { text: 'x', client_id: key })).json;
      assert.deepEqual([first.duplicate, again.duplicate, body.duplicate], [false, true, true]);
      assert.deepEqual([again.id, body.id], [first.id, first.id]);
      assertError(
        await send(user, fresh, { text: 'x' }, { headers: { 'idempotency-key': 'k'.repeat(65) } }),
        422, 'validation_failed',
      );
    });

    it('stores as many as are sent without a client_id', async () => {
      const { owner: user, room: fresh } = await makeRoom(api, 0);
      await Promise.all(Array.from({ length: 20 }, () => send(user, fresh, { text: 'same' })));
      assert.equal((await user.api.history(fresh.id)).length, 20);
    });

    it('takes no message from who has left', async () => {
      const { room: fresh, members: [goer] } = await makeRoom(api, 1);
      await goer.api.leave(fresh.id);
      for (let i = 0; i < 2 * workers; i += 1) {
        assertError(await send(goer, fresh, { text: 'x' }), 403, 'not_a_member');
        assertError(await goer.api.get(path(fresh)), 403, 'not_a_member');
      }
    });
  });
}
