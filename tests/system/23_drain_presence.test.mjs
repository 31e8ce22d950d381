// A gateway that drains sends its users to another one: who comes back was never away.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Api, Socket, makeRoom } from './lib/client.mjs';
import { withStack } from './lib/stack.mjs';

describe('a gateway that drains', () => {
  it('lets nobody leave who comes back through another one', async () => {
    await withStack({ workers: 2, gateways: 2, env: { drain_ms: 1_000 } }, async (stack) => {
      const [away, home] = stack.gateways;
      const { owner, room, members } = await makeRoom(new Api(home.url), 4);
      const gone = members[3];
      const watcher = await Socket.open(home.url, room.id, owner.token);
      await watcher.settle();
      const old = await Promise.all(members.map((member) => Socket.open(away.url, room.id, member.token)));
      await Promise.all(old.map((socket) => socket.settle()));
      const heard = (member, action) => (frame) =>
        frame.type === 'user_activity' && frame.user_id === member.id && frame.action === action;
      for (const member of members) await watcher.waitFor(heard(member, 'joined'));

      const back = members.slice(0, 3).map(async (member, index) => {
        assert.equal((await old[index].waitClosed(20_000)).code, 1012);
        const socket = await Socket.open(home.url, room.id, member.token);
        await socket.settle();
        return socket;
      });
      const exit = away.end('SIGTERM', 20_000);
      stack.expectedDead.add(away);
      const sockets = await Promise.all(back);
      assert.deepEqual(await exit, { code: 0, signal: null });
      await watcher.waitFor(heard(gone, 'left'));
      for (const member of members.slice(0, 3)) {
        assert.equal(watcher.frames.filter(heard(member, 'left')).length, 0, 'no flicker');
        assert.equal(watcher.frames.filter(heard(member, 'joined')).length, 1);
      }
      const { users } = (await owner.api.get(`/api/chat/rooms/${room.id}/users`)).json.data;
      for (const user of users) assert.equal(user.is_online, user.id !== gone.id, user.username);
      for (const socket of [watcher, ...sockets]) await socket.end();
    });
  });
});
