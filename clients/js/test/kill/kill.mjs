// The package's kill test as a program: make test-client-kill.
//
//   CLIENT_KILL_SECONDS=300   how long things are killed
//   CLIENT_KILL_SEED=…        to repeat a run's choices; random by default, and printed
//   CLIENT_KILL_GAP_MS=1300   from one fault to the next, on average
//   BANTER_BIN_DIR=…          the build to test
//
// The last line is the result as JSON; the exit status is 0 when every view was the log.
import { randomInt } from 'node:crypto';
import { clientKillStory, table } from './story.mjs';

const result = await clientKillStory({
  seconds: Number(process.env.CLIENT_KILL_SECONDS || 300),
  seed: Number(process.env.CLIENT_KILL_SEED || randomInt(1, 2 ** 31)),
  gapMs: Number(process.env.CLIENT_KILL_GAP_MS || 1_300),
});

console.log(`\n${table(result)}\n`);
console.log(JSON.stringify(result));
process.exit(result.ok ? 0 : 1);
