// What workers and brokers have given up by the time they serve, as the kernel tells it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { Api, Socket, makeRoom } from './lib/client.mjs';
import { SANDBOX, binary } from './lib/env.mjs';
import { run } from './lib/process.mjs';
import { childrenOf } from './lib/procfs.mjs';
import { startStack, withStack } from './lib/stack.mjs';

const asRoot = process.getuid() === 0 ? {} : { skip: 'only root can become another user' };
const NOBODY = 65534;
const CAP_DAC_OVERRIDE = 1n << 1n;
const inSandbox = SANDBOX === '1' ? {} : { skip: 'sanitizers and valgrind need more system calls' };

// The lines of /proc/PID/status by name, and the limit of core dumps.
function processOf(pid) {
  const status = Object.fromEntries(
    fs.readFileSync(`/proc/${pid}/status`, 'utf8').split('\n').map((line) => line.split(/:\s*/, 2)),
  );
  const core = /^Max core file size\s+(\S+)\s+(\S+)/m.exec(fs.readFileSync(`/proc/${pid}/limits`, 'utf8'));
  return { ...status, core: core.slice(1, 3) };
}

function assertShutIn(pid) {
  const { NoNewPrivs, Seccomp, CapEff, CapPrm, Uid, core } = processOf(pid);
  assert.deepEqual({ NoNewPrivs, Seccomp, core }, { NoNewPrivs: '1', Seccomp: '2', core: ['0', '0'] });
  // Who stays root may reach what another user owns, and no more.
  const left = Uid.startsWith('0\t') ? CAP_DAC_OVERRIDE : 0n;
  assert.deepEqual([CapEff, CapPrm].map((set) => BigInt(`0x${set}`)), [left, left]);
}

describe('the sandbox', inSandbox, () => {
  it('holds workers, the admin process and the broker', async () => {
    await withStack({ workers: 2 }, async (stack) => {
      const master = stack.gateways[0].pid;
      for (const pid of [...childrenOf(master), stack.brokers[0].pid]) assertShutIn(pid);
      const { NoNewPrivs, core } = processOf(master);
      assert.deepEqual({ NoNewPrivs, core }, { NoNewPrivs: '1', core: ['0', '0'] });
    });
  });

  it('is another user, when the gateway was started by root', asRoot, async () => {
    const stack = await startStack({ workers: 1 });
    try {
      // What the operator does for that user: the way to the broker and the database is open.
      for (const name of ['', 'mariadb']) fs.chmodSync(path.join(stack.dir, name), 0o711);
      for (const name of fs.readdirSync(stack.dir)) {
        const file = path.join(stack.dir, name);
        if (fs.lstatSync(file).isSocket()) fs.chmodSync(file, 0o777);
      }
      await stack.killGateway();
      stack.gatewayEnv.BANTER_USER = 'nobody';
      await stack.startGateway();
      await stack.waitReady();
      const [worker] = stack.workers();
      assert.match(processOf(worker).Uid, new RegExp(`^${NOBODY}\\s+${NOBODY}\\s+${NOBODY}`));
      assertShutIn(worker);
      const { owner, room } = await makeRoom(new Api(stack.url), 0);
      const socket = await Socket.open(stack.url, room.id, owner.token);
      socket.send({ text: 'from nobody' });
      assert.equal((await socket.waitFor((frame) => frame.type === 'new_message')).text, 'from nobody');
    } finally {
      await stack.stop();
    }
  });

  it('reaches a database that is another user\'s', { ...asRoot, ...inSandbox }, async () => {
    const stack = await startStack({ workers: 1 });
    try {
      const folder = path.join(stack.dir, 'mariadb');
      fs.chownSync(folder, NOBODY, NOBODY);
      fs.chmodSync(folder, 0o700);
      await stack.killGateway();
      await stack.startGateway();
      await stack.restartBroker();
      await stack.waitReady();
      const { owner, room } = await makeRoom(new Api(stack.url), 0);
      await owner.api.post(`/api/chat/rooms/${room.id}/messages`, { text: 'here' });
      assert.equal((await owner.api.history(room.id)).length, 1);
      fs.chownSync(folder, 0, 0);
    } finally {
      await stack.stop();
    }
  });

  it('refuses to start for a user who is not there', async () => {
    const { code, stderr } = await run(binary('banter-gateway'), ['--user=nobody-at-all', '--listen=127.0.0.1:0']);
    assert.equal(code, 1);
    assert.match(stderr, /there is no user "nobody-at-all" \(BANTER_USER\)/);
  });
});
