// Measures what a worker's REST answers cost, beside what they cannot be faster than; "make bench-rest".
//
//   BENCH_REPEAT=5     how often; the sides of a case run one after the other in each repetition
//   BENCH_SECONDS=2    how long a side runs each time
//   ONLY=history       only cases whose name has that text; results then go to build/bench
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { BIN_DIR, ROOT } from '../../tests/system/lib/env.mjs';
import { freePort } from '../../tests/system/lib/ports.mjs';
import { childrenOf } from '../../tests/system/lib/procfs.mjs';
import { startStack } from '../../tests/system/lib/stack.mjs';
import { poll } from '../../tests/system/lib/wait.mjs';
import { pinned, run, startServer } from '../lib/child.mjs';
import { cpuNs } from '../lib/cpu.mjs';
import { debianVersion, machine, versions } from '../lib/machine.mjs';
import { CROWD } from '../servers/banter.mjs';
import { CASES, CONNECTIONS, DB_THREADS, LOGIN_CONNECTIONS, LOGIN_SECONDS } from './cases.mjs';
import { fill } from './fill.mjs';
import { writeReport } from './report.mjs';

const repeat = Number(process.env.BENCH_REPEAT || 5);
const seconds = Number(process.env.BENCH_SECONDS || 2);
const only = process.env.ONLY ?? '';
const cases = CASES.filter(({ id }) => id.includes(only));
const out = path.join(ROOT, only === '' && repeat >= 5 ? 'docs/benchmarks' : 'build/bench');
const PROGRAMS = path.join(BIN_DIR, '../bench/rest');
const program = (name) => path.join(PROGRAMS, name);
const SCRYPT_LOG2N = 15;
const WARM_UP_S = 0.5;

const pin = (pid, cores) => execFileSync('taskset', ['-a', '-p', '-c', cores, String(pid)], { stdio: 'ignore' });

async function ran(cores, file, args, lastsS) {
  const { code, stdout, stderr } = await run(...pinned(cores, file, args), { timeoutMs: (lastsS + 20) * 1000 });
  if (code !== 0) throw new Error(`${path.basename(file)} ended with ${code}: ${stderr}`);
  return stdout + stderr;
}

// A stack with one worker for the reads, and a gateway with a worker a core for the logins.
async function start(folder) {
  const env = {
    ...CROWD,
    rate_login: 0,
    rate_register: 0,
    scrypt_log2n: SCRYPT_LOG2N,
    log_level: 'warn',
    db_threads: DB_THREADS,
  };
  const stack = await startStack({ workers: 1, env });
  await stack.startGateway(1, { BANTER_WORKERS: os.cpus().length });
  await poll('the second gateway to be ready', async () => (await fetch(`${stack.gateways[1].url}/readyz`)).status === 200, { timeoutMs: 20_000 });
  const { plan, strangers, requests } = await fill(stack.database, stack.gateways[1].url);
  const file = (name, lines) => {
    writeFileSync(path.join(folder, name), `${lines.join('\n')}\n`);
    return path.join(folder, name);
  };
  pin(stack.brokers[0].pid, '1');
  pin(stack.workers()[0], '0');
  return {
    stack,
    plan: file('plan', plan),
    strangers: file('strangers', strangers),
    requests: Object.fromEntries(Object.entries(requests).map(([name, lines]) => [name, file(name, lines)])),
  };
}

// Requests of before have all been answered, or given up.
const settled = (pids) =>
  poll('the worker to be idle', async () => {
    const before = pids.map(cpuNs);
    await new Promise((resolve) => setTimeout(resolve, 300));
    return pids.every((pid, i) => cpuNs(pid) - before[i] < 5e6);
  }, { timeoutMs: 20_000 });

async function wrk({ url, file, status, cores, pids, lastsS, connections = CONNECTIONS, warm = true }) {
  const shoot = async (duration) => {
    const args = ['-t1', `-c${connections}`, `-d${duration}s`, '--timeout', '20s', '-s', path.join(ROOT, 'bench/rest/requests.lua'), url, '--', file, String(status)];
    return JSON.parse((await ran(cores, 'wrk', args, duration)).split('\n').find((line) => line.startsWith('{')));
  };
  if (warm) await shoot(1); // pages, caches, connections of the pool
  await settled(pids);
  const before = pids.map(cpuNs);
  const result = await shoot(lastsS);
  const used = pids.map((pid, i) => cpuNs(pid) - before[i]).reduce((sum, ns) => sum + ns, 0);
  return { ...result, cpu_us: used / 1e3 / result.requests };
}

