// One scenario once against one server: one.mjs '{"rooms":100,"members":100,...}'; for trying out.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { start } from './servers/banter.mjs';

const scenario = { rooms: 1, members: 1000, senders: 1, load: ['--outstanding=64'], ...JSON.parse(process.argv[2] ?? '{}') };
const server = await start({
  rooms: Array.from({ length: scenario.rooms }, () => ({ members: scenario.members, senders: scenario.senders })),
});
const folder = mkdtempSync(join(tmpdir(), 'banter-bench-'));
try {
  const plan = join(folder, 'plan');
  writeFileSync(plan, `${server.plan.join('\n')}\n`);
  const watch = Object.entries(server.processes).map(([name, pid]) => `${name}:${pid}`).join(',');
  const run = spawnSync(
    'taskset',
    ['-c', '1', new URL('../build/release/bench/load/load', import.meta.url).pathname,
      `--server=${server.address}`, `--plan=${plan}`, `--protocol=${server.protocol}`, `--watch=${watch}`, ...scenario.load],
    { encoding: 'utf8' },
  );
  console.log(run.stderr, JSON.stringify(JSON.parse(run.stdout), null, 1));
} finally {
  await server.stop();
  rmSync(folder, { recursive: true });
}
