// A login that ends while it has many sockets, or while handshakes with its token are on the way.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Api, Socket, assertEnvelope, makeRoom } from './lib/client.mjs';
import { OPCODE, RawConnection, handshakeRequest } from './lib/raw.mjs';
import { withStack } from './lib/stack.mjs';

// Only the bus, and what it sets off, closes sockets here: nothing is looked up by the clock.
const NEVER = { gatewayEnv: { session_check_ms: 3_600_000 } };
const MANY = 400;
const KNOCKING = 600;

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
});
