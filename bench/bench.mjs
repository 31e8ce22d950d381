// Measures every scenario with every server that takes part in it, several times; "make bench".
//
//   BENCH_REPEAT=5   how often; the servers of a scenario run one after the other in each
//                    repetition, so that whatever else the machine does hits all of them
//   ONLY=one_room    only scenarios or servers whose name has that text
//   BENCH_DATA_DIR=dir
//                    where the database's files are, where a scenario does not say it: as a rule
//                    the folder for temporary files; /dev/shm is memory
//   BENCH_OUT=dir    where the results go: docs/benchmarks for the whole, else build/bench
//
// The exit status is 1 when a run of Banter failed, or lost, repeated or reordered anything.
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from '../tests/system/lib/env.mjs';
import { faultsOf } from './lib/figures.mjs';
import { machine, versions } from './lib/machine.mjs';
import { writeReport } from './lib/report.mjs';
import { runOnce } from './lib/runs.mjs';
import { SCENARIOS, SERVERS } from './lib/scenarios.mjs';

const repeat = Number(process.env.BENCH_REPEAT || 5);
const only = process.env.ONLY ?? '';
const out = path.resolve(ROOT, process.env.BENCH_OUT || (only === '' && repeat >= 5 ? 'docs/benchmarks' : 'build/bench'));

// [{ scenario, servers }]: ONLY= is a part of a scenario's name, or else of servers' names.
function chosen() {
  const byScenario = SCENARIOS.filter(({ id }) => id.includes(only));

  return (byScenario.length > 0 ? byScenario : SCENARIOS)
    .map((scenario) => ({
      scenario,
      servers: scenario.servers.filter((name) => byScenario.length > 0 || name.includes(only)),
    }))
    .filter(({ servers }) => servers.length > 0);
}

// Nobody is always the first, or always after the same one.
const rotated = (list, by) => [...list.slice(by % list.length), ...list.slice(0, by % list.length)];

const seconds = (from) => `${Math.round((Date.now() - from) / 1000)} s`;

function tell(result) {
  if (result.failed) return `FAILED: ${result.failed}`;
  const figures = [
    result.deliveries_per_s > 0 && `${Math.round(result.deliveries_per_s)} deliveries/s`,
    result.acknowledged_per_s > 0 && `${Math.round(result.acknowledged_per_s)} acknowledged/s`,
    result.delivery_us?.count > 0 && `p50 ${Math.round(result.delivery_us.p50)} µs`,
    result.connects_per_s > 0 && `${result.connects_per_s} connects/s`,
    result.rows_per_s > 0 && `${Math.round(result.rows_per_s)} rows/s`,
    ...faultsOf(result).map((fault) => `FAULT: ${fault}`),
  ];
  return figures.filter(Boolean).join(', ');
}

const plan = chosen();
if (plan.length === 0 || !(repeat >= 1)) {
  console.error(`bench: nothing to do; ONLY= is part of ${SCENARIOS.map(({ id }) => id).join(', ')} or of ${Object.keys(SERVERS).join(', ')}`);
  process.exit(2);
}
const each = plan.reduce((sum, { scenario, servers }) => sum + scenario.seconds * servers.length, 0);
console.log(`bench: ${repeat} repetitions of about ${Math.ceil(each / 60)} min, ${Math.ceil((repeat * each) / 60)} min in all; results in ${path.relative(ROOT, out)}`);

const results = { began: new Date().toISOString(), machine: machine(), versions: versions(), repeat, runs: [] };
const began = Date.now();
mkdirSync(out, { recursive: true });
for (let repetition = 0; repetition < repeat; repetition += 1) {
  for (const { scenario, servers } of plan) {
    for (const name of rotated(servers, repetition)) {
      const from = Date.now();
      for (const result of await runOnce(name, scenario, repetition)) {
        results.runs.push({ scenario: scenario.id, repetition, ...result });
        console.log(`bench: ${repetition + 1}/${repeat} ${scenario.id} ${result.server}: ${tell(result)} (${seconds(from)}; ${seconds(began)} in all)`);
      }
    }
  }
  results.minutes = Math.round((Date.now() - began) / 6000) / 10;
  const lines = results.runs.map((run) => JSON.stringify(run)).join(',\n');
  const head = JSON.stringify({ ...results, runs: undefined }, null, 1).replace(/\n}$/, '');
  writeFileSync(path.join(out, 'results.json'), `${head},\n "runs": [\n${lines}\n]}\n`);
}
writeReport(results, out);
const bad = results.runs.filter((run) => run.server.startsWith('banter') && (run.failed || faultsOf(run).length > 0));
console.log(`bench: ${results.runs.length} runs in ${seconds(began)}; ${bad.length} of Banter's failed; ${path.relative(ROOT, out)}/README.md`);
process.exit(bad.length === 0 ? 0 : 1);
