// How many logins an account has at a time, and that ending very many at once costs the bus next to
// nothing.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Socket, assertEnvelope, assertError } from './lib/client.mjs';
import { withLimits } from './lib/limits.mjs';

const MANY = 2500; // sessions from when there was no bound
const NEXT = 'another good one';

const makeMany = (stack, user) =>
  stack.database.query(`INSERT INTO sessions SELECT UNHEX(SHA2(CONCAT('${user.username} ', seq), 256)), ${user.id}, 1, 4000000000000000 FROM seq_1_to_${MANY}`);

describe('the sessions of an account', () => {
  it('are bounded: one more ends the oldest, whose sockets close, and nobody else\'s', () =>
    withLimits({ sessions_per_user: 3 }, async ({ stack, api, user, other, room, count }) => {
      const second = await api.login(user);
      const third = await api.login(user);
      const oldest = await Socket.open(stack.url, room.id, user.token);
      const kept = await Socket.open(stack.url, room.id, second);
      await Promise.all([oldest.settle(), kept.settle()]);
      const fourth = await api.login(user);
      assert.equal((await oldest.waitClosed()).code, 4001);
      assertError(await user.api.get('/api/sessions'), 401, 'invalid_token');
      for (const token of [second, third, fourth, other.token]) {
        assert.equal((await api.as(token).get('/api/sessions')).status, 200);
      }
      assert.equal((await kept.say('still here')).type, 'ack');
      assert.equal(await count('shed_total{reason="sessions_of_user"}'), 1);
      // Many at once: as many as may are left, and they work.
      const tokens = await Promise.all(Array.from({ length: 12 }, () => api.login(user)));
      const answers = await Promise.all(tokens.map((token) => api.as(token).get('/api/sessions')));
      const alive = answers.filter((answer) => answer.status === 200);
      assert.equal(alive.length, 3);
      assert.equal(alive[0].json.length, 3);
      assert.equal((await kept.waitClosed()).code, 4001);
    }));

  it('end by a few messages on the bus, however many they are', () =>
    withLimits({ sessions_per_user: 0 }, async ({ stack, api, user, room, count }) => {
      for (const end of [
        () => user.api.delete('/api/sessions'),
        () => user.api.post('/api/password', { current_password: user.password, new_password: NEXT }),
      ]) {
        const socket = await Socket.open(stack.url, room.id, await api.login(user));
        await socket.settle();
        await makeMany(stack, user);
        const before = await count('commands_total');
        assert.deepEqual(assertEnvelope(await end()), { ended: MANY + 1 });
        assert.equal((await socket.waitClosed()).code, 4001);
        assert.equal((await count('commands_total')) - before, Math.ceil((MANY + 1) / 1000));
      }
    }));
});
