// The kill test as a program: make test-kill, or node tests/kill/kill.mjs.
//
//   KILL_SECONDS=600   how long things are killed
//   KILL_SEED=…        to repeat a run's choices; random by default, and printed
//   KILL_GAP_MS=1300   from one fault to the next, on average
//   KILL_JSON=file     the result goes there, too
//   BANTER_BIN_DIR=…   the build to test
//
// The last line is the result as JSON; the exit status is 0 when every promise held.
import { randomInt } from 'node:crypto';
import fs from 'node:fs';
import { killStory } from './story.mjs';
import { table } from './verdict.mjs';

const result = await killStory({
  seconds: Number(process.env.KILL_SECONDS || 600),
  seed: Number(process.env.KILL_SEED || randomInt(1, 2 ** 31)),
  gapMs: Number(process.env.KILL_GAP_MS || 1_300),
});

console.log(`\n${table(result)}\n`);
if (process.env.KILL_JSON) fs.writeFileSync(process.env.KILL_JSON, `${JSON.stringify(result, null, 2)}\n`);
console.log(JSON.stringify(result));
process.exit(result.ok ? 0 : 1);
