// Half a minute of the kill test (make test-kill has it at length): whatever is killed, stopped or
// cut, what was acknowledged is in the log once and everyone's list is the log's.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { it } from 'node:test';
import { killStory } from '../kill/story.mjs';
import { table } from '../kill/verdict.mjs';

it('200 clients miss nothing while everything is killed', async (t) => {
  const result = await killStory({
    seconds: Number(process.env.KILL_SHORT_SECONDS || 30),
    seed: Number(process.env.KILL_SEED || randomInt(1, 2 ** 31)),
    log: (line) => t.diagnostic(line),
  });
  t.diagnostic(table(result));
  assert.ok(result.ok, table(result));
});
