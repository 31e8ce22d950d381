// Key files of an encrypted bus, by banterctl keys, and the stack that uses them over tcp.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { binary } from './env.mjs';
import { freePort } from './ports.mjs';
import { run } from './process.mjs';
import { poll } from './wait.mjs';

export class BusKeys {
  static async make(...names) {
    const keys = new BusKeys();
    keys.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'banter-keys-'));
    const { code, stderr } = await run(binary('banterctl'), ['keys', keys.dir, ...names]);
    assert.equal(code, 0, stderr);
    return keys;
  }

  path(name) {
    return path.join(this.dir, name);
  }

  read(name) {
    return fs.readFileSync(this.path(name), 'utf8');
  }

  get list() {
    return this.path('gateways.allow');
  }

  // Who may connect from now on, once the broker has read it.
  allow(...names) {
    fs.writeFileSync(this.list, names.map((name) => `${this.read(`${name}.pub`).trim()} ${name}\n`).join(''));
  }

  broker() {
    return { bus_key: this.path('broker.key'), bus_gateway_keys: this.list };
  }

  gateway(name) {
    return { bus_key: this.path(`${name}.key`), bus_broker_key_file: this.path('broker.pub') };
  }

  remove() {
    fs.rmSync(this.dir, { recursive: true, force: true });
  }
}

// Settings of a stack whose bus is tcp on loopback; metricsPort is the broker's.
export async function tcpBus() {
  const [port, admin] = [await freePort(2), await freePort(2)];
  const address = `tcp://127.0.0.1:${port}`;
  return {
    port,
    address,
    metricsPort: admin + 1,
    brokerEnv: { broker_listen: address, admin_listen: `127.0.0.1:${admin}` },
    gatewayEnv: { brokers: address },
  };
}

export async function metric(port, name) {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`, { headers: { connection: 'close' } });
  const text = await answer.text();
  const samples = [...text.matchAll(new RegExp(`^banter_${name}(?:\\{[^}]*\\})? (\\d+)$`, 'gm'))];
  assert.ok(samples.length > 0, `${name} is there`);
  return samples.reduce((sum, sample) => sum + Number(sample[1]), 0);
}

// The lines of this event in a program's log.
export function lines(program, event) {
  return program.output().split('\n').filter((line) => line.includes(`event=${event} `));
}

export function untilLine(program, event, pattern = /./) {
  return poll(`${program.name} to say ${event}`, () => lines(program, event).find((line) => pattern.test(line)));
}

// What a gateway says of itself.
export async function readiness(gateway) {
  const answer = await fetch(`${gateway.url}/readyz`, { headers: { connection: 'close' } });
  return { status: answer.status, text: await answer.text() };
}
