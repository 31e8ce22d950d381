// banterctl beside a stack, as an operator runs it on a host that has the gateways' settings.
import { spawn } from 'node:child_process';
import { binary } from './env.mjs';
import { within } from './wait.mjs';

function environment(stack, env) {
  return {
    ...stack.env,
    BANTER_BROKERS: stack.brokerAddresses.join(','),
    BANTER_DATABASE_URL: stack.database.url,
    ...env,
  };
}

// Started, with pipes; for commands that go on. The child has lines, what it printed so far.
export function startCtl(stack, words, { env = {} } = {}) {
  const child = spawn(binary('banterctl'), words, { env: environment(stack, env), stdio: 'pipe' });
  child.out = '';
  child.err = '';
  // A character may come in two pieces.
  child.stdout.setEncoding('utf8');
  child.stderr.setEncoding('utf8');
  child.stdout.on('data', (data) => (child.out += data));
  child.stderr.on('data', (data) => (child.err += data));
  child.exited = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal })));
  return child;
}

// Runs a command to its end: {code, stdout, stderr, lines}; lines are the objects of --json.
export async function ctl(stack, words, { input = '', env = {} } = {}) {
  const child = startCtl(stack, words, { env });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const { code, signal } = await within(`banterctl ${words.join(' ')}`, child.exited, 60_000);
  return {
    code,
    signal,
    stdout: child.out,
    stderr: child.err,
    get lines() {
      return child.out.split('\n').filter(Boolean).map((line) => JSON.parse(line));
    },
  };
}
