// Who has no right to the bus is refused: nothing goes through, one line says so on each side, and
// counters count. What is set by half, or would be plain between hosts, does not start.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { BusKeys, lines, metric, readiness, tcpBus, untilLine } from './lib/bus_keys.mjs';
import { Api, Socket, makeRoom } from './lib/client.mjs';
import { binary } from './lib/env.mjs';
import { freePort } from './lib/ports.mjs';
import { run } from './lib/process.mjs';
import { startStack } from './lib/stack.mjs';
import { poll } from './lib/wait.mjs';

// Both sides see it; whoever does first closes, and the other may see that first.
const ALIKE = /reason=(not_encrypted_alike|broken_off)/;

describe('a broker with keys', () => {
  let keys;
  let others;
  let bus;
  let stack;
  let next = 0;
  before(async () => {
    keys = await BusKeys.make('one', 'stranger');
    others = await BusKeys.make('one');
    keys.allow('one');
    bus = await tcpBus();
    stack = await startStack({
      gatewayEnv: { ...bus.gatewayEnv },
      brokerEnv: { ...bus.brokerEnv, ...keys.broker() },
      ready: false,
    });
    await stack.gateways[0].end(); // it has no key; each test starts its own
    await stack.startGateway(0, keys.gateway('one'));
    await stack.waitReady();
  });
  after(async () => {
    await stack?.stop();
    keys?.remove();
    others?.remove();
  });

  // A gateway that is to be refused: it says why once, counts, has no broker, and answers a command
  // with an error; the one that is allowed goes on.
  async function refuses(settings, { gatewaySays, brokerSays, counter }) {
    const admin = await freePort(2);
    const broker = stack.brokers[0];
    const before = { count: await metric(bus.metricsPort, counter), lines: lines(broker, 'bus.refused').length };
    const gateway = await stack.startGateway((next += 1), {
      command_timeout_ms: 1_000, admin_listen: `127.0.0.1:${admin}`, ...settings,
    });
    await untilLine(gateway, 'bus.broker_refused', gatewaySays);
    await poll('attempts to be counted', async () =>
      (await metric(bus.metricsPort, counter)) >= before.count + 3 &&
      (await metric(admin, 'bus_refused_by_broker_total')) >= 2);
    assert.equal(lines(gateway, 'bus.broker_refused').length, 1, 'one line at the gateway');
    const said = lines(broker, 'bus.refused').slice(before.lines);
    if (brokerSays) assert.match(said.join(''), brokerSays);
    const state = await readiness(gateway);
    assert.equal(state.status, 503);
    assert.match(state.text, /"broker":\s*false/);

    const { owner, room } = await makeRoom(new Api(stack.url), 0);
    const listener = await Socket.open(stack.url, room.id, owner.token);
    const answer = await new Api(gateway.url, { token: owner.token }).post(`/api/chat/rooms/${room.id}/messages`, { text: 'never' });
    assert.equal(answer.status, 503, 'a command finds no broker');
    await listener.say('the others go on');
    assert.deepEqual((await owner.api.history(room.id)).map((message) => message.text), ['the others go on']);
    await listener.end();
    await gateway.end();
    stack.gateways.length = 1;
  }

  it('refuses a gateway whose key is not on the list', async () =>
    refuses(keys.gateway('stranger'), {
      gatewaySays: /reason=not_allowed/,
      brokerSays: new RegExp(`reason=not_allowed key="${keys.read('stranger.pub').trim().replace(/[^\w]/g, '\\$&')}"`),
      counter: 'bus_refused_keys_total',
    }));

  it('refuses a gateway without a key', () =>
    refuses({ bus_plain_tcp: 1 }, {
      gatewaySays: ALIKE,
      counter: 'bus_refused_handshakes_total',
    }));

  it('refuses a gateway that expects another broker', () =>
    refuses({ ...keys.gateway('one'), bus_broker_key_file: others.path('broker.pub') }, {
      gatewaySays: /BANTER_BUS_BROKER_KEY/,
      counter: 'bus_refused_handshakes_total',
    }));

  it('refuses strangers who speak no ZMTP, and goes on', async () => {
    const counter = () => metric(bus.metricsPort, 'bus_refused_handshakes_total');
    for (const bytes of ['GET / HTTP/1.1\r\n\r\n', Buffer.alloc(300, 0xff), Buffer.alloc(300), '\xff\0\0\0\0\0\0\0\x01\x7f\x07']) {
      const before = await counter();
      const socket = net.connect(bus.port, '127.0.0.1');
      socket.on('error', () => {});
      await new Promise((resolve) => socket.once('connect', resolve));
      let got = 0;
      socket.on('data', (data) => (got += data.length));
      socket.end(bytes);
      await poll('it to be counted', async () => (await counter()) > before);
      assert.ok(got < 1_000, 'a greeting at most');
      socket.destroy();
    }
    const { owner, room } = await makeRoom(new Api(stack.url), 0);
    const socket = await Socket.open(stack.url, room.id, owner.token);
    await socket.say('still here');
    await socket.end();
  });

  it('names an address once, however often it comes', () => {
    const said = (pattern) => lines(stack.brokers[0], 'bus.refused').filter((line) => pattern.test(line)).length;
    assert.equal(said(/peer=127\.0\.0\.1 /), 1);
    assert.ok(said(/peer=unknown /) <= 1, 'all whose connection was gone before it was looked at');
    assert.equal(said(/reason=not_allowed/), 1);
    assert.ok(said(/./) <= 3);
  });
});

