// Programs of the bench: pinned to cores, watched, ended. Their waiting costs nothing, so that
// nothing but what is measured runs.
import { spawn } from 'node:child_process';

const START_MS = 20_000;
const END_MS = 10_000;

// taskset becomes the program, so the pid is the program's. No cores: wherever it likes.
export function pinned(cores, file, args) {
  return cores === undefined ? [file, args] : ['taskset', ['-c', String(cores), file, ...args]];
}

// A server that says "ready" in a line of its own on stdout. {pid, stop()}. It ends with us, however we end.
export async function startServer({ name, cores, file, args, env = process.env }) {
  const command = pinned(cores, file, args).flat();
  const child = spawn('setpriv', ['--pdeathsig', 'TERM', '--', ...command], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  const ended = new Promise((resolve) => child.on('close', resolve));

  await new Promise((resolve, reject) => {
    const fail = (why) => reject(new Error(`${name}: ${why}\n${said}`));
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      fail('is not ready after 20 s');
    }, START_MS);
    const listen = (data) => {
      said = (said + data).slice(-4000);
      if (/^ready$/m.test(said)) {
        clearTimeout(timer);
        resolve();
      }
    };
    child.stdout.on('data', listen);
    child.stderr.on('data', listen);
    child.on('error', (error) => fail(error.message));
    child.on('exit', (code, signal) => fail(`ended with ${signal ?? code}`));
  });
  return {
    pid: child.pid,
    async stop() {
      const timer = setTimeout(() => child.kill('SIGKILL'), END_MS);
      child.kill('SIGTERM');
      await ended;
      clearTimeout(timer);
    },
  };
}

// Runs a program to its end, and gives {code, stdout, stderr}; code is null when it took too long.
export function run(file, args, { timeoutMs }) {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data) => (stdout += data));
    child.stderr.on('data', (data) => (stderr += data));
    child.on('error', reject);
    child.on('close', (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr });
    });
  });
}
