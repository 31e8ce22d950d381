// The private MariaDB of `make run` wants nothing of the network, not even names of hosts.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { Database } from './lib/database.mjs';
import { ROOT } from './lib/env.mjs';
import { run } from './lib/process.mjs';
import { endWithUs } from './lib/reaper.mjs';

// Files of one's own in the place of the system's take a mount namespace, and who is not root a user
// namespace, too.
const APART = ['--mount', ...(process.getuid() === 0 ? [] : ['--user', '--map-root-user'])];
const { code: refused } = await run('unshare', [...APART, 'true']).catch(() => ({ code: 1 }));

describe('the private MariaDB', () => {
  it('is made where no name of a host can be looked up', { skip: refused !== 0 && 'no namespaces here' }, async () => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'banter-names-'));
    endWithUs(dir);
    fs.chmodSync(dir, 0o755);
    const empty = path.join(dir, 'empty');
    fs.writeFileSync(empty, '');
    const database = new Database(path.join(dir, 'mariadb'));
    try {
      const { code, stdout, stderr } = await run('unshare', [...APART, 'sh', '-c',
        'for file in /etc/hosts /etc/resolv.conf; do mount --bind "$1" "$file"; done; exec sh "$2" start "$3"',
        'sh', empty, path.join(ROOT, 'deploy/mariadb.sh'), database.dir],
        { env: { ...process.env, TEST_FOLDER: dir }, timeoutMs: 90_000 });
      assert.equal(code, 0, stdout + stderr);
      // Its temporary tables are its own: each server removes those that it finds where its own will be.
      assert.deepEqual(await database.query('SELECT @@tmpdir'), [[path.join(database.dir, 'tmp')]]);
    } finally {
      await database.stop();
      fs.rmSync(dir, { recursive: true });
    }
  });
});
