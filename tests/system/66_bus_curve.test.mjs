// An encrypted bus over tcp: two gateways with keys of their own are one chat; who may connect
// changes while the broker runs.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { BusKeys, lines, metric, readiness, tcpBus, untilLine } from './lib/bus_keys.mjs';
import { Api, ReliableSender, Socket, makeRoom } from './lib/client.mjs';
import { binary } from './lib/env.mjs';
import { freePort } from './lib/ports.mjs';
import { run } from './lib/process.mjs';
import { startStack } from './lib/stack.mjs';
import { poll } from './lib/wait.mjs';

describe('an encrypted bus', () => {
  let keys;
  let bus;
  let stack;
  before(async () => {
    keys = await BusKeys.make('one', 'two', 'late');
    keys.allow('one', 'two');
    bus = await tcpBus();
    stack = await startStack({
      workers: 2,
      gatewayEnv: { ...bus.gatewayEnv, ...keys.gateway('one') },
      brokerEnv: { ...bus.brokerEnv, ...keys.broker() },
    });
    await stack.startGateway(1, keys.gateway('two'));
    await stack.waitReady();
  });
  after(async () => {
    await stack?.stop();
    keys?.remove();
  });

  it('carries a chat between two gateways', async () => {
    const { owner, room, members: [member] } = await makeRoom(new Api(stack.url), 1);
    const here = await Socket.open(stack.gateways[0].url, room.id, owner.token);
    const there = await Socket.open(stack.gateways[1].url, room.id, member.token);
    await there.settle();
    for (let i = 0; i < 20; i += 1) {
      const from = i % 2 === 0 ? here : there;
      const ack = await from.say(`message ${i}`);
      for (const socket of [here, there]) {
        const frame = await socket.waitFor((one) => one.type === 'new_message' && one.text === `message ${i}`);
        assert.equal(frame.id, ack.id);
      }
    }
    await here.end();
    await there.end();
    assert.equal(await metric(bus.metricsPort, 'bus_refused_keys_total'), 0);
    assert.equal(await metric(bus.metricsPort, 'bus_refused_handshakes_total'), 0);
  });

  it('goes on after the broker was killed', async () => {
    const { owner, room } = await makeRoom(new Api(stack.url), 0);
    const socket = await Socket.open(stack.url, room.id, owner.token);
    await socket.say('before');
    await stack.killBroker();
    await stack.startBroker();
    await socket.say('after');
    await socket.end();
    await stack.waitReady();
  });

  it('lets a gateway in by itself once its key is on the list', async () => {
    const admin = await freePort(2);
    const gateway = await stack.startGateway(2, {
      ...keys.gateway('late'), workers: 1, admin_listen: `127.0.0.1:${admin}`,
    });
    await untilLine(gateway, 'bus.broker_refused', /reason=not_allowed/);
    await untilLine(stack.brokers[0], 'bus.refused', /reason=not_allowed/);
    await poll('several attempts', async () => (await metric(admin, 'bus_refused_by_broker_total')) >= 2);
    await poll('several refusals', async () => (await metric(bus.metricsPort, 'bus_refused_keys_total')) >= 3);
    assert.equal(lines(gateway, 'bus.broker_refused').length, 1);
    assert.equal(lines(stack.brokers[0], 'bus.refused').length, 1);
    assert.equal((await readiness(gateway)).status, 503);
    assert.match((await readiness(gateway)).text, /"broker":\s*false/);

    keys.allow('one', 'two', 'late');
    stack.brokers[0].kill('SIGHUP');
    await stack.waitReady();
    await untilLine(stack.brokers[0], 'bus.allowed', /name="late"/);
    await untilLine(gateway, 'bus.broker_joined');
    const { owner, room } = await makeRoom(new Api(gateway.url), 0);
    const socket = await Socket.open(gateway.url, room.id, owner.token);
    await socket.say('I am in');
    await socket.end();
  });

  it('keeps the list when the new one cannot be read', async () => {
    const good = fs.readFileSync(keys.list, 'utf8');
    fs.writeFileSync(keys.list, `${good}no key\n`);
    stack.brokers[0].kill('SIGHUP');
    assert.match(await untilLine(stack.brokers[0], 'broker.reload_failed'), /BANTER_BUS_GATEWAY_KEYS: .*line 4/);
    fs.writeFileSync(keys.list, good);
    const { owner, room } = await makeRoom(new Api(stack.gateways[2].url), 0);
    const socket = await Socket.open(stack.gateways[2].url, room.id, owner.token);
    await socket.say('still in');
    await socket.end();
  });

  it('cuts a gateway off whose key was removed, and nobody loses a message', async () => {
    const { owner, room, members: [member] } = await makeRoom(new Api(stack.url), 1);
    const sender = new ReliableSender(stack.url, room.id, owner.token, { window: 5, retryMs: 1_000 });
    const listener = await Socket.open(stack.gateways[1].url, room.id, member.token);
    const cut = await Socket.open(stack.gateways[2].url, room.id, member.token);
    await cut.settle();
    await listener.settle();
    const texts = Array.from({ length: 200 }, (_, i) => `n ${i}`);
    let removed = false;
    const sending = sender.send(texts, {
      gap: async () => {
        if (removed || sender.acked.size < 20) return;
        removed = true;
        keys.allow('one', 'two');
        stack.brokers[0].kill('SIGHUP');
      },
    });
    await sending;
    await poll('the third gateway to be without a broker', async () => (await readiness(stack.gateways[2])).status === 503);
    await poll('the broker to say so once more', () => lines(stack.brokers[0], 'bus.refused').length === 2);
    assert.ok(lines(stack.brokers[0], 'bus.refused')[1].includes(`key="${keys.read('late.pub').trim()}"`));

    await sender.send(['after the cut']);
    await listener.waitFor((frame) => frame.text === 'after the cut');
    const history = await owner.api.history(room.id);
    const heard = listener.frames.filter((frame) => frame.type === 'new_message').map((frame) => frame.text);
    assert.deepEqual(heard, history.map((message) => message.text));
    assert.equal(history.length, texts.length + 1);
    assert.ok(!cut.frames.some((frame) => frame.text === 'after the cut'), 'nothing is delivered to it');
    await sender.stop();
    await listener.end();
    await cut.end();
  });

  it('has key files that are made once', async () => {
    const before = keys.read('broker.key');
    const again = await run(binary('banterctl'), ['keys', keys.dir, 'one', 'new', '--json']);
    assert.equal(again.code, 0, again.stderr);
    const { keys: made } = JSON.parse(again.stdout);
    assert.deepEqual(made.map((key) => [key.name, key.made]), [['broker', false], ['one', false], ['new', true]]);
    assert.equal(keys.read('broker.key'), before);
    assert.equal(made[2].public, keys.read('new.pub').trim());
    assert.match(keys.read('gateways.allow'), / new\n$/);
    assert.equal(fs.statSync(keys.path('new.key')).mode & 0o777, 0o600);
    assert.ok(!again.stdout.includes(/secret = (.*)/.exec(before)[1]), 'no secret is shown');
    const wrong = await run(binary('banterctl'), ['keys', keys.dir, '../x']);
    assert.equal(wrong.code, 1);
    // A list whose last line somebody's editor did not end: a key is not added to that line's name.
    fs.writeFileSync(keys.list, keys.read('gateways.allow').trimEnd());
    assert.equal((await run(binary('banterctl'), ['keys', keys.dir, 'newer'])).code, 0);
    assert.ok(keys.read('gateways.allow').split('\n').includes(`${keys.read('newer.pub').trim()} newer`));
    // A .pub file of a pair that is gone, or that was cut short, is not passed on as if it were good.
    for (const text of [keys.read('new.pub'), '']) {
      fs.writeFileSync(keys.path('newer.pub'), text);
      const stale = await run(binary('banterctl'), ['keys', keys.dir, 'newer']);
      assert.equal(stale.code, 1);
      assert.match(stale.stderr, /newer\.pub is not the public key of the \.key file/);
    }
  });
});

