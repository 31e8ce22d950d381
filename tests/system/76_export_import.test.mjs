// banterctl export and import: a room goes into a file and comes out again, here and elsewhere; what
// is wrong with a file is told with its line, and an import that dies leaves nothing to be seen.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { Api, makeRoom } from './lib/client.mjs';
import { ctl, startCtl } from './lib/ctl.mjs';
import { withStack } from './lib/stack.mjs';
import { poll } from './lib/wait.mjs';

const TEXTS = ['hello', 'grüße 🔑', '"quoted" \\ back', 'line\nbreak\ttab \u0001 \u2028', ''.padEnd(4000, 'ü')];

async function verifyRoom(api, roomId) {
  const verify = await api.get(`/api/chat/rooms/${roomId}/verify`);
  assert.equal(verify.status, 200, verify.text);
  return verify.json;
}

// What a client sees of a message, but for ids that are others elsewhere.
const seen = (messages) =>
  messages.map(({ id, text, sender_username, created_at }) => ({ id, text, sender_username, created_at }));

// A file of a room with so many messages of one member.
function bigFile(file, count) {
  const header = { format: 'banter-room', version: 1, room_id: 7, name: 'big', creator_id: 5, created_at_us: 1_700_000_000_000_000, epoch: 1, members: 1, events: count };
  const lines = [JSON.stringify(header), JSON.stringify({ user_id: 5, username: 'bigwig', joined_seq: 1, last_read_seq: 0 })];
  for (let seq = 1; seq <= count; seq += 1) {
    const event = { seq, kind: seq === 1 ? 'room_created' : 'message', actor_id: 5, actor: 'bigwig', created_at_us: header.created_at_us + seq, key: seq.toString(16).padStart(32, '0'), body: `event ${seq}` };
    lines.push(JSON.stringify(event));
  }
  fs.writeFileSync(file, `${lines.join('\n')}\n`);
}

