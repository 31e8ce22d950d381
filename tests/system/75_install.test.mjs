// "make install" into a folder, and a gateway that runs from there; the example configurations.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Api, makeRoom } from './lib/client.mjs';
import { BIN_DIR, ROOT, binary } from './lib/env.mjs';
import { withStack } from './lib/stack.mjs';

const EXAMPLES = path.join(ROOT, 'deploy/systemd');

// What "make install" calls once everything is built; make itself might build anew, under the tests
// that run beside this one.
const install = (target) =>
  execFileSync('sh', [path.join(ROOT, 'deploy/install.sh'), path.dirname(BIN_DIR)], {
    env: { PATH: process.env.PATH, DESTDIR: target, PREFIX: '/usr/local' },
    encoding: 'utf8',
  });

describe('make install', () => {
  let target;
  const at = (file) => path.join(target, file);

  before(() => {
    target = fs.mkdtempSync(path.join(os.tmpdir(), 'banter-install-'));
    install(target);
  });
  after(() => fs.rmSync(target, { recursive: true }));

  it('puts everything where it belongs', () => {
    for (const file of [
      'etc/banter/gateway.conf',
      'etc/banter/broker.conf',
      'usr/local/bin/banter-gateway',
      'usr/local/bin/banter-broker',
      'usr/local/bin/banterctl',
      'usr/local/lib/systemd/system/banter-gateway.service',
      'usr/local/lib/systemd/system/banter-broker.service',
      'usr/local/lib/sysusers.d/banter.conf',
      'usr/local/share/bash-completion/completions/banterctl',
      'usr/local/share/banter/assets/index.html',
      'usr/local/share/banter/database.sh',
      'usr/local/share/banter/examples/haproxy/haproxy.cfg',
      'usr/local/share/banter/examples/kubernetes/gateway.yml',
      'usr/local/share/banter/examples/monitoring/alerts.yml',
      'usr/local/share/banter/examples/systemd/credentials.conf',
      'usr/local/share/doc/banter/SETTINGS.md',
      'usr/local/share/man/man1/banterctl.1',
      'usr/local/share/man/man8/banter-gateway.8',
    ])
      assert.ok(fs.statSync(at(file)).size > 0, file);
    assert.equal(fs.statSync(at('etc/banter/gateway.conf')).mode & 0o777, 0o640);
    assert.match(
      fs.readFileSync(at('usr/local/lib/systemd/system/banter-gateway.service'), 'utf8'),
      /^ExecStart=\/usr\/local\/bin\/banter-gateway$/m,
    );
  });

  it('has no file that runs as its owner, and none that everybody may write', () => {
    const files = fs.readdirSync(target, { recursive: true, withFileTypes: true });
    assert.ok(files.length > 50);
    for (const file of files) {
      const { mode } = fs.lstatSync(path.join(file.parentPath ?? file.path, file.name));
      assert.equal(mode & 0o6000, 0, file.name);
      assert.ok(file.isSymbolicLink() || (mode & 0o002) === 0, file.name);
    }
  });

  it('leaves a configuration that is there', () => {
    fs.appendFileSync(at('etc/banter/gateway.conf'), '# mine\n');
    assert.match(install(target), /gateway\.conf is there already/);
    assert.match(fs.readFileSync(at('etc/banter/gateway.conf'), 'utf8'), /# mine\n$/);
  });

  it('runs from there, with the assets that it brought', () =>
    withStack({ gatewayFile: at('usr/local/bin/banter-gateway') }, async (stack) => {
      const { room } = await makeRoom(new Api(stack.url), 0);
      assert.ok(room.id > 0);
      const page = await fetch(`${stack.url}/`, { headers: { accept: 'text/html' } });
      assert.equal(await page.text(), fs.readFileSync(at('usr/local/share/banter/assets/index.html'), 'utf8'));
    }));
});

describe('the example configurations', () => {
  let dir;
  before(() => {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'banter-conf-'));
    execFileSync(binary('banterctl'), ['keys', path.join(dir, 'keys'), 'gateway1']);
    fs.writeFileSync(path.join(dir, 'database-url'), 'mysql://banter@127.0.0.1:1/banter\n');
  });
  after(() => fs.rmSync(dir, { recursive: true }));

  // Without what the environment sets. A database that is not there is no matter here.
  const check = (program, file) => {
    const done = spawnSync(binary('banterctl'), ['check-config', program, `--config=${file}`, '--json'], {
      env: { PATH: process.env.PATH },
      encoding: 'utf8',
    });
    assert.ok([0, 1].includes(done.status), done.stderr);
    return done.stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
  };

  for (const program of ['gateway', 'broker']) {
    const text = fs.readFileSync(path.join(EXAMPLES, `${program}.conf`), 'utf8');

    it(`${program}.conf is usable as it is`, () => {
      const lines = check(program, path.join(EXAMPLES, `${program}.conf`));
      const set = lines.filter((line) => line.setting && /\.conf:\d+$/.test(line.from)).map((line) => line.setting);
      assert.deepEqual(set.sort(), [...text.matchAll(/^(BANTER_\w+)=/gm)].map(([, name]) => name).sort());
    });

    it(`${program}.conf: each line that is commented out is usable`, () => {
      const off = [...text.matchAll(/^# (BANTER_\w+)=(.*)$/gm)];
      assert.ok(off.length > 3);
      for (const [, name, value] of off) {
        // The keys belong together, so they come with each.
        const keys = off.filter(([, other]) => other.startsWith('BANTER_BUS_') && other !== name);
        const all = new Map([...keys.map(([, other, text2]) => [other, text2]), [name, value]]);
        const file = path.join(dir, 'one.conf');
        const content = [...all].map(([other, text2]) => `${other}=${text2}\n`).join('');
        fs.writeFileSync(
          file,
          content.replaceAll('/etc/banter/keys/', `${dir}/keys/`).replace(/\/run\/credentials\/[^/]*\//, `${dir}/`),
        );
        check(program, file);
      }
    });

    it(`${program}.conf: a number that is commented out is the default`, () => {
      const rows = fs.readFileSync(path.join(ROOT, 'src/common/settings.def'), 'utf8');
      for (const [, name, value] of text.matchAll(/^# BANTER_(\w+)=(\d+)$/gm))
        assert.match(rows, new RegExp(`"${name}", [GBC| ]+, "[^"]*", ${value},`), name);
    });
  }

  it('the unit gives a gateway the time to drain', () => {
    const rows = fs.readFileSync(path.join(ROOT, 'src/common/settings.def'), 'utf8');
    const unit = fs.readFileSync(path.join(EXAMPLES, 'banter-gateway.service'), 'utf8');
    const ms = (name) => Number(new RegExp(`"${name}", G, "ms", (\\d+)`).exec(rows)[1]);
    const stop = Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)[1]);
    assert.ok(stop * 1000 >= ms('DRAIN_NOTICE_MS') + ms('DRAIN_MS') + 10_000);
    assert.ok(fs.readFileSync(path.join(EXAMPLES, 'gateway.conf'), 'utf8').includes(`TimeoutStopSec=${stop}.`));
  });
});