async function overHttp(setup, side, kase, lastsS) {
  const { stack, requests } = setup;
  const gateway = kase.id === 'login' ? stack.gateways[1] : stack.gateways[0];
  const cores = { health: '1', login: '0-1' }[kase.id] ?? '0';
  const many = kase.id === 'login' ? { connections: LOGIN_CONNECTIONS, warm: false } : {};
  return wrk({ url: gateway.url, file: requests[side.requests], status: side.status, cores, pids: childrenOf(gateway.pid), lastsS, ...many });
}

// With the headers and the body of Banter's own answer; evhttp adds Date and Connection by itself.
async function overBareEvhttp(setup, lastsS) {
  const port = await freePort();
  const answer = await fetch(`${setup.stack.url}/health`);
  const headers = [...answer.headers].filter(([name]) => !['date', 'connection', 'keep-alive'].includes(name));
  const args = [String(port), await answer.text(), ...headers.flat()];
  const server = await startServer({ name: 'bare_evhttp', cores: '0', file: program('bare_evhttp'), args });
  try {
    return await wrk({ url: `http://127.0.0.1:${port}`, file: setup.requests.health, status: 200, cores: '1', pids: [server.pid], lastsS });
  } finally {
    await server.stop();
  }
}

async function alone(setup, side, kase, lastsS) {
  const plan = kase.id === 'membership' ? setup.strangers : setup.plan;
  const args = [setup.stack.database.url, plan, side.statements, String(DB_THREADS)];
  await ran('0', program('statements'), [...args, String(WARM_UP_S)], WARM_UP_S);
  return JSON.parse(await ran('0', program('statements'), [...args, String(lastsS)], lastsS));
}

async function measure(setup, kase, side) {
  const lastsS = kase.id === 'login' ? LOGIN_SECONDS : seconds;
  pin(setup.stack.database.pid, kase.id === 'login' ? '0-1' : '1');
  if (side.bare) return overBareEvhttp(setup, lastsS);
  if (side.statements) return alone(setup, side, kase, lastsS);
  if (side.scrypt)
    return JSON.parse(await ran('0-1', program('scrypt_alone'), [String(SCRYPT_LOG2N), String(os.cpus().length), String(lastsS)], lastsS));
  return overHttp(setup, side, kase, lastsS);
}

const faultsOf = (run) => (run.other_answers ?? 0) + (run.socket_errors ?? 0);

const began = Date.now();
const folder = mkdtempSync(path.join(os.tmpdir(), 'banter-rest-'));
const setup = await start(folder);
const results = { began: new Date().toISOString(), machine: machine(), versions: { ...versions(), wrk: debianVersion('wrk') }, repeat, seconds, connections: CONNECTIONS, db_threads: DB_THREADS, runs: [] };
try {
  for (let repetition = 0; repetition < repeat; repetition += 1) {
    for (const kase of cases) {
      const sides = Object.entries(kase.sides);
      for (const [name, side] of repetition % 2 === 0 ? sides : sides.reverse()) {
        const run = await measure(setup, kase, side);
        results.runs.push({ case: kase.id, side: name, repetition, ...run });
        console.log(`bench-rest: ${repetition + 1}/${repeat} ${kase.id} ${name}: ${Math.round(run.per_s * 10) / 10}/s${run.cpu_us ? `, ${run.cpu_us.toFixed(1)} µs of the worker` : ''}${faultsOf(run) ? `, FAULTS ${faultsOf(run)}` : ''} (${Math.round((Date.now() - began) / 1000)} s)`);
      }
    }
  }
  await setup.stack.stop();
} catch (error) {
  await setup.stack.discard();
  throw error;
} finally {
  rmSync(folder, { recursive: true });
}
results.minutes = Math.round((Date.now() - began) / 6000) / 10;
mkdirSync(out, { recursive: true });
writeReport(results, out);
process.exit(results.runs.some((run) => faultsOf(run) > 0) ? 1 : 0);
