// A short session that touches every part, for `make valgrind`: gateway and broker run under
// memcheck, and the stack's end fails on any error or leak that it reports. Without
// BANTER_VALGRIND=1 it is one more session.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Api, Follower, Socket, assertError, makeRoom } from './lib/client.mjs';
import { encodeFrame, rawRequest } from './lib/raw.mjs';
import { withStack } from './lib/stack.mjs';

describe('a short session', () => {
  it('touches every part and leaves nothing behind', async () => {
    await withStack({
      workers: 2, env: { ping_ms: 5_000, command_timeout_ms: 60_000, worker_timeout_ms: 60_000, lease_ms: 60_000 },
    }, async (stack) => {
      const api = new Api(stack.url);
      const { owner, room, members: [one, two] } = await makeRoom(api, 2);
      const base = `/api/chat/rooms/${room.id}`;
      const sockets = await Promise.all([owner, one, two].map((user) => Socket.open(stack.url, room.id, user.token)));
      const follower = new Follower(stack.url, room.id, owner.token);
      for (let i = 0; i < 10; i += 1) await sockets[i % 3].say(`message ${i}`);
      await sockets[0].say('twice', 'the same');
      await sockets[1].say('twice', 'the same');
      sockets[0].sendRaw('not JSON');
      sockets[0].sendRaw(Buffer.from([1, 2, 3]));
      await sockets[0].waitType('error');
      assert.equal((await owner.api.post(`${base}/messages`, { text: '\u{1F600}'.repeat(4000) })).status, 200);
      assert.equal((await owner.api.history(room.id)).length, 13);
      await follower.waitSeq(16);
      for (const path of [base, `${base}/users`, '/api/chat/rooms', '/readyz', '/health', '/', '/openapi.json', '/docs']) {
        const answer = await owner.api.get(path);
        assert.ok(answer.status < 400, `${path}: ${answer.status}`);
      }
      const refused = await Socket.open(stack.url, room.id, 'nonsense');
      assert.equal((await refused.waitClosed()).code, 1008);
      assertError(await owner.api.post('/api/chat/rooms', { name: '' }), 422, 'validation_failed');
      assertError(await owner.api.get('/nothing'), 404, 'not_found');
      assertError(await api.get('/api/chat/rooms'), 401, 'unauthenticated');
      assert.equal((await rawRequest(stack, 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n')).status, 400);
      sockets[2].ws._socket.write(encodeFrame('x', { rsv: 4 }));
      assert.equal((await sockets[2].waitClosed()).code, 1002);
      await one.api.leave(room.id);
      await sockets[1].waitClosed();
      await two.api.delete('/api/delete');
      await owner.api.post('/api/logout');
      assert.equal((await sockets[0].waitClosed()).code, 4001);
      follower.stopped = true;
      await follower.running;
    });
  });
});
