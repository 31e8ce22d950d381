// A backup by mariadb-backup, which copies the files while the server runs, becomes a server again.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { tellBackupStory } from './lib/backup_story.mjs';
import { run } from './lib/process.mjs';
import { withStack } from './lib/stack.mjs';

const installed = (() => {
  try {
    execFileSync('mariadb-backup', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

async function mariadbBackup(...words) {
  const told = await run('mariadb-backup', ['--no-defaults', ...words], { timeoutMs: 60_000 });
  assert.equal(told.code, 0, told.stderr);
}

const target = (stack) => path.join(stack.dir, 'backup');

// The options are those of docs/OPERATIONS.md.
async function backup(stack) {
  await mariadbBackup('--backup', `--target-dir=${target(stack)}`, `--datadir=${stack.database.dir}/data`,
    `--socket=${stack.database.socket}`, '--user=root');
}

async function restore(stack) {
  const data = path.join(stack.database.dir, 'data');
  const { uid, gid } = fs.statSync(path.join(stack.database.dir, 'mariadb.log'));
  await mariadbBackup('--prepare', `--target-dir=${target(stack)}`);
  await mariadbBackup('--copy-back', `--target-dir=${target(stack)}`, `--datadir=${data}`);
  execFileSync('chown', ['-R', `${uid}:${gid}`, data]);
  await stack.database.start();
}

describe('a backup by mariadb-backup', () => {
  it('taken under load, has all that was acknowledged before it began',
    { skip: installed ? false : 'mariadb-backup is not installed (make lint, or apt-get install mariadb-backup)' },
    (t) =>
      withStack({}, async (stack) => {
        const { before, during, lost } = await tellBackupStory(stack, { backup, restore });
        t.diagnostic(`${before} messages before, ${during} while it was taken, ${lost} not in it`);
      }));
});
