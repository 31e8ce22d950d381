// A private MariaDB in a folder of its own, by deploy/mariadb.sh, as `make run` has it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from './env.mjs';
import { run } from './process.mjs';
import { isAlive, isStopped } from './procfs.mjs';
import { endWithUs } from './reaper.mjs';
import { poll, within } from './wait.mjs';

const SCRIPT = path.join(ROOT, 'deploy/mariadb.sh');

// Freshly initialised data is kept here, so that a start takes a second.
const TEMPLATE = path.join(ROOT, 'build/mariadb-template');

export class Database {
  constructor(dir) {
    this.dir = dir;
    this.socket = path.join(dir, 'mariadb.sock');
    this.holding = new Set(); // clients of hold()
    this.url = `mysql://banter@/banter?socket=${this.socket}`;
  }

  // First start and restart with the same data.
  async start() {
    endWithUs(this.dir);
    const { code, stdout, stderr } = await run(SCRIPT, ['start', this.dir], {
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME ?? '/',
        TEST_FOLDER: this.dir,
        BANTER_MARIADB_TEMPLATE: TEMPLATE,
        BANTER_MARIADB_ARGS: process.env.BANTER_MARIADB_ARGS ?? '--innodb-buffer-pool-size=64M',
      },
      timeoutMs: 90_000,
    });
    if (code !== 0) throw new Error(`MariaDB does not start:\n${stdout}${stderr}`);
    this.pid = this.readPid();
  }

  // 0 if it never ran or was stopped.
  readPid() {
    try {
      return Number(fs.readFileSync(path.join(this.dir, 'mariadb.pid'), 'utf8'));
    } catch {
      return 0;
    }
  }

  async stop() {
    this.letGo();
    const { code, stdout, stderr } = await run(SCRIPT, ['stop', this.dir], { timeoutMs: 90_000 });
    if (code !== 0) throw new Error(`MariaDB does not stop:\n${stdout}${stderr}`);
    this.pid = 0;
  }

  async kill() {
    this.letGo();
    const pid = this.pid || this.readPid();
    if (!pid || !isAlive(pid)) return;
    process.kill(pid, 'SIGKILL');
    await poll('MariaDB to be dead', () => !isAlive(pid));
    this.pid = 0;
  }

  // Does nothing more when this returns.
  async suspend() {
    process.kill(this.pid, 'SIGSTOP');
    await poll('MariaDB to be stopped', () => isStopped(this.pid));
  }

  resume() {
    process.kill(this.pid, 'SIGCONT');
  }

  // Rows as arrays of strings; NULL is "NULL".
  async query(sql) {
    const { code, stdout, stderr } = await run('mariadb', this.clientArgs(), { input: sql });
    if (code !== 0) throw new Error(`SQL failed: ${sql}\n${stderr}`);
    return stdout.split('\n').filter(Boolean).map((line) => line.split('\t'));
  }

  // Runs a statement on a connection that stays, as for a lock, until release().
  async hold(sql) {
    const child = spawn('mariadb', [...this.clientArgs(), '--unbuffered'], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.holding.add(child);
    const ended = once(child, 'close').finally(() => this.holding.delete(child));
    child.stdin.write(`${sql};\nSELECT 'held';\n`);
    await within(`${sql} to hold`, once(child.stdout, 'data'));
    return {
      release: async () => {
        child.stdin.end();
        await within(`${sql} to end`, ended);
      },
    };
  }

  // A test that fails releases nothing, and must not wait for that.
  letGo() {
    for (const child of this.holding) child.kill();
  }

  clientArgs() {
    return ['--no-defaults', '--batch', '--skip-column-names', '--default-character-set=utf8mb4',
      `--socket=${this.socket}`, '--user=banter', 'banter'];
  }
}
