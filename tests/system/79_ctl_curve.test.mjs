// banterctl over an encrypted bus: it is a peer like a gateway, with a key of its own.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { BusKeys, tcpBus } from './lib/bus_keys.mjs';
import { Api, Socket, makeRoom } from './lib/client.mjs';
import { ctl } from './lib/ctl.mjs';
import { startStack } from './lib/stack.mjs';

describe('banterctl over an encrypted bus', () => {
  it('is obeyed with a key of the list, and only then', async () => {
    const keys = await BusKeys.make('gateway', 'operator', 'stranger');
    const bus = await tcpBus();
    let stack;
    try {
      keys.allow('gateway', 'operator');
      stack = await startStack({
        workers: 2,
        gatewayEnv: { ...bus.gatewayEnv, ...keys.gateway('gateway') },
        brokerEnv: { ...bus.brokerEnv, ...keys.broker() },
      });
      await stack.waitReady();
      const withKey = (name) => ({
        env: {
          BANTER_BROKERS: bus.address,
          BANTER_BUS_KEY: keys.path(`${name}.key`),
          BANTER_BUS_BROKER_KEY_FILE: keys.path('broker.pub'),
        },
      });
      const { owner, room, members: [member] } = await makeRoom(new Api(stack.url), 1);
      const socket = await Socket.open(stack.url, room.id, member.token);
      const watcher = await Socket.open(stack.url, room.id, owner.token, { since: 0 });
      await watcher.settle();

      const refused = await ctl(stack, ['room', 'delete', String(room.id), '--yes'], withKey('stranger'));
      assert.equal(refused.code, 4, refused.stderr);
      assert.match(refused.stderr, /not_allowed[^]*no broker answers; the room is as it was/);
      const off = await ctl(stack, ['user', 'disable', member.username, '--json'], withKey('operator'));
      assert.equal(off.code, 0, off.stderr);
      assert.deepEqual(off.lines, [{ id: member.id, disabled: true, sockets_told: true }]);
      await socket.waitClosed();
      const status = await ctl(stack, ['status', '--json'], withKey('operator'));
      assert.equal(status.code, 0, status.stdout);
      const gone = await ctl(stack, ['room', 'delete', String(room.id), '--yes', '--json'], withKey('operator'));
      assert.equal(gone.code, 0, gone.stderr);
      assert.deepEqual(gone.lines, [{ id: room.id, removed: true }]);
      await watcher.waitType('room_removed');
    } finally {
      await stack?.stop();
      keys.remove();
    }
  });
});
