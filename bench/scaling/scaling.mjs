// Measures how costs grow; "make bench-scaling". Everything runs on this machine: gateways and
// brokers are processes here, not hosts.
//
//   ONLY=rooms,rate   only these curves; the others stay as docs/benchmarks/scaling.json has them
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { ROOT } from '../../tests/system/lib/env.mjs';
import { machine, versions } from '../lib/machine.mjs';
import { idle, measure } from '../lib/runs.mjs';
import { startBanter } from '../servers/banter.mjs';
import { CURVES } from './curves.mjs';
import { history } from './history.mjs';
import { writeReport } from './report.mjs';
import { subscriptions } from './subscriptions.mjs';

const SERVER_CORE = 0;
const LOAD_CORE = 1;

const faults = (result) =>
  ['refused', 'lost', 'repeated', 'reordered', 'closed', 'errors'].filter((name) => result[name] > 0).map((name) => `${result[name]} ${name}`);

async function curve({ at, setup, load, keep }, say) {
  const points = [];
  for (const x of at) {
    const { pinned, ...options } = setup(x);
    const server = await startBanter({ ...options, ...(pinned ? { serverCore: SERVER_CORE, loadCore: LOAD_CORE } : {}) });
    try {
      await idle(server);
      const result = await measure(server, load(x), pinned ? LOAD_CORE : undefined);
      points.push({ x, ...keep(result), faults: faults(result) });
    } finally {
      await server.stop();
    }
    say(x, points.at(-1));
  }
  return points;
}

const ALL = {
  ...Object.fromEntries(Object.entries(CURVES).map(([name, of]) => [name, (say) => curve(of, say)])),
  history,
  subscriptions,
};

const out = path.join(ROOT, 'docs/benchmarks/scaling.json');
const only = process.env.ONLY ? process.env.ONLY.split(',') : Object.keys(ALL);
const results = existsSync(out) ? JSON.parse(readFileSync(out, 'utf8')) : { curves: {} };
results.machine = machine();
results.versions = versions();
const began = Date.now();
for (const name of only) {
  const say = (x, point) => console.log(`bench-scaling: ${name} ${x}: ${JSON.stringify(point)} (${Math.round((Date.now() - began) / 1000)} s)`);
  results.curves[name] = { measured: new Date().toISOString(), points: await ALL[name](say) };
  console.log(`bench-scaling: ${name} (${Math.round((Date.now() - began) / 1000)} s)`);
  writeReport(results, ROOT);
}
const bad = Object.entries(results.curves).flatMap(([name, { points }]) => points.flatMap((point) => (point.faults ?? []).map((fault) => `${name} ${point.x}: ${fault}`)));
for (const line of bad) console.error(`bench-scaling: ${line}`);
process.exit(bad.length > 0 ? 1 : 0);
