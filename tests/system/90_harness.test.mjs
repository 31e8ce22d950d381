// The harness itself: a start that cannot succeed is told soon, and nothing outlives a test that was
// killed.
import assert from 'node:assert/strict';
import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { ROOT } from './lib/env.mjs';
import { isAlive } from './lib/procfs.mjs';
import { OWN, startStack } from './lib/stack.mjs';
import { poll, within } from './lib/wait.mjs';

// Runs the story until it has told, as JSON, what it has started; then it is killed.
async function killedAfter(story) {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', story], {
    cwd: path.join(ROOT, 'tests/system'),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [told] = await within('the story to be told', once(child.stdout, 'data'), 60_000);
  child.kill('SIGKILL');
  return JSON.parse(told);
}

describe('a stack', OWN, () => {
  it('whose workers die again and again is not waited for, and its log is told', async () => {
    const stack = await startStack({ ready: false });
    try {
      await stack.killBroker(); // so that no worker becomes ready between two of its deaths
      const waiting = assert.rejects(stack.waitReady(), /^Error: gateway0: w0 died 5 times; .*event=master\.child_died/s);
      let over = false;
      waiting.finally(() => (over = true)).catch(() => {});
      await poll('the harness to give up', () => {
        for (const pid of stack.workers()) process.kill(pid, 'SIGKILL');
        return over;
      });
      await waiting;
    } finally {
      await stack.discard();
    }
  });

  it('whose gateway has ended is not waited for, and its log is told', async () => {
    const stack = await startStack({ ready: false });
    try {
      const [gateway] = stack.gateways;
      await poll('the gateway to have said something', () => gateway.output().includes('event='));
      await gateway.end('SIGKILL');
      await assert.rejects(stack.waitReady(), /^Error: gateway0 ended: {"code":null,"signal":"SIGKILL"}; .*event=/s);
    } finally {
      await stack.discard();
    }
  });

  it('ends with the test that started it when that is killed, and so does its MariaDB', async () => {
    const { dir, pids } = await killedAfter(`
      import { startStack } from './lib/stack.mjs';
      const stack = await startStack({ workers: 2 });
      const pids = [stack.gateways[0].pid, ...stack.workers(), stack.brokers[0].pid, stack.database.pid];
      console.log(JSON.stringify({ dir: stack.dir, pids }));
    `);
    assert.equal(pids.length, 5);
    await poll('all to be gone', () => pids.every((pid) => !isAlive(pid)) && !fs.existsSync(dir), { timeoutMs: 30_000 });
  });
});

describe('the programs of a flood run', OWN, () => {
  for (const file of ['floods.mjs', 'victim.mjs']) {
    it(`${file} ends with the run`, async () => {
      const program = fork(path.join(ROOT, 'tests/flood', file));
      const ended = once(program, 'exit');
      program.disconnect();
      await within(`${file} to end`, ended);
    });
  }
});
