// banterctl over the real processes: following a room, checking logs, and whether all is up.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Api, Socket, makeRoom } from './lib/client.mjs';
import { ctl, startCtl } from './lib/ctl.mjs';
import { withStack } from './lib/stack.mjs';
import { poll } from './lib/wait.mjs';

describe('banterctl tail', () => {
  it('follows a room as clients see it, and ends at Ctrl-C', () =>
    withStack({}, async (stack) => {
      const { owner, room } = await makeRoom(new Api(stack.url), 1);
      const socket = await Socket.open(stack.url, room.id, owner.token, { since: 0 });
      await socket.say('first');
      const json = startCtl(stack, ['tail', String(room.id), '--since=0', '--json']);
      const text = startCtl(stack, ['tail', String(room.id)]);
      await poll('the log', () => json.out.includes('"first"'));
      // What only comes from now on; a terminal's commands are shown, not done.
      let evil = 0;
      await poll('something new', async () => {
        await socket.say(`evil ${(evil += 1)} \u001b[2J\n`);
        return text.out.includes('evil');
      });
      assert.match(text.out, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}#\d+ {2}owner_\w+: evil \d+ \\x1b\[2J\\n\n/);
      assert.ok(!text.out.includes('first'));
      const last = socket.messages.at(-1);
      await poll('the last', () => json.out.includes(`"id":${last.id},`));
      const lines = json.out.trim().split('\n').map((line) => JSON.parse(line));
      assert.deepEqual(lines.map((line) => line.id), lines.map((_, i) => i + 1));
      assert.deepEqual(lines.filter((line) => line.type === 'new_message'), socket.messages);
      for (const child of [json, text]) {
        child.kill('SIGINT');
        assert.deepEqual(await child.exited, { code: 0, signal: null }, child.err);
      }
      const counted = await ctl(stack, ['tail', String(room.id), '--since', '1', '--count=2', '--json']);
      assert.deepEqual(counted.lines.map((line) => line.id), [2, 3]);
      assert.equal((await ctl(stack, ['tail', '987654'])).code, 3);
      assert.equal((await ctl(stack, ['tail', 'x'])).code, 2);
      assert.equal((await ctl(stack, ['tail'])).code, 2);
    }));
});

describe('banterctl verify', () => {
  it('finds each hole, and nothing in whole logs', () =>
    withStack({}, async (stack) => {
      const { owner, room } = await makeRoom(new Api(stack.url), 0);
      const other = await owner.api.createRoom();
      const socket = await Socket.open(stack.url, room.id, owner.token);
      for (let i = 0; i < 9; i += 1) await socket.say(`m${i}`);
      const whole = await ctl(stack, ['verify']);
      assert.equal(whole.code, 0, whole.stderr);
      assert.equal(whole.stdout, '2 rooms, 11 events: no hole, no repeat.\n');
      assert.equal(whole.stderr, '');

      await stack.database.query(`DELETE FROM events WHERE room_id = ${room.id} AND seq IN (1, 4, 5, 9)`);
      const holes = await ctl(stack, ['verify', '--json']);
      assert.equal(holes.code, 1);
      assert.deepEqual(holes.lines, [
        { room_id: room.id, head: 10, count: 6, missing: 4, holes: [[1, 1], [4, 5], [9, 9]], ok: false },
        { room_id: other.id, head: 1, count: 1, missing: 0, holes: [], ok: true },
      ]);
      const one = await ctl(stack, ['verify', String(room.id)]);
      assert.equal(one.code, 1);
      assert.match(one.stdout, /^room \d+: 4 events missing of 10: \[1,1\],\[4,5\],\[9,9\]\n.*NOT WHOLE/);
      assert.equal((await ctl(stack, ['verify', String(other.id), '--quiet'])).stdout, '');
      assert.equal((await ctl(stack, ['verify', '999999'])).code, 3);
    }));
});

describe('banterctl status', () => {
  it('says what is up and what is not', () =>
    withStack({}, async (stack) => {
      const up = await ctl(stack, ['status', '--json']);
      assert.equal(up.code, 0, up.stdout + up.stderr);
      assert.deepEqual(up.lines.map((line) => line.part), ['database', 'schema', 'epoch', 'broker', 'shards', 'bus']);
      assert.ok(up.lines.every((line) => line.ok === true));
      assert.match((await ctl(stack, ['status'])).stdout, /^PART +OK +STATE\ndatabase +yes +\d+\.\d+/);
      await stack.killBroker();
      const down = await ctl(stack, ['status', '--json']);
      assert.equal(down.code, 4);
      assert.equal(down.lines.find((line) => line.part === 'bus').ok, false);
      const away = await ctl(stack, ['status'], { env: { BANTER_DATABASE_URL: 'mysql://x@/y?socket=/nonexistent' } });
      assert.equal(away.code, 4);
      assert.match(away.stdout, /database +no +The database is away/);
    }));
});
