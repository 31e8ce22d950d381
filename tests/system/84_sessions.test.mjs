// One's own logins: another password, the list of sessions, and ending them everywhere.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Api, Socket, assertEnvelope, assertError, socketOnEachWorker } from './lib/client.mjs';
import { ctl } from './lib/ctl.mjs';
import { EventStream } from './lib/event_stream.mjs';
import { startStack, withStack } from './lib/stack.mjs';

const NEXT = 'another good one';
const ID = /^[0-9a-f]{16}$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

describe('sessions', () => {
  let stack;
  let api;
  before(async () => {
    stack = await startStack({ workers: 2 });
    api = new Api(stack.url);
  });
  after(() => stack?.stop());

  const list = async (user) => {
    const answer = await user.api.get('/api/sessions');
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  };
  const change = (user, current, next) =>
    user.api.post('/api/password', { current_password: current, new_password: next });
  const assertDead = async (token) => {
    for (let i = 0; i < 8; i += 1) assertError(await api.as(token).get('/api/sessions'), 401, 'invalid_token');
  };

  it('are listed, the newest first, without anything that opens them', async () => {
    const user = await api.user('lister');
    const second = await api.login(user);
    const sessions = await list(user);
    assert.equal(sessions.length, 2);
    for (const session of sessions) {
      assert.deepEqual(Object.keys(session), ['id', 'created_at', 'expires_at', 'current']);
      assert.match(session.id, ID);
      assert.match(session.created_at, TIME);
      assert.ok(session.expires_at > session.created_at);
      assertError(await api.as(session.id).get('/api/sessions'), 401, 'invalid_token');
    }
    assert.ok(sessions[0].created_at >= sessions[1].created_at);
    assert.deepEqual(sessions.map((session) => session.current), [false, true]);
    const text = JSON.stringify(sessions);
    for (const token of [user.token, second]) assert.ok(!text.includes(token.slice(0, 16)));
    // Operators call them the same.
    const { lines } = await ctl(stack, ['session', 'list', user.username, '--json']);
    assert.deepEqual(lines.map((line) => line.id).sort(), sessions.map((session) => session.id).sort());
    // Those that have expired are not there.
    await stack.database.query(`UPDATE sessions SET expires_at_us = 1 WHERE user_id = ${user.id} AND LOWER(HEX(LEFT(token_hash, 8))) = '${sessions[0].id}'`);
    assert.deepEqual(await list(user), [sessions[1]]);
  });

  it('end one by one: its sockets on every worker close within a second', async () => {
    const user = await api.user('ender');
    const room = await user.api.createRoom();
    const other = await api.login(user);
    const sockets = await socketOnEachWorker(stack, () => Socket.open(stack.url, room.id, other));
    const kept = await Socket.open(stack.url, room.id, user.token);
    await Promise.all([...sockets.values(), kept].map((socket) => socket.settle()));
    const { id } = (await list(user)).find((session) => !session.current);
    assert.deepEqual(assertEnvelope(await user.api.delete(`/api/sessions/${id.toUpperCase()}`)), { ended: 1 });
    for (const socket of sockets.values()) {
      const { code, reason } = await socket.waitClosed();
      assert.equal(`${code} ${reason}`, '4001 Session ended');
    }
    await assertDead(other);
    await kept.settle();
    assert.ok(kept.isOpen);
    assertError(await user.api.delete(`/api/sessions/${id}`), 404, 'session_not_found');
    await kept.end();
    // Also the present one.
    const [mine] = await list(user);
    assertEnvelope(await user.api.delete(`/api/sessions/${mine.id}`));
    await assertDead(user.token);
  });

  it('end all but the present one', async () => {
    const user = await api.user('sweeper');
    const others = await Promise.all(Array.from({ length: 12 }, () => api.login(user)));
    const room = await user.api.createRoom();
    const socket = await Socket.open(stack.url, room.id, others[0]);
    const stream = await EventStream.open(stack.url, `/api/chat/rooms/${room.id}/events`, { token: others[1] });
    assert.equal(stream.status, 200);
    assert.deepEqual(assertEnvelope(await user.api.delete('/api/sessions')), { ended: 12 });
    assert.equal((await socket.waitClosed()).code, 4001);
    await stream.waitEnd();
    for (const token of others) assertError(await api.as(token).get('/api/sessions'), 401, 'invalid_token');
    assert.deepEqual((await list(user)).map((session) => session.current), [true]);
    assert.deepEqual(assertEnvelope(await user.api.delete('/api/sessions')), { ended: 0 });
  });

  it('of others are none of one\'s own', async () => {
    const [user, other] = await api.users(2, 'apart');
    const [theirs] = await list(other);
    assertError(await user.api.delete(`/api/sessions/${theirs.id}`), 404, 'session_not_found');
    for (const id of ['0', '0000000000000000', 'x'.repeat(16), theirs.id.slice(1), `${theirs.id}0`, '%00', '-1', '1e3']) {
      assertError(await user.api.delete(`/api/sessions/${id}`), 404, 'session_not_found');
    }
    assert.deepEqual(await list(other), [theirs]);
  });

  it('end with the password, but the present one; sockets close within a second', async () => {
    const user = await api.user('changer');
    const room = await user.api.createRoom();
    const others = await Promise.all(Array.from({ length: 3 }, () => api.login(user)));
    const kept = await Socket.open(stack.url, room.id, user.token);
    const sockets = await Promise.all(others.map((token) => Socket.open(stack.url, room.id, token)));
    await Promise.all([kept, ...sockets].map((socket) => socket.settle()));
    const data = assertEnvelope(await change(user, user.password, NEXT));
    assert.deepEqual(data, { ended: 3 });
    for (const socket of sockets) assert.equal((await socket.waitClosed()).code, 4001);
    for (const token of others) await assertDead(token);
    assert.equal((await kept.say('still here')).type, 'ack');
    assert.equal((await list(user)).length, 1);
    assertError(await api.post('/api/login', { username: user.username, password: user.password }), 401, 'invalid_credentials');
    await api.login({ username: user.username, password: NEXT });
    await kept.end();
  });

  it('stay when the current password is wrong, or the new one will not do', async () => {
    const user = await api.user('careful');
    const second = await api.login(user);
    const wrong = assertError(await change(user, NEXT, NEXT), 403, 'wrong_password');
    assert.deepEqual(wrong.json.data, { field: 'current_password' });
    for (const [next, code] of [['short', 'password_too_short'], ['password1', 'password_too_common'],
      [user.username, 'password_too_common'], ['xy'.repeat(513), 'validation_failed']]) {
      const answer = assertError(await change(user, user.password, next), 422, code);
      assert.deepEqual(answer.json.data, { field: 'new_password' }, answer.text);
    }
    for (const [body, field] of [[{}, 'current_password'], [{ current_password: 1, new_password: NEXT }, 'current_password'],
      [{ current_password: '', new_password: NEXT }, 'current_password'], [{ current_password: 'x' }, 'new_password']]) {
      const answer = assertError(await user.api.post('/api/password', body), 422, 'validation_failed');
      assert.equal(answer.json.data.field, field);
    }
    assert.equal((await api.as(second).get('/api/sessions')).status, 200);
    await api.login(user);
  });

  it('let one of two changes at once win', async () => {
    const user = await api.user('racer');
    const second = { ...user, api: api.as(await api.login(user)) };
    const answers = await Promise.all([change(user, user.password, `${NEXT} 1`), change(second, user.password, `${NEXT} 2`)]);
    const won = answers.findIndex((answer) => answer.status === 200);
    assert.equal(answers.filter((answer) => answer.status === 200).length, 1, answers.map((answer) => answer.text).join());
    const lost = answers[1 - won];
    assert.ok(['wrong_password', 'invalid_token'].includes(lost.json.code), lost.text);
    await api.login({ username: user.username, password: `${NEXT} ${won + 1}` });
  });

  it('are not made by a login that a change of the password has overtaken', async () => {
    const user = await api.user('leaked');
    let over = false;
    const thief = async () => {
      const tokens = [];
      while (!over) {
        const answer = await api.patientPost('/api/login', { username: user.username, password: user.password });
        if (answer.status === 200) tokens.push(answer.json.data.access_token);
      }
      return tokens;
    };
    const thieves = [thief(), thief(), thief()];
    assertEnvelope(await change(user, user.password, NEXT));
    over = true;
    for (const token of (await Promise.all(thieves)).flat()) {
      assertError(await api.as(token).get('/api/sessions'), 401, 'invalid_token');
    }
  });
});

describe('a login that fails', () => {
  it('answers the same and does the same work for a name that nobody has', () =>
    withStack({ gatewayEnv: { scrypt_log2n: 10 } }, async (stack) => {
      const api = new Api(stack.url);
      const user = await api.register('known');
      const shut = await api.register('shut');
      const gone = await api.user('gone');
      await gone.api.delete('/api/delete');
      const imported = await api.register('imported');
      await stack.database.query(`UPDATE users SET disabled_at_us = 1 WHERE id = ${shut.id}`);
      await stack.database.query(`UPDATE users SET password_hash = NULL WHERE id = ${imported.id}`);
      const seen = [];
      for (const username of [user.username, shut.username, gone.username, imported.username, 'nobody']) {
        const answer = assertError(await api.post('/api/login', { username, password: 'not this one' }), 401, 'invalid_credentials');
        const { date, 'x-request-id': id, ...headers } = answer.headers;
        assert.ok(date && id);
        seen.push({ text: answer.text, headers });
      }
      for (const other of seen.slice(1)) assert.deepEqual(other, seen[0]);
    }));
});
