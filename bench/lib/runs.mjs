// One run: a server is started, the load generator measures it, the server is stopped.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BIN_DIR } from '../../tests/system/lib/env.mjs';
import { delay } from '../../tests/system/lib/wait.mjs';
import { pinned, run } from './child.mjs';
import { alike } from './plan.mjs';
import { SERVERS } from './scenarios.mjs';

const LOAD = path.resolve(BIN_DIR, '../bench/load/load');
const BULK = path.resolve(BIN_DIR, '../bench/bulk/bulk');
const LOAD_MS = 120_000;
const BULK_MS = 60_000;

const SERVER_CORE = 0;
const LOAD_CORE = 1;

const flags = (options) => Object.entries(options).map(([name, value]) => `--${name}=${value}`);

// What the load generator says about a server, as it prints it.
export async function measure(server, options, cores) {
  const dir = mkdtempSync(path.join(tmpdir(), 'banter-bench-'));
  try {
    const plan = path.join(dir, 'plan');
    writeFileSync(plan, `${server.plan.join('\n')}\n`);
    const watch = Object.entries(server.processes).map(([name, pid]) => `${name}:${pid}`);
    const args = {
      server: server.address, plan, protocol: server.protocol, watch: watch.join(','), ...server.naming, ...options,
    };
    const { code, stdout, stderr } = await run(...pinned(cores, LOAD, flags(args)), { timeoutMs: LOAD_MS });
    if (stdout === '') throw new Error(`load ended with ${code ?? 'SIGKILL'}: ${stderr}`);
    return JSON.parse(stdout);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

// The database alone, with the same table: what bench/bulk prints.
async function bulk(server, options, cores) {
  const args = { 'database-url': server.database, ...options };
  const { code, stdout, stderr } = await run(...pinned(cores, BULK, flags(args)), { timeoutMs: BULK_MS });
  if (code !== 0) throw new Error(`bulk ended with ${code ?? 'SIGKILL'}: ${stderr}`);
  return { server: 'bulk', ...JSON.parse(stdout) };
}

async function withServer(name, scenario, story) {
  const [count, members, senders] = scenario.rooms;
  const server = await SERVERS[name].start({
    rooms: alike(count, members, senders),
    ...(scenario.pinned ? { serverCore: SERVER_CORE, loadCore: LOAD_CORE } : {}),
    ...scenario.options,
  });
  try {
    return await story(server, scenario.pinned ? LOAD_CORE : undefined);
  } finally {
    await server.stop();
  }
}

const ticks = (pid) => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ');
  return Number(stat[11]) + Number(stat[12]);
};

// Until no process of the server has done anything for a third of a second, nor this one, whose
// garbage the seeds are (at most ten seconds: a server that is never idle is measured so), and what
// was written before (seeds, the last run) is on the disk, where commits would wait behind it.
export async function idle(server) {
  const used = () => [process.pid, ...Object.values(server.processes)].reduce((sum, pid) => sum + ticks(pid), 0);
  let before = used();
  for (let i = 0; i < 30; i += 1) {
    await delay(333);
    const now = used();
    if (now - before <= 1) break;
    before = now;
  }
  await run('sync', [], { timeoutMs: 60_000 });
}

// A flow of messages; what is measured of the database alone comes before it in one repetition and
// after it in the next.
async function flow(name, scenario, repetition) {
  return withServer(name, scenario, async (server, cores) => {
    const wanted = scenario.bulk && server.database;
    const results = [];
    await idle(server);
    if (wanted && repetition % 2 === 0) results.push(await bulk(server, scenario.bulk, cores));
    await idle(server);
    results.push({ server: name, ...(await measure(server, scenario.load, cores)) });
    if (wanted && repetition % 2 === 1) {
      await idle(server);
      results.push(await bulk(server, scenario.bulk, cores));
    }
    return results;
  });
}

// All connect at once, go, and connect once more.
async function connects(name, scenario) {
  return withServer(name, scenario, async (server, cores) => {
    await idle(server);
    const cold = { server: `${name}-cold`, ...(await measure(server, scenario.load, cores)) };
    await idle(server);
    const warm = { server: name, ...(await measure(server, scenario.load, cores)) };
    return [cold, warm].filter((result) => result === warm || scenario.beside[result.server]);
  });
}

const KINDS = { flow, connects };

// The results of one run, [{server, ...figures}]: usually one, several when something is measured
// beside the server. A run that fails gives {server, failed: sentence}.
export async function runOnce(name, scenario, repetition) {
  try {
    return await KINDS[scenario.kind](name, scenario, repetition);
  } catch (error) {
    return [{ server: name, failed: error.message.split('\n').slice(0, 5).join(' | ') }];
  }
}
