// Logins during which the account changes: what was checked must still hold when the session begins.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Api, assertError, uniqueName } from './lib/client.mjs';
import { ctl } from './lib/ctl.mjs';
import { withStack } from './lib/stack.mjs';

describe('a login', () => {
  it('works beside others while an imported hash is replaced', () =>
    withStack({ workers: 2 }, async (stack) => {
      const api = new Api(stack.url);
      const user = await api.register('old');
      // bcrypt of "U*U" (the test vectors of Openwall's crypt_blowfish).
      const bcrypt = '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW';
      await stack.database.query(`UPDATE users SET password_hash = '${bcrypt}' WHERE id = ${user.id}`);
      const tokens = await Promise.all(Array.from({ length: 8 }, () => api.login({ username: user.username, password: 'U*U' })));
      for (const token of tokens) assert.equal((await api.as(token).get('/api/chat/rooms')).status, 200);
      const { lines } = await ctl(stack, ['session', 'list', user.username, '--json']);
      assert.equal(lines.length, 8);
    }));

  it('makes no session that outlives a new password', () =>
    withStack({ workers: 2 }, async (stack) => {
      const api = new Api(stack.url);
      const user = await api.register('leaked');
      let over = false;
      const thief = async () => {
        const tokens = [];
        while (!over) {
          const answer = await api.patientPost('/api/login', { username: user.username, password: user.password });
          if (answer.status === 200) tokens.push(answer.json.data.access_token);
          else assertError(answer, 401, 'invalid_credentials');
        }
        return tokens;
      };
      const thieves = [thief(), thief(), thief(), thief()];
      const password = uniqueName('pw');
      const reset = await ctl(stack, ['user', 'reset-password', user.username, '--password-stdin'], { input: `${password}\n` });
      over = true;
      assert.equal(reset.code, 0, reset.stderr);
      for (const token of (await Promise.all(thieves)).flat()) {
        assertError(await api.as(token).get('/api/chat/rooms'), 401, 'invalid_token');
      }
      await api.login({ username: user.username, password });
    }));
});
