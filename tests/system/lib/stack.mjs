// A whole Banter of its own for a test: MariaDB, brokers and gateways, all real processes, in a
// fresh folder and on free loopback ports. Any number run side by side.
//
//   const stack = await startStack({ workers: 4 });
//   ... stack.url, stack.killWorker(), stack.restartBroker() ...
//   await stack.stop();
//
// stop() is a test of its own: everything must end with exit code 0 on SIGTERM, leave no process
// behind, and no log may hold a report of a sanitizer, of valgrind or of a failed check.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Database } from './database.mjs';
import { BIN_DIR, ROOT, SANDBOX, VALGRIND, WITHOUT_RATES, binary, deadlineMs } from './env.mjs';
import { freePort } from './ports.mjs';
import { Adopted, Program } from './process.mjs';
import { childrenOf, holderOfConnection, isAlive, isStopped, pidsWithEnvironment } from './procfs.mjs';
import { endWithUs } from './reaper.mjs';
import { OWN, REMOTE, RemoteStack, WORKER_COUNTS } from './remote_stack.mjs';
import { InVain, poll } from './wait.mjs';

const REPORT =
  /ERROR: (Address|Leak|Thread|Memory)Sanitizer|WARNING: ThreadSanitizer|runtime error:|AddressSanitizer:DEADLYSIGNAL|check failed|^==\d+== (?!Warning: set address range)/m;

