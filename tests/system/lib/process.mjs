// One program of the stack: started, watched, ended. Its output goes to a file.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { VALGRIND, deadlineMs } from './env.mjs';
import { isAlive } from './procfs.mjs';
import { poll, within } from './wait.mjs';

export class Program {
  // env is the whole environment; log is the file that gets stdout and stderr.
  constructor({ name, file, args = [], env, log, cwd }) {
    this.name = name;
    this.log = log;
    const fd = fs.openSync(log, 'a');
    const wrapped = VALGRIND
      ? [
          'valgrind',
          '--quiet',
          '--leak-check=full',
          '--show-leak-kinds=definite,indirect',
          '--errors-for-leak-kinds=definite,indirect',
          '--error-exitcode=99',
          '--trace-children=yes',
          '--num-callers=30',
          file,
        ]
      : [file];
    this.child = spawn(wrapped[0], [...wrapped.slice(1), ...args], {
      env,
      cwd,
      stdio: ['ignore', fd, fd],
    });
    fs.closeSync(fd);
    this.pid = this.child.pid;
    this.exited = new Promise((resolve) => {
      this.child.on('error', (error) => resolve({ code: null, signal: null, error }));
      this.child.on('exit', (code, signal) => {
        this.exit = { code, signal };
        resolve(this.exit);
      });
    });
  }

  get alive() {
    return !this.exit && isAlive(this.pid);
  }

  output() {
    return fs.readFileSync(this.log, 'utf8');
  }

  kill(signal) {
    if (!this.exit) process.kill(this.pid, signal);
  }

  // Sends the signal and waits for the end; the answer is {code, signal}. A process that ignores
  // it is killed, and that is an error.
  async end(signal = 'SIGTERM', timeoutMs = 20_000) {
    this.kill('SIGCONT');
    this.kill(signal);
    try {
      return await within(`${this.name} to end after ${signal}`, this.exited, timeoutMs);
    } catch (error) {
      this.kill('SIGKILL');
      await this.exited;
      throw error;
    }
  }
}

// A program that one of ours has started in its place: it is not our child, so its log says how it
// ended.
export class Adopted {
  constructor({ name, pid, log }) {
    this.name = name;
    this.pid = pid;
    this.log = log;
  }

  get alive() {
    return isAlive(this.pid);
  }

  get exit() {
    if (this.alive) return undefined;
    const said = [...this.output().matchAll(/event=master\.stopped status=(\d+)/g)].at(-1);
    return { code: said ? Number(said[1]) : null, signal: null };
  }

  output() {
    return fs.readFileSync(this.log, 'utf8');
  }

  kill(signal) {
    if (this.alive) process.kill(this.pid, signal);
  }

  async end(signal = 'SIGTERM', timeoutMs = 20_000) {
    this.kill(signal);
    return poll(`${this.name} to end after ${signal}`, () => this.exit, { timeoutMs });
  }
}

// Runs a program to its end: {code, signal, stdout, stderr}.
export function run(file, args = [], { env = process.env, input, timeoutMs = 20_000, cwd } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env, cwd, stdio: ['pipe', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    const timer = setTimeout(() => child.kill('SIGKILL'), deadlineMs(timeoutMs));
    child.stdout.on('data', (data) => (stdout += data));
    child.stderr.on('data', (data) => (stderr += data));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout, stderr });
    });
    child.stdin.on('error', () => {});
    child.stdin.end(input ?? '');
  });
}
