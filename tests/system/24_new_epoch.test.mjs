// A restored backup: the log is another one than clients remember, and they are told so.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Api, Socket, makeRoom } from './lib/client.mjs';
import { binary } from './lib/env.mjs';
import { MultiSocket } from './lib/multi_socket.mjs';
import { run } from './lib/process.mjs';
import { withStack } from './lib/stack.mjs';
import { poll } from './lib/wait.mjs';

describe('a new epoch', () => {
  it('ends sockets with 4012, and refuses to resume by the old one', () =>
    withStack({ workers: 2 }, async (stack) => {
      const { owner, room } = await makeRoom(new Api(stack.url), 0);
      const path = `/api/chat/rooms/${room.id}/messages`;
      await owner.api.post(path, { text: 'before' });
      const single = await Socket.open(stack.url, room.id, owner.token, { since: 0 });
      const multi = await MultiSocket.open(stack.url, owner.token);
      const old = await multi.subscribe(room.id, { since: 0 });
      assert.equal(old.recovered, true);

      await stack.killBroker();
      const told = await run(binary('banterctl'), ['new-epoch'], {
        env: { ...process.env, BANTER_DATABASE_URL: stack.database.url },
      });
      assert.equal(told.code, 0, told.stderr);
      assert.match(told.stdout, /epoch is now \d+/);
      await stack.startBroker();

      assert.equal((await single.closed).code, 4012);
      assert.equal((await multi.closed).code, 4012);
      assert.ok(multi.frames.some((frame) => frame.type === 'bye' && frame.code === 4012 && frame.reconnect));

      await poll('the stack to be ready', async () => (await owner.api.get('/readyz')).status === 200);
      const again = await MultiSocket.open(stack.url, owner.token);
      assert.notEqual(again.hello.epoch, old.epoch);
      const refused = await again.subscribe(room.id, { since: old.head, epoch: old.epoch });
      assert.deepEqual([refused.recovered, refused.reason], [false, 'epoch_changed']);
      assert.equal(refused.epoch, again.hello.epoch);
      await again.say(room.id, 'after');
      const verify = await owner.api.get(`/api/chat/rooms/${room.id}/verify`);
      assert.equal(verify.json.holes, 0);
      assert.equal(verify.json.epoch, again.hello.epoch);
    }));

  it('is a command that says what is wrong with its words', async () => {
    for (const words of [[], ['bogus']]) {
      const told = await run(binary('banterctl'), words);
      assert.equal(told.code, 2);
      assert.match(told.stderr, /Usage: banterctl/);
    }
    assert.equal((await run(binary('banterctl'), ['--help'])).code, 0);
    const told = await run(binary('banterctl'), ['new-epoch', '--database-url=mysql://x@/y?socket=/nonexistent']);
    assert.equal(told.code, 4);
    assert.match(told.stderr, /database/i);
  });
});