// In both formats of the log. Within the first two seconds of dying at each start it is so many times.
const CHILD_DIED = /master\.child_died\b.*?\bchild[="]+:?"?([\w.]+)/g;
const DEATHS_AT_START = 5;

// For whatever is started without the environment of a stack, too.
export const SANITIZERS = {
  ASAN_OPTIONS: 'exitcode=99:detect_leaks=1:abort_on_error=0:strict_string_checks=1',
  UBSAN_OPTIONS: 'print_stacktrace=1:halt_on_error=1:exitcode=99',
  TSAN_OPTIONS: `exitcode=99:suppressions=${ROOT}/tests/tsan.supp`,
  LSAN_OPTIONS: 'exitcode=99',
};

// What tests want otherwise than operators: cheap passwords, quick repeats, a short drain without
// notice.
const TEST_SETTINGS = {
  BANTER_SCRYPT_LOG2N: '8',
  BANTER_SCRYPT_QUEUE: '1000',
  BANTER_LOG_LEVEL: 'info',
  BANTER_DRAIN_NOTICE_MS: '0',
  BANTER_DRAIN_MS: '300',
  BANTER_SANDBOX: SANDBOX,
  ...WITHOUT_RATES,
};

const stacks = new Set();
let counter = 0;

export class Stack {
  constructor({ workers, env, gatewayEnv, brokerEnv, brokers, gateways, gatewayFile, dataDir }) {
    // Unix socket names are limited to 107 bytes, so the folder has a short name.
    this.dir = fs.mkdtempSync(path.join(os.tmpdir(), 'banter-'));
    endWithUs(this.dir);
    this.logDir = path.join(this.dir, 'log');
    fs.mkdirSync(this.logDir);
    this.dataDir = dataDir ? fs.mkdtempSync(path.join(dataDir, 'banter-')) : this.dir;
    this.database = new Database(path.join(this.dataDir, 'mariadb'));
    this.env = {
      PATH: process.env.PATH,
      HOME: this.dir,
      ...SANITIZERS,
      ...TEST_SETTINGS,
      BANTER_RUN_DIR: this.dir,
      ...(dataDir ? { BANTER_DATABASE_URL: this.database.url } : {}),
      BANTER_ADMIN_LISTEN: '',
      BANTER_WORKERS: String(workers),
      ...stringValues(env),
    };
    this.gatewayFile = gatewayFile ?? binary('banter-gateway');
    this.gatewayEnv = stringValues(gatewayEnv);
    this.brokerEnv = stringValues(brokerEnv);
    this.brokerAddresses = Array.from({ length: brokers }, (_, i) =>
      brokers === 1 ? `ipc://${this.dir}/broker` : `ipc://${this.dir}/broker${i}`,
    );
    this.brokers = [];
    this.gateways = Array.from({ length: gateways }, () => null);
    this.programs = [];
    this.expectedDead = new Set();
    this.name = `${path.basename(process.argv[1] ?? 'test', '.test.mjs')}-${(counter += 1)}`;
  }

  // Of the first gateway.
  get url() {
    return this.gateways[0].url;
  }

  get port() {
    return this.gateways[0].port;
  }

  async startBroker(index = 0, env = {}) {
    const program = this.launch(`broker${index}`, binary('banter-broker'), {
      BANTER_BROKER_LISTEN: this.brokerAddresses[index],
      ...this.brokerEnv,
      ...stringValues(env),
    });
    this.brokers[index] = program;
    return program;
  }

  async startGateway(index = 0, env = {}) {
    const port = this.gateways[index]?.port ?? (await freePort());
    const program = this.launch(`gateway${index}`, this.gatewayFile, {
      BANTER_LISTEN: `127.0.0.1:${port}`,
      BANTER_BROKERS: this.brokerAddresses.join(','),
      ...this.gatewayEnv,
      ...stringValues(env),
    });
    program.port = port;
    program.url = `http://127.0.0.1:${port}`;
    this.gateways[index] = program;
    return program;
  }

  launch(name, file, env, args = []) {
    const program = new Program({
      name,
      file,
      args,
      env: { ...this.env, ...env },
      log: path.join(this.logDir, `${name}.log`),
      cwd: this.dir,
    });
    this.programs.push(program);
    return program;
  }

  // Until every worker answers that it is ready.
  async waitReady({ timeoutMs = 30_000 } = {}) {
    for (const gateway of this.gateways) {
      const before = gateway.output().length;
      await poll(
        `${gateway.name} to be ready`,
        async () => {
          this.checkAlive(gateway, before);
          await this.waitWorkersReady(gateway);
          return true;
        },
        { timeoutMs, everyMs: 50 },
      );
    }
  }

  // Throws when waiting is in vain: a program has ended, or a worker dies again and again.
  checkAlive(gateway, before) {
    const inVain = (program, what) => {
      throw new InVain(`${program.name}${what}; its log ends with:\n${lastLines(program.output())}`);
    };
    for (const program of [gateway, ...this.brokers]) {
      if (program?.exit && !this.expectedDead.has(program)) inVain(program, ` ended: ${JSON.stringify(program.exit)}`);
    }
    const deaths = new Map();
    for (const [, child] of gateway.output().slice(before).matchAll(CHILD_DIED)) {
      deaths.set(child, (deaths.get(child) ?? 0) + 1);
      if (deaths.get(child) === DEATHS_AT_START) inVain(gateway, `: ${child} died ${DEATHS_AT_START} times`);
    }
  }

  // The kernel spreads connections, so it takes several answers in a row to be sure.
  async waitWorkersReady(gateway) {
    const wanted = Number(this.env.BANTER_WORKERS) || 1;
    for (let i = 0; i < (wanted === 1 ? 1 : wanted * 5); i += 1) {
      // A connection that waits for a worker that has died is never answered.
      const answer = await fetch(`${gateway.url}/readyz`, {
        headers: { connection: 'close' },
        signal: AbortSignal.timeout(deadlineMs(2_000)),
      });
      const text = await answer.text();
      if (answer.status !== 200) throw new Error(`/readyz: ${answer.status} ${text}`);
    }
  }

  // After SIGUSR2: the new master stands in for the old one, which is leaving.
  adoptGateway(pid, index = 0) {
    const old = this.gateways[index];
    this.expectedDead.add(old);
    const program = new Adopted({ name: old.name, pid, log: old.log });
    program.port = old.port;
    program.url = old.url;
    this.gateways[index] = program;
    this.programs.push(program);
    return program;
  }

  // Pids of a gateway's workers, oldest first.
  workers(index = 0) {
    return childrenOf(this.gateways[index].pid);
  }

  // The worker that holds the connection from this local port of ours, 0 if none.
  workerOf(clientPort, index = 0) {
    return holderOfConnection(this.workers(index), this.gateways[index].port, clientPort);
  }

  async killWorker(pid = this.workers()[0]) {
    process.kill(pid, 'SIGKILL');
    await poll(`worker ${pid} to be dead`, () => !isAlive(pid));
    return pid;
  }

  async killBroker(index = 0) {
    const broker = this.brokers[index];
    this.expectedDead.add(broker);
    await broker.end('SIGKILL');
  }

  async restartBroker(index = 0) {
    if (this.brokers[index].alive) await this.killBroker(index);
    return this.startBroker(index);
  }

  async killGateway(index = 0) {
    const gateway = this.gateways[index];
    const workers = this.workers(index);
    this.expectedDead.add(gateway);
    await gateway.end('SIGKILL');
    return workers;
  }

  // Does nothing more when this returns.
  async suspendBroker(index = 0) {
    this.brokers[index].kill('SIGSTOP');
    await poll('the broker to be stopped', () => isStopped(this.brokers[index].pid));
  }

  resumeBroker(index = 0) {
    this.brokers[index].kill('SIGCONT');
  }

  // Everything that the processes have said so far.
  logs() {
    return fs
      .readdirSync(this.logDir)
      .map((name) => fs.readFileSync(path.join(this.logDir, name), 'utf8'))
      .join('\n');
  }

  // The first log file with a report of a broken program, and the lines about it; null if none.
  findReport() {
    for (const name of fs.readdirSync(this.logDir)) {
      const text = fs.readFileSync(path.join(this.logDir, name), 'utf8');
      const found = REPORT.exec(text);
      if (found) return `${name}:\n${text.slice(Math.max(0, found.index - 500), found.index + 5000)}`;
    }
    return null;
  }

  // Stops everything and checks how it ended. May be called twice.
  async stop() {
    if (!stacks.has(this)) return;
    const faults = [];
    for (const program of [...this.gateways, ...this.brokers].filter(Boolean)) {
      if (program.exit) {
        if (!this.expectedDead.has(program)) {
          faults.push(`${program.name} had ended before: ${JSON.stringify(program.exit)}`);
        }
        continue;
      }
      try {
        const exit = await program.end('SIGTERM');
        if (exit.code !== 0) faults.push(`${program.name} ended with ${JSON.stringify(exit)}`);
      } catch (error) {
        faults.push(error.message);
      }
    }
    try {
      await poll('every process to be gone', () => this.leftOver().length === 0, {
        timeoutMs: 5_000,
      });
    } catch {
      faults.push(`processes are left: ${this.leftOver().join(' ')}`);
    }
    const report = this.findReport();
    if (report) faults.push(`a report in a log: ${report}`);
    await this.discard();
    assert.deepEqual(faults, [], 'the stack ends cleanly');
  }

  leftOver() {
    return pidsWithEnvironment(`BANTER_RUN_DIR=${this.dir}`);
  }

  // Ends everything at once and keeps the logs until the process knows whether a test failed.
  async discard() {
    stacks.delete(this);
    for (const program of this.programs) program.kill('SIGKILL');
    for (const pid of this.leftOver()) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // gone meanwhile
      }
    }
    await this.database.kill();
    keepLogs(this);
    // A database that a failed test was just starting may still write.
    for (const dir of new Set([this.dir, this.dataDir]))
      fs.rmSync(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}

function stringValues(settings = {}) {
  return Object.fromEntries(
    // undefined takes a setting of the tests back to the program's default.
    Object.entries(settings).map(([name, value]) => [
      name.startsWith('BANTER_') ? name : `BANTER_${name.toUpperCase()}`,
      value === undefined ? undefined : String(value),
    ]),
  );
}

// Settings in env go to every process, gatewayEnv and brokerEnv to one kind; names may be written
// short: {command_timeout_ms: 2000}. gatewayFile is a program to start instead of the one that is
// tested; dataDir a folder in which the database gets one for its files.
export async function startStack({
  workers = 1,
  env = {},
  gatewayEnv = {},
  brokerEnv = {},
  brokers = 1,
  gateways = 1,
  ready = true,
  gatewayFile,
  dataDir,
} = {}) {
  if (REMOTE) return new RemoteStack();
  const stack = new Stack({ workers, env, gatewayEnv, brokerEnv, brokers, gateways, gatewayFile, dataDir });
  stacks.add(stack);
  try {
    await stack.database.start();
    for (let i = 0; i < brokers; i += 1) await stack.startBroker(i);
    for (let i = 0; i < gateways; i += 1) await stack.startGateway(i);
    if (ready) await stack.waitReady();
    return stack;
  } catch (error) {
    process.exitCode = 1;
    await stack.discard();
    throw error;
  }
}

// Starts a stack, tells the story, and stops it; a story that fails is what is reported.
export async function withStack(options, story) {
  const stack = await startStack(options);
  try {
    await story(stack);
  } catch (error) {
    await stack.discard().catch(() => {});
    throw error;
  }
  await stack.stop();
}

// Logs of stacks that have ended. They are only of interest if a test fails, which is known when
// the process exits.
const KEPT = path.join(ROOT, 'build/test-logs');

function keepLogs(stack) {
  const dir = path.join(KEPT, stack.name);
  fs.rmSync(dir, { recursive: true, force: true });
  fs.mkdirSync(KEPT, { recursive: true });
  fs.cpSync(stack.logDir, dir, { recursive: true });
  const database = path.join(stack.database.dir, 'mariadb.log');
  if (fs.existsSync(database)) fs.copyFileSync(database, path.join(dir, 'mariadb.log'));
  kept.push(dir);
}

const kept = [];

process.on('exit', () => {
  // A test file that was cut short (a failing hook, Ctrl-C) must leave nothing running.
  for (const stack of stacks) {
    for (const program of stack.programs) program.kill('SIGKILL');
    for (const pid of [...stack.leftOver(), stack.database.pid].filter(Boolean)) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch {
        // gone meanwhile
      }
    }
    keepLogs(stack);
    fs.rmSync(stack.dir, { recursive: true, force: true });
  }
  for (const dir of kept) {
    if (process.exitCode) tellLogs(dir);
    else fs.rmSync(dir, { recursive: true, force: true });
  }
});

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    process.exitCode = 1;
    process.exit(1);
  });
}

const lastLines = (text) => text.trimEnd().split('\n').slice(-40).join('\n');

function tellLogs(dir) {
  for (const name of fs.readdirSync(dir)) {
    if (name === 'mariadb.log') continue;
    process.stderr.write(`--- ${path.relative(ROOT, path.join(dir, name))}, its last lines:\n`);
    process.stderr.write(`${lastLines(fs.readFileSync(path.join(dir, name), 'utf8'))}\n`);
  }
}

export { BIN_DIR, OWN, REMOTE, VALGRIND, WORKER_COUNTS };
