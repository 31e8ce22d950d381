// How many instructions of ours do a delivery and a message cost, and is it more than it was?
//
//   node bench/guard/guard.mjs FOLDER            compares with counts.json; status 1 if one rose
//   node bench/guard/guard.mjs FOLDER --write    makes today's counts the ones to compare with
//
// FOLDER has the programs hot_paths and handshake. callgrind counts what was executed, not time: the counts do not depend on what else the machine
// does, but they do on the compiler, so counts.json says which one it was.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SCENARIOS = {
  delivery_busy: 'one delivery: 64 events of a turn to each of 1,000 members',
  delivery_single: 'one delivery: one event of a turn to each of 1,000 members',
  delivery_deflated: 'one delivery: 64 events of a turn to each of 1,000 members with permessage-deflate',
  message_up: "a member's message: WebSocket frame, JSON, checks, dedupe key, command",
  event_down: "an event: JSON for clients, bus message",
  handshake: 'a WebSocket: from the request to the first frame of its room, over played pool, database and bus',
};
const RISE_MAX = 1.05;
const FILE = new URL('counts.json', import.meta.url);

const PROGRAMS = { handshake: 'handshake' };

const [folder, mode] = process.argv.slice(2);
if (!folder) {
  console.error('usage: guard.mjs FOLDER [--write]');
  process.exit(2);
}

function count(scenario) {
  const results = mkdtempSync(join(tmpdir(), 'banter-guard-'));
  const program = join(folder, PROGRAMS[scenario] ?? 'hot_paths');
  try {
    const out = join(results, 'out');
    const printed = execFileSync(
      'valgrind',
      ['--tool=callgrind', '--toggle-collect=measured', `--callgrind-out-file=${out}`, program, scenario],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 300_000 },
    );
    const units = Number(/UNITS (\d+)/.exec(printed)[1]);
    const instructions = Number(/^(?:summary|totals): (\d+)/m.exec(readFileSync(out, 'utf8'))[1]);
    return instructions / units;
  } finally {
    rmSync(results, { recursive: true });
  }
}

const compiler = execFileSync('gcc', ['-dumpfullversion'], { encoding: 'utf8' }).trim();
const counts = Object.fromEntries(Object.keys(SCENARIOS).map((name) => [name, Number(count(name).toFixed(1))]));

if (mode === '--write') {
  writeFileSync(FILE, `${JSON.stringify({ compiler: `gcc ${compiler}`, instructions: counts }, null, 2)}\n`);
  console.log(counts);
  process.exit(0);
}

const before = JSON.parse(readFileSync(FILE, 'utf8'));
let failed = 0;
if (before.compiler !== `gcc ${compiler}`) console.log(`# counted with ${before.compiler}, this is gcc ${compiler}`);
for (const [name, what] of Object.entries(SCENARIOS)) {
  const ratio = counts[name] / before.instructions[name];
  const good = ratio <= RISE_MAX;
  failed += good ? 0 : 1;
  console.log(
    `${good ? 'ok' : 'not ok'} ${name}: ${counts[name]} instructions (${before.instructions[name]} before, ${((ratio - 1) * 100).toFixed(1)} %): ${what}`,
  );
}
console.log(`${Object.keys(SCENARIOS).length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
