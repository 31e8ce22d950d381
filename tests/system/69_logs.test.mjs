// The logs of real programs: one object a line when JSON is wanted, levels by module, and settings
// that cannot be used are refused with a sentence.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { Api, Socket, makeRoom } from './lib/client.mjs';
import { ROOT, binary } from './lib/env.mjs';
import { run } from './lib/process.mjs';
import { withStack } from './lib/stack.mjs';
import { poll } from './lib/wait.mjs';

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

describe('logs', () => {
  it('are JSON, each line an object, when that is wanted', async () => {
    let text;
    await withStack({ workers: 2, env: { log_format: 'json', log_level: 'debug' } }, async (stack) => {
      const { owner, room } = await makeRoom(new Api(stack.url), 1);
      const socket = await Socket.open(stack.url, room.id, owner.token);
      await socket.say('a secret that nobody logs');
      await socket.end();
      await stack.database.kill();
      await poll('a line about it', () => stack.logs().includes('"db.unavailable"'));
      await stack.database.start();
      await stack.waitReady();
      await stack.killWorker();
      await stack.waitReady();
      text = stack.logs();
      assert.ok(!text.includes(owner.token) && !text.includes('a secret'), 'no token, no text');
    });
    const events = new Set();
    const documented = fs.readFileSync(`${ROOT}/docs/LOGS.md`, 'utf8');
    for (const line of text.split('\n').filter(Boolean)) {
      const object = JSON.parse(line);
      const keys = Object.keys(object);
      assert.deepEqual(keys.slice(0, 4), ['time', 'level', 'process', 'event'], line);
      assert.match(object.time, TIME);
      assert.match(object.process, /^(broker|gateway(\.(w\d+|admin))?)$/);
      assert.ok(['debug', 'info', 'warn', 'error'].includes(object.level), line);
      assert.equal(line.match(/"(\w+)":/g).length, keys.length, `each key once: ${line}`);
      assert.ok(documented.includes(`| \`${object.event}\` |`), object.event);
      events.add(object.event);
      if (object.event === 'worker.ready') assert.equal(typeof object.pid, 'number');
      if (object.event === 'db.unavailable') assert.equal(typeof object.error, 'string');
    }
    for (const event of ['broker.ready', 'master.ready', 'worker.ready', 'db.unavailable', 'master.child_died'])
      assert.ok(events.has(event), event);
  });

  it('leave out what is below a level, by module', async () => {
    await withStack({ env: { log_level: 'error,worker=info' } }, async (stack) => {
      const text = stack.logs();
      assert.match(text, / info gateway\.w0 event=worker\.ready /);
      assert.doesNotMatch(text, /event=(master|broker)\./);
    });
  });

  it('change their level and format at SIGHUP', async () => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'banter-logs-'));
    const config = path.join(dir, 'banter.conf');
    try {
      fs.writeFileSync(config, 'BANTER_PING_MS=20000\n');
      // A setting of the environment would win over the file's.
      const env = { config, log_level: undefined };
      await withStack({ env }, async (stack) => {
        assert.match(stack.logs(), / info gateway\.w0 event=worker\.ready /);
        fs.writeFileSync(config, 'BANTER_LOG_FORMAT=json\nBANTER_LOG_LEVEL=error,worker=info,master=info\n');
        for (const program of [stack.gateways[0], stack.brokers[0]]) program.kill('SIGHUP');
        await poll('a worker to say so in JSON', () =>
          /"process":"gateway\.w0","event":"worker\.ready"/.test(stack.logs()));
        await stack.waitReady();
        const before = stack.logs().length;
        await stack.killBroker();
        await stack.startBroker();
        await stack.waitReady();
        assert.doesNotMatch(stack.logs().slice(before), /"?event"?[=:]"?broker\.ready/, 'info of the broker is left out');
      });
    } finally {
      fs.rmSync(dir, { recursive: true });
    }
  });

  for (const [program, setting, value, sentence] of [
    ['banter-gateway', 'log-level', 'loud', /BANTER_LOG_LEVEL.*"loud" is no level/s],
    ['banter-gateway', 'log-level', 'info,db', /BANTER_LOG_LEVEL.*"db" is no level/s],
    ['banter-broker', 'log-level', 'info,D B=warn', /BANTER_LOG_LEVEL.*"D B" is no module/s],
    ['banter-broker', 'log-format', 'xml', /BANTER_LOG_FORMAT.*"xml" is no format; logfmt or json/s],
  ])
    it(`${program} refuses --${setting}=${value}`, async () => {
      const { code, stderr } = await run(binary(program), [`--${setting}=${value}`], { env: {} });
      assert.notEqual(code, 0);
      assert.match(stderr, sentence);
    });
});
