// The stack's test: make test-stack runs it by run.sh, which made what it needs. STACK=docker or netns
// says how hosts are made. The last line is "N passed, N failed".
//
//   STACK_CLIENTS=2000  STACK_RATE=200   the load: clients, messages a second
//   STACK_ONLY=text                      only the stories with that text; one of the load brings all of it
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from '../system/lib/env.mjs';
import { DockerStack } from './docker.mjs';
import { LoadStories, checkLogs, shortStories } from './stories.mjs';
import { NetnsStack } from './netns.mjs';

const SYSTEM_FILES = ['02_accounts', '03_rooms', '04_messages', '08_order', '09_resume', '18_multi_room'];
const SYSTEM_MS = 300_000;

const began = Date.now();
const dir = process.argv[2];
let passed = 0;
let failed = 0;

const seconds = (since) => `${((Date.now() - since) / 1000).toFixed(1)} s`;
const say = (line) => console.log(`       ${line}`);

const wanted = (name) => name.includes(process.env.STACK_ONLY ?? '');

async function check(name, story) {
  const since = Date.now();
  try {
    await story();
    passed += 1;
    console.log(`passed ${name} (${seconds(since)})`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED ${name} (${seconds(since)})\n${error.stack}${error.cause ? `\n${error.cause.stack}` : ''}`);
  }
}

// The black-box tests that need no other settings, through the balancer; each counts.
async function systemTests(stack) {
  const files = SYSTEM_FILES.map((name) => path.join(ROOT, `tests/system/${name}.test.mjs`));
  const tap = path.join(dir, 'system.tap');
  const since = Date.now();
  const child = spawn(process.execPath, ['--test', '--test-reporter=tap', `--test-reporter-destination=${tap}`, ...files], {
    env: { ...process.env, BANTER_STACK_URL: stack.url, BANTER_STACK_SQL: JSON.stringify(stack.sqlCommand) },
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: SYSTEM_MS,
  });
  const code = await new Promise((resolve) => child.on('exit', resolve));
  const text = fs.readFileSync(tap, 'utf8');
  const number = (name) => Number([...text.matchAll(new RegExp(`^# ${name} (\\d+)$`, 'gm'))].at(-1)?.[1] ?? 0);
  const bad = number('fail') + number('cancelled') + (code !== 0 && number('fail') === 0 ? 1 : 0);
  passed += number('pass');
  failed += bad;
  if (bad > 0) console.log(text.split('\n').filter((line) => /^\s*not ok|^\s+error:|^\s+at /.test(line)).slice(0, 60).join('\n'));
  console.log(`${bad > 0 ? 'FAILED' : 'passed'} the black-box tests through the balancer: ${number('pass')} passed, ` +
    `${bad} failed, ${number('skipped')} left out (they want settings of their own) (${seconds(since)})`);
}

async function wholeStory() {
  const Stack = process.env.STACK === 'netns' ? NetnsStack : DockerStack;
  const stack = new Stack({ dir, log: say });
  const loads = new LoadStories(stack, say);
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, async () => {
      loads.discard();
      await stack.discard().catch(() => {});
      process.exit(1);
    });
  }
  try {
    await check('everything comes up', () => stack.start());
    if (failed > 0) return;
    for (const [name, story] of Object.entries(shortStories)) {
      if (wanted(name)) await check(name, () => story(stack));
    }
    if (!process.env.STACK_ONLY) await systemTests(stack);
    if (Object.keys(loads.stories).some(wanted)) {
      for (const [name, story] of Object.entries(loads.stories)) await check(name, story);
    }
    await check('no log has a token or the report of a broken program', async () => checkLogs(await stack.logs()));
    await check('everything ends in order', () => stack.stop());
  } finally {
    loads.discard();
    if (failed > 0) await keepLogs(stack);
    await stack.discard();
  }
}

async function keepLogs(stack) {
  const kept = path.join(ROOT, 'build/test-logs/stack');
  fs.mkdirSync(kept, { recursive: true });
  const logs = await stack.logs().catch(() => ({}));
  for (const [service, text] of Object.entries(logs)) fs.writeFileSync(path.join(kept, `${service}.log`), text);
  console.log(`the logs are in ${path.relative(ROOT, kept)}`);
}

await wholeStory().catch((error) => {
  failed += 1;
  console.log(error.stack);
});
console.log(`took ${seconds(began)}`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