describe('banterctl: export and import', () => {
  it('copies a room within an installation, and into another one', () =>
    withStack({}, async (stack) => {
      const api = new Api(stack.url);
      const { owner, members, room } = await makeRoom(api, 3);
      const [ann, bob, gone] = members;
      for (const [i, text] of TEXTS.entries()) {
        await [owner, ann, bob, gone][i % 4].api.post(`/api/chat/rooms/${room.id}/messages`, { text, client_id: `c${i}` });
      }
      await bob.api.leave(room.id);
      await gone.api.delete('/api/delete');
      await poll('the deleted account to be out of the room', async () => {
        const left = await owner.api.get(`/api/chat/rooms/${room.id}/users`);
        return left.json.data.users.length === 2;
      });
      const history = await owner.api.history(room.id);
      const file = path.join(stack.dir, 'room.jsonl');

      const told = await ctl(stack, ['export', String(room.id), file, '--json']);
      assert.equal(told.code, 0, told.stderr);
      const head = (await verifyRoom(owner.api, room.id)).count;
      assert.equal(told.lines[0].members, 2);
      assert.equal(told.lines[0].events, head);
      assert.equal(fs.existsSync(`${file}.part`), false);
      // The same to stdout, and nothing else there.
      const piped = await ctl(stack, ['export', String(room.id)]);
      assert.equal(piped.stdout, fs.readFileSync(file, 'utf8'));
      const lines = piped.lines;
      assert.equal(lines.length, 1 + 2 + head);
      assert.deepEqual(lines.slice(3).map((event) => event.seq), Array.from({ length: head }, (_, i) => i + 1));
      assert.equal(lines.find((event) => event.body === TEXTS[3] && event.kind === 'message').actor, null);
      assert.equal((await ctl(stack, ['export', '99999', file])).code, 3);

      // Here: another room of the same people.
      const again = await ctl(stack, ['import', file, '--json']);
      assert.equal(again.code, 0, again.stderr);
      const copy = again.lines[0];
      assert.notEqual(copy.room_id, room.id);
      assert.deepEqual([copy.already, copy.members, copy.events, copy.accounts_made, copy.accounts_gone], [false, 2, head, 0, 1]);
      assert.deepEqual(seen(await owner.api.history(copy.room_id)), seen(history));
      const verify = await verifyRoom(ann.api, copy.room_id);
      assert.equal(verify.holes, 0);
      assert.equal((await bob.api.get(`/api/chat/rooms/${copy.room_id}`)).status, 403);
      // It goes on where it was.
      const sent = await ann.api.post(`/api/chat/rooms/${copy.room_id}/messages`, { text: 'next' });
      assert.equal(sent.json.id, head + 1);
      // Not twice.
      const twice = await ctl(stack, ['import', file, '--json']);
      assert.deepEqual([twice.code, twice.lines[0].already, twice.lines[0].room_id], [0, true, copy.room_id]);

      // Elsewhere: nobody is known there.
      await withStack({}, async (other) => {
        const foreign = await ctl(other, ['import', file]);
        assert.equal(foreign.code, 0, foreign.stderr);
        assert.match(foreign.stdout, /2 members, \d+ events/);
        assert.match(foreign.stdout, /3 accounts were made/);
        const there = new Api(other.url);
        const login = { username: owner.username, password: owner.password };
        assert.equal((await there.post('/api/login', login)).status, 401);
        const reset = await ctl(other, ['user', 'reset-password', owner.username, '--password-stdin'], { input: `${owner.password}\n` });
        assert.equal(reset.code, 0, reset.stderr);
        const me = there.as(await there.login(login));
        const rooms = (await me.get('/api/chat/rooms')).json;
        assert.deepEqual(rooms.map(({ name, member_count }) => [name, member_count]), [[room.name, 2]]);
        assert.deepEqual(seen(await me.history(rooms[0].id)), seen(history));
        // And once more from there: the same file but for the ids.
        const back = await ctl(other, ['export', String(rooms[0].id)]);
        const strip = ({ room_id, creator_id, epoch, user_id, actor_id, ...rest }) => rest;
        assert.deepEqual(back.lines.map(strip), lines.map(strip));
      });
    }));

  it('says which line of a file is wrong, and imports nothing of it', () =>
    withStack({}, async (stack) => {
      const good = path.join(stack.dir, 'good.jsonl');
      const bad = path.join(stack.dir, 'bad.jsonl');
      bigFile(good, 20);
      const lines = fs.readFileSync(good, 'utf8').trimEnd().split('\n');
      const spliced = (...where) => {
        const all = [...lines];
        all.splice(...where);
        return all;
      };
      const changed = (at, change) => lines.map((line, i) => (i === at ? JSON.stringify({ ...JSON.parse(line), ...change }) : line));
      const cases = [
        [lines.slice(0, -1), /line 22: .*truncated/],
        [`${lines.join('\n').slice(0, -3)}`, /line 22: .*truncated/],
        [spliced(10, 1), /line 11: .*hole/],
        [spliced(10, 0, lines[9]), /line 11: .*repeat/],
        [[...lines, lines.at(-1)], /line 23: .*more lines/],
        [changed(0, { version: 2 }), /line 1: .*newer version/],
        [changed(0, { format: 'x' }), /line 1: this is no file of/],
        [changed(0, { members: 0 }), /line 1: .*no member/],
        [changed(1, { username: '' }), /line 2: username/],
        [changed(1, { joined_seq: 21 }), /line 2: joined_seq/],
        [changed(4, { kind: 'other' }), /line 5: .*kind/],
        [changed(4, { key: 'abc' }), /line 5: .*key/],
        [changed(4, { body: null }), /line 5: .*body/],
        [changed(4, { body: 'x'.repeat(4001) }), /line 5: .*4,000/],
        [spliced(7, 1, '{"seq":6,'), /line 8: .*JSON/],
        [spliced(7, 1, '[]'), /line 8: .*JSON/],
        [[''], /line 1: .*JSON/],
        [changed(9, { key: JSON.parse(lines[8]).key }), /one key/],
      ];
      for (const [text, expected] of cases) {
        fs.writeFileSync(bad, typeof text === 'string' ? text : `${text.join('\n')}\n`);
        const told = await ctl(stack, ['import', bad]);
        assert.equal(told.code, 1, `${expected}: ${told.stdout}${told.stderr}`);
        assert.match(told.stderr, expected);
      }
      assert.equal((await ctl(stack, ['import', '/dev/null'])).code, 2);
      assert.equal((await ctl(stack, ['import', path.join(stack.dir, 'none')])).code, 1);
      assert.deepEqual(await stack.database.query('SELECT COUNT(*) FROM rooms'), [['0']]);
      assert.deepEqual(await stack.database.query('SELECT COUNT(*) FROM events'), [['0']]);
    }));

  it('shows no part of a room when it is killed, and does not double it the next time', () =>
    withStack({}, async (stack) => {
      const api = new Api(stack.url);
      const ann = await api.user('ann');
      const file = path.join(stack.dir, 'big.jsonl');
      const events = 60_000;
      bigFile(file, events);
      const rows = async () => Number((await stack.database.query('SELECT COUNT(*) FROM events'))[0][0]);
      for (let round = 0; round < 2; round += 1) {
        const child = startCtl(stack, ['import', file]);
        await poll('some rows to be there', async () => (await rows()) > 0, { everyMs: 5 });
        child.kill('SIGKILL');
        const { signal } = await child.exited;
        if (signal !== 'SIGKILL') continue; // it was quicker than we
        assert.ok((await rows()) < events);
        assert.deepEqual((await ann.api.get('/api/chat/rooms')).json, []);
        assert.equal((await ctl(stack, ['room', 'list', '--json'])).stdout, '');
      }
      // Two at once: one does it, the other says so.
      const both = await Promise.all([ctl(stack, ['import', file, '--json']), ctl(stack, ['import', file, '--json'])]);
      assert.ok(both.some(({ code }) => code === 0), both[0].stderr + both[1].stderr);
      for (const { code, stderr } of both) if (code !== 0) assert.match(stderr, /another process is importing/);
      assert.equal(await rows(), events);
      const rooms = (await ann.api.get('/api/chat/rooms')).json;
      assert.equal(rooms.length, 1);
      await ann.api.join(rooms[0].id);
      const verify = await verifyRoom(ann.api, rooms[0].id);
      assert.equal(verify.holes, 0);
      assert.deepEqual(await stack.database.query('SELECT COUNT(*) FROM rooms'), [['1']]);
    }));
});