describe('a broker without keys', () => {
  it('is not spoken to by a gateway with one', async () => {
    const keys = await BusKeys.make('one');
    const bus = await tcpBus();
    const stack = await startStack({ gatewayEnv: bus.gatewayEnv, brokerEnv: bus.brokerEnv });
    try {
      const gateway = await stack.startGateway(1, keys.gateway('one'));
      await untilLine(gateway, 'bus.broker_refused', ALIKE);
      assert.equal((await readiness(gateway)).status, 503);
      await gateway.end();
      // With the key that the gateway expects it comes back by itself; the plain one then does not.
      stack.gateways.length = 1;
      await stack.startGateway(2, keys.gateway('one'));
      await untilLine(stack.gateways[2], 'bus.broker_refused', ALIKE);
      await stack.killBroker();
      await stack.startBroker(0, keys.broker());
      await poll('the gateway with the key to be ready', async () => (await readiness(stack.gateways[2])).status === 200, { timeoutMs: 20_000 });
      await untilLine(stack.gateways[0], 'bus.broker_refused', ALIKE);
    } finally {
      await stack.stop();
      keys.remove();
    }
  });
});

describe('a start is refused', () => {
  let keys;
  let dir;
  before(async () => {
    keys = await BusKeys.make('one');
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'banter-'));
  });
  after(() => {
    keys.remove();
    fs.rmSync(dir, { recursive: true });
  });

  async function says(program, settings, sentence) {
    const env = { PATH: process.env.PATH, BANTER_RUN_DIR: dir, BANTER_ADMIN_LISTEN: '' };
    for (const [name, value] of Object.entries(settings)) env[`BANTER_${name.toUpperCase()}`] = String(value);
    const { code, stderr } = await run(binary(program), [], { env });
    assert.notEqual(code, 0);
    assert.match(stderr, sentence);
    assert.equal(stderr.trim().split('\n').length, 1, stderr);
    assert.ok(!stderr.includes(/secret = (.*)/.exec(keys.read('one.key'))[1]));
  }

  const gateway = (settings, sentence) => says('banter-gateway', settings, sentence);
  const broker = (settings, sentence) => says('banter-broker', settings, sentence);

  it('when the bus would be plain between hosts', async () => {
    const both = /BANTER_BUS_KEY.*BANTER_BUS_PLAIN_TCP=1/;
    for (const address of ['tcp://10.0.0.1:7000', 'tcp://broker:7000', 'tcp://127.0.0.1:7000,tcp://[2001:db8::1]:7000'])
      await gateway({ brokers: address }, both);
    for (const address of ['tcp://0.0.0.0:7000', 'tcp://*:7000', 'tcp://[::]:7000'])
      await broker({ broker_listen: address }, both);
  });

  it('when a key stands alone', async () => {
    await gateway({ bus_key: keys.path('one.key') }, /BANTER_BUS_BROKER_KEY:/);
    await gateway({ bus_broker_key_file: keys.path('broker.pub') }, /BUS_BROKER_KEY is set without BANTER_BUS_KEY/);
    await broker({ bus_key: keys.path('broker.key') }, /BANTER_BUS_GATEWAY_KEYS:/);
    await broker({ bus_gateway_keys: keys.list }, /BUS_GATEWAY_KEYS is set without BANTER_BUS_KEY/);
  });

  it('when a file does not do', async () => {
    await gateway(keys.gateway('nobody'), /nobody\.key cannot be read: No such file/);
    await gateway({ ...keys.gateway('one'), bus_key: keys.path('one.pub') }, /can be read by others: its mode is 644/);
    await gateway({ bus_key: keys.path('one.key'), bus_broker_key: 'abc' }, /BANTER_BUS_BROKER_KEY: that is not a key/);
    await broker({ ...keys.broker(), bus_gateway_keys: keys.path('one.key') }, /line 2: not a key/);
    fs.chmodSync(keys.path('one.key'), 0o640);
    await gateway(keys.gateway('one'), /can be read by others: its mode is 640, chmod 600 it/);
    fs.chmodSync(keys.path('one.key'), 0o600);
    fs.writeFileSync(keys.path('one.key'), keys.read('one.key').replace(/public = .*/, `public = ${keys.read('broker.pub').trim()}`));
    await gateway(keys.gateway('one'), /has a secret key that is not the public key's/);
  });
});
