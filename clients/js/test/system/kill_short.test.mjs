// Twelve seconds of the package's kill test, each kind of fault once and some twice; make test-client-kill has five minutes of it.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { it } from 'node:test';
import { clientKillStory, table } from '../kill/story.mjs';

it('50 clients see the log, whatever is killed', async (t) => {
  const result = await clientKillStory({
    seconds: Number(process.env.CLIENT_KILL_SHORT_SECONDS || 12),
    gapMs: 700,
    seed: Number(process.env.CLIENT_KILL_SEED || randomInt(1, 2 ** 31)),
    log: (line) => t.diagnostic(line),
  });
  t.diagnostic(table(result));
  assert.ok(result.ok, table(result));
});