describe('an encrypted bus over UNIX sockets', () => {
  it('goes on at the same address after a key was removed, again and again', async () => {
    const keys = await BusKeys.make('one', 'other');
    const stack = await startStack({ gatewayEnv: keys.gateway('one'), brokerEnv: keys.broker() });
    try {
      const { owner, room } = await makeRoom(new Api(stack.url), 0);
      const socket = await Socket.open(stack.url, room.id, owner.token);
      for (let i = 0; i < 10; i += 1) {
        keys.allow('one', 'other');
        stack.brokers[0].kill('SIGHUP');
        await poll('the key to be there', () => lines(stack.brokers[0], 'bus.keys').length === 2 * i + 2);
        keys.allow('one');
        stack.brokers[0].kill('SIGHUP');
        await poll('the key to be gone', () => lines(stack.brokers[0], 'bus.keys').length === 2 * i + 3);
        await socket.say(`after ${i}`);
      }
      assert.equal(lines(stack.brokers[0], 'broker.reconnect').length, 10);
      await socket.waitFor((frame) => frame.text === 'after 9');
      assert.deepEqual(socket.messages.map((message) => message.text), Array.from({ length: 10 }, (_, i) => `after ${i}`));
      await socket.end();
    } finally {
      await stack.stop();
      keys.remove();
    }
  });
});

describe('a broker that is known by a name', () => {
  it('lets a gateway in again once its key is back on the list', async () => {
    const keys = await BusKeys.make('one');
    const bus = await tcpBus();
    keys.allow('one');
    const stack = await startStack({
      gatewayEnv: { ...keys.gateway('one'), brokers: bus.address.replace('127.0.0.1', 'localhost') },
      brokerEnv: { ...bus.brokerEnv, ...keys.broker() },
    });
    try {
      await stack.killBroker();
      keys.allow();
      await stack.startBroker();
      // After a connection that stood, ZeroMQ says the address that it found and not the name.
      await untilLine(stack.gateways[0], 'bus.broker_refused', /reason=not_allowed address="tcp:\/\/127\.0\.0\.1/);
      keys.allow('one');
      stack.brokers[0].kill('SIGHUP');
      await stack.waitReady();
      const { owner, room } = await makeRoom(new Api(stack.url), 0);
      const socket = await Socket.open(stack.url, room.id, owner.token);
      await socket.say('in');
      await socket.end();
    } finally {
      await stack.stop();
      keys.remove();
    }
  });
});
