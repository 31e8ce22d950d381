// A backup by mariadb-dump, taken while people chat, becomes a server again.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { tellBackupStory } from './lib/backup_story.mjs';
import { run } from './lib/process.mjs';
import { withStack } from './lib/stack.mjs';

// The options are those of docs/OPERATIONS.md.
async function backup(stack) {
  const told = await run('mariadb-dump', [
    '--no-defaults', '--single-transaction', '--quick', '--hex-blob', '--no-tablespaces',
    '--default-character-set=utf8mb4', `--socket=${stack.database.socket}`, '--user=banter',
    `--result-file=${path.join(stack.dir, 'banter.sql')}`, 'banter',
  ], { timeoutMs: 60_000 });
  assert.equal(told.code, 0, told.stderr);
}

async function restore(stack) {
  await stack.database.start();
  await stack.database.query(fs.readFileSync(path.join(stack.dir, 'banter.sql'), 'utf8'));
}

describe('a backup by mariadb-dump', () => {
  it('taken under load, has all that was acknowledged before it began', (t) =>
    withStack({}, async (stack) => {
      const { before, during, lost } = await tellBackupStory(stack, { backup, restore });
      t.diagnostic(`${before} messages before, ${during} while it was taken, ${lost} not in it`);
    }));
});
