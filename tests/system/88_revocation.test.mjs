// A login that ends while it has many sockets, or while handshakes with its token are on the way.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { metric } from './lib/bus_keys.mjs';
import { Api, Socket, assertEnvelope, makeRoom } from './lib/client.mjs';
import { MultiSocket } from './lib/multi_socket.mjs';
import { freePort } from './lib/ports.mjs';
import { OPCODE, RawConnection, handshakeRequest } from './lib/raw.mjs';
import { withStack } from './lib/stack.mjs';
import { poll } from './lib/wait.mjs';

// Only the bus, and what it sets off, closes sockets here: nothing is looked up by the clock.
const NEVER = { gatewayEnv: { session_check_ms: 3_600_000 } };
const MANY = 400;
const KNOCKING = 600;

const WAITING = "SELECT info FROM information_schema.processlist WHERE state LIKE 'Waiting for table%' AND info LIKE '%epoch%'";

const idOfOther = async (user) => {
  const { json } = await user.api.get('/api/sessions');
  assert.equal(json.length, 2);
  return json.find((session) => !session.current).id;
};

describe('a login that is ended', () => {
  it('takes all of its sockets with it at once, on every worker', () =>
    withStack({ workers: 2, ...NEVER }, async (stack) => {
      const api = new Api(stack.url);
      const { owner, room } = await makeRoom(api, 0);
      const other = await api.login(owner);
      const kept = await Socket.open(stack.url, room.id, owner.token);
      const sockets = [];
      for (let i = 0; i < MANY; i += 50) {
        sockets.push(...(await Promise.all(Array.from({ length: 50 }, () => Socket.open(stack.url, room.id, other)))));
      }
      await Promise.all(sockets.map((socket) => socket.settle()));
      assertEnvelope(await owner.api.delete(`/api/sessions/${await idOfOther(owner)}`));
      for (const socket of sockets) assert.equal((await socket.waitClosed()).code, 4001);
      assert.equal((await kept.say('still here')).type, 'ack');
      await kept.end();
    }));

  it('is counted once by a worker that had sockets of it, and not by one that had none', async () => {
    const admin = await freePort();
    const gatewayEnv = { ...NEVER.gatewayEnv, admin_listen: `127.0.0.1:${admin}` };
    await withStack({ workers: 1, gatewayEnv }, async (stack) => {
      const api = new Api(stack.url);
      const { owner, room } = await makeRoom(api, 0);
      await api.login(owner);
      assertEnvelope(await owner.api.delete(`/api/sessions/${await idOfOther(owner)}`));
      const other = await api.login(owner);
      const sockets = [await Socket.open(stack.url, room.id, other), await MultiSocket.open(stack.url, other)];
      assertEnvelope(await owner.api.delete(`/api/sessions/${await idOfOther(owner)}`));
      for (const socket of sockets) assert.equal((await socket.waitClosed()).code, 4001);
      assert.equal(await metric(admin, 'sessions_revoked_total'), 1);
    });
  });

  it('lets none of the sockets stay that were being opened meanwhile', () =>
    withStack({ workers: 2, ...NEVER }, async (stack) => {
      const api = new Api(stack.url);
      const { owner, room } = await makeRoom(api, 0);
      for (let round = 0; round < 3; round += 1) {
        const other = await api.login(owner);
        const id = await idOfOther(owner);
        const connections = await Promise.all(Array.from({ length: KNOCKING }, () => RawConnection.open(stack)));
        const headers = { Authorization: `Bearer ${other}` };
        const knock = (connection, i) =>
          connection.write(handshakeRequest(i % 2 ? '/ws/chat' : `/ws/chat/${room.id}`, { headers }));
        // A third before, a third beside, a third after the answer.
        const third = KNOCKING / 3;
        connections.slice(0, third).forEach(knock);
        const ending = owner.api.delete(`/api/sessions/${id}`);
        connections.slice(third, 2 * third).forEach(knock);
        assertEnvelope(await ending);
        const late = connections.slice(2 * third);
        late.forEach(knock);
        for (const connection of connections) {
          assert.equal((await connection.readResponse()).status, 101);
          // A ping may come to anybody.
          let frame = await connection.readFrameUntil(({ opcode }) => opcode !== OPCODE.PING);
          // Who knocked after the answer was never let in: the first frame is the close.
          if (late.includes(connection)) assert.equal(frame.opcode, OPCODE.CLOSE);
          while (frame.opcode !== OPCODE.CLOSE) frame = await connection.readFrame();
          assert.ok([1008, 4001].includes(frame.payload.readUInt16BE(0)));
        }
        for (const connection of connections) connection.destroy();
      }
    }));

  // The bus says it while the handshake's look-up has found the session and is not back yet: a
  // lock on its second statement's table holds it. A request at that worker would wait, too, so the
  // login is ended at the other gateway.
  it('lets no socket stay whose look-up was under way when the end was heard', () =>
    withStack({ workers: 1, gateways: 2, ...NEVER }, async (stack) => {
      const { database } = stack;
      const elsewhere = (user) => new Api(stack.gateways[1].url, { token: user.token });
      const api = new Api(stack.url);
      const { owner, room, members: [witness] } = await makeRoom(api, 1);
      const other = await api.login(owner);
      const otherId = await idOfOther(owner);
      const second = await api.login(witness);
      const witnessId = await idOfOther(witness);
      const heard = await MultiSocket.open(stack.url, second);

      const lock = await database.hold('LOCK TABLES meta WRITE');
      const connection = await RawConnection.open(stack);
      connection.write(handshakeRequest('/ws/chat', { headers: { Authorization: `Bearer ${other}` } }));
      assert.equal((await connection.readResponse()).status, 101);
      await poll('its look-up to wait for the epoch', async () => (await database.query(WAITING)).length === 1);
      assertEnvelope(await elsewhere(owner).delete(`/api/sessions/${otherId}`));
      // The bus keeps the order: who has heard this one has heard the one before.
      assertEnvelope(await elsewhere(witness).delete(`/api/sessions/${witnessId}`));
      assert.equal((await heard.waitClosed()).code, 4001);
      await lock.release();

      // The session was there when it was asked for, so there is a hello; then it is asked for again.
      assert.equal((await connection.readJson('hello')).type, 'hello');
      assert.equal((await connection.readClose()).code, 4001);
      connection.destroy();
      const kept = await Socket.open(stack.url, room.id, owner.token);
      assert.equal((await kept.say('still here')).type, 'ack');
      await kept.end();
    }));
});
