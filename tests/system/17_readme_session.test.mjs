// The session in the README, pasted into a shell as a newcomer would: each block of commands prints
// what the block below it says, but for numbers, tokens and times.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ROOT } from './lib/env.mjs';
import { run } from './lib/process.mjs';
import { startStack } from './lib/stack.mjs';

const END_OF_BLOCK = '---- end of a block ----';

// [{commands, expected}] of the blocks between the session's marks; expected may be empty.
function session() {
  const readme = fs.readFileSync(path.join(ROOT, 'README.md'), 'utf8');
  const part = readme.slice(readme.indexOf('<!-- session: begin'), readme.indexOf('<!-- session: end'));
  const blocks = [];
  for (const [, language, text] of part.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)) {
    if (language === 'sh') blocks.push({ commands: text, expected: '' });
    else blocks.at(-1).expected = text;
  }
  return blocks;
}

// Times and tokens first: they have digits. Who is online is told at any time, perhaps after the
// commands are through.
function shape(text) {
  return text
    .replace(/"\d{4}-\d\d-\d\dT[\d:.]+Z"/g, 'TIME')
    .replace(/\b[0-9a-f]{64}\b/g, 'TOKEN')
    .replace(/\d+/g, 'N')
    .split('\n')
    .filter((line) => line !== '' && !line.includes('"user_activity"'));
}

describe('the README', () => {
  let stack;
  before(async () => {
    stack = await startStack({ workers: 2 });
  });
  after(() => stack?.stop());

  it('shows a session that works', async () => {
    const blocks = session();
    assert.ok(blocks.length > 5, 'the session has its blocks');
    const script = blocks
      .map(({ commands }) => `${commands.replaceAll('http://localhost:8000', stack.url)}echo '${END_OF_BLOCK}'\n`)
      .join('');
    const { code, stdout, stderr } = await run('sh', ['-eu', '-c', script], { cwd: ROOT });
    assert.equal(code, 0, stderr);
    const printed = stdout.split(`${END_OF_BLOCK}\n`);
    blocks.forEach(({ commands, expected }, i) => assert.deepEqual(shape(printed[i]), shape(expected), commands));
  });
});
