// The bench measures what it says: its arithmetic, its page, and a short run of the real load
// generator against Banter and the limit server, in which nothing may be lost. Nothing is timed.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test from 'node:test';
import { series, written } from '../../bench/lib/figures.mjs';
import { page } from '../../bench/lib/page.mjs';
import { alike } from '../../bench/lib/plan.mjs';
import { bars, percentiles } from '../../bench/lib/pictures.mjs';
import { PROMISES } from '../../bench/lib/promises.mjs';
import { runOnce } from '../../bench/lib/runs.mjs';
import { SCENARIOS } from '../../bench/lib/scenarios.mjs';
import { differences, median, ratios, spread } from '../../bench/lib/stats.mjs';
import { startBanter } from '../../bench/servers/banter.mjs';
import { isAlive } from './lib/procfs.mjs';
import { poll } from './lib/wait.mjs';

const values = (...list) => list.map((value, repetition) => ({ repetition, value }));
const scenario = (id) => SCENARIOS.find((one) => one.id === id);

test('medians, spreads and ratios within a repetition', () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([4, 1, 2, 3]), 2.5);
  assert.ok(Number.isNaN(median([])));
  assert.deepEqual(spread([5, NaN, 1, 3]), { median: 3, min: 1, max: 5, count: 3 });
  assert.equal(spread([NaN]), null);
  assert.deepEqual(ratios(values(10, 20, 30), values(20, 20, 10)), [0.5, 1, 3]);
  assert.deepEqual(ratios(values(1, 2), values(0, 4)), [0.5], 'nothing is divided by zero');
  assert.deepEqual(ratios([{ repetition: 7, value: 1 }], values(1, 2)), [], 'only the same repetition');
  assert.deepEqual(differences(values(3, 4), values(1, 1)), [2, 3]);
});

test('figures are written with three digits', () => {
  const told = [1234567, 1000, 41.25, 9.4, 0.3961, 0.00123, 0, NaN].map(written);
  assert.deepEqual(told, ['1,230,000', '1,000', '41.3', '9.40', '0.396', '0.001', '0', '–']);
});

// One run as the load generator prints it.
const run = (server, repetition, deliveries, cpu, more = {}) => ({
  scenario: 'one_room', server, repetition, deliveries, deliveries_per_s: deliveries, refused: 0, lost: 0,
  repeated: 0, reordered: 0, errors: 0, closed: 0, processes: { worker: { cpu_s: cpu } },
  delivery_us: { count: deliveries, p50: 1000, p90: 2000, p99: 4000, p999: 8000 }, ...more,
});
const results = (runs) => ({
  began: '2026-01-02T03:04:05.678Z', minutes: 1, repeat: 2, machine: { cores: 2 }, versions: { ws: '1' }, runs,
});

test('the page has the medians, the ratios and the promises', () => {
  const runs = [
    run('banter', 0, 700_000, 0.7), run('limit-batching', 0, 1_000_000, 0.4),
    run('banter', 1, 900_000, 0.9), run('limit-batching', 1, 1_200_000, 0.4),
  ];
  assert.deepEqual(series(runs, 'one_room', 'banter', 'cpu_us'), values(1, 1));
  const text = page(results(runs), { one_room: [{ file: 'a.svg', alt: 'A' }] });
  assert.match(text, /\| Banter \| 800,000 \(700,000–900,000\) \| 1\.00 \(1\.00–1\.00\) \| 1\.00 \(1\.00–1\.00\) \| 4\.00 \(4\.00–4\.00\) \| 0\.725 \(0\.700–0\.750\) \| 0 \|/);
  assert.match(text, /\| one busy room \| deliveries[^|]*\| 0\.725 \(0\.700–0\.750\) \| yes \|/);
  assert.match(text, /\| one busy room \| at most 0\.6[^|]*\| 1\.00 \(1\.00–1\.00\) µs \| \*\*no\*\* \|/);
  assert.match(text, /!\[A\]\(a\.svg\)/);
  assert.match(text, /In none of the runs was a message lost/);
  assert.doesNotMatch(text, /NaN|undefined|null/);
});

test('a run with a fault is named, and one without a result does not count', () => {
  const runs = [run('banter', 0, 100, 1, { lost: 3 }), { scenario: 'one_room', server: 'banter', repetition: 1, failed: 'no port' }];
  const text = page(results(runs), { one_room: [] });
  assert.match(text, /- one_room, banter, repetition 1: 3 lost/);
  assert.match(text, /- one_room, banter, repetition 2: no port/);
  assert.equal(series(runs, 'one_room', 'banter', 'deliveries_per_s').length, 1);
  assert.doesNotMatch(text, /In none of the runs/);
});

test('every promise is about a scenario that has its figure', () => {
  const text = JSON.stringify(PROMISES.map(({ values: of }) => of(
    SCENARIOS.flatMap(({ id, servers, beside = {} }) =>
      [...servers, ...Object.keys(beside)].map((server) => ({
        ...run(server, 0, 100, 1), scenario: id, rows_per_s: server === 'bulk' ? 10 : undefined, acknowledged_per_s: 5, connected: 10,
        processes: { worker: { cpu_s: 1, connect_cpu_s: 1, bytes_per_connection: 1000 } },
      })),
    ),
  ).length > 0));
  assert.equal(text, JSON.stringify(PROMISES.map(() => true)));
});

test('pictures are SVG that a page can show', () => {
  const pictures = [
    bars({ heading: 'A <room> & "b"', unit: 'a second', rows: [{ name: 'Banter', median: 2, min: 1, max: 3, label: '2.00' }] }),
    percentiles({ heading: 'B', unit: 'ms', kinds: ['p50', 'p99'], rows: [{ name: 'ws', points: [1, 20], label: '1 / 20' }] }),
  ];
  for (const svg of pictures) {
    assert.match(svg, /^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"[\s\S]*<\/svg>$/);
    assert.doesNotMatch(svg, /<script|<style|NaN|undefined|style="[^"]*"[^"]*"[^>]*" xml:space/);
    const open = [...svg.matchAll(/<(\w+)[^>]*?(\/?)>/g)].filter(([, , closed]) => closed === '').length;
    assert.equal(open, [...svg.matchAll(/<\/\w+>/g)].length, 'every element is closed');
  }
  assert.match(pictures[0], /A &lt;room&gt; &amp;/);
});

const brief = (id, rooms, load) => ({ ...scenario(id), rooms, pinned: false, options: {}, load: { ...scenario(id).load, 'warm-up': 0.1, measure: 0.4, settle: 0.1, ...load } });
const faultless = ({ refused, lost, repeated, reordered, errors, closed }) => ({ refused, lost, repeated, reordered, errors, closed });
const NONE = { refused: 0, lost: 0, repeated: 0, reordered: 0, errors: 0, closed: 0 };

for (const server of ['limit-batching', 'limit-at-once', 'banter']) {
  test(`${server}: a short load loses, repeats and reorders nothing`, async () => {
    const [result] = await runOnce(server, brief('one_room', [3, 8, 2], { outstanding: 8 }), 0);
    assert.equal(result.failed, undefined);
    assert.equal(result.connected, 24);
    assert.ok(result.deliveries > 0 && result.acknowledged_per_s > 0 && result.delivery_us.count > 0);
    assert.deepEqual(faultless(result), NONE);
  });
}

test('banter: people with one socket for several rooms', async () => {
  const shared = { ...brief('ingest_10000_shared', [12, 2, 2], { outstanding: 2 }), options: { roomsPerSocket: 4 }, bulk: undefined };
  const [result] = await runOnce('banter', shared, 0);
  assert.equal(result.failed, undefined);
  assert.deepEqual([result.protocol, result.connected, result.rooms], ['banter-rooms', 6, 12]);
  assert.ok(result.deliveries > 0 && result.acknowledged_per_s > 0 && result.acknowledgement_us.count > 0);
  assert.deepEqual(faultless(result), NONE);
});

test('the database alone is measured beside Banter', async () => {
  const small = { ...brief('publish', [4, 2, 1], { rate: 20 }), bulk: { writers: 1, batch: 10, bytes: 50, rooms: 5, rows: 100 } };
  const both = await runOnce('banter', small, 1);
  assert.deepEqual(both.map(({ server, failed }) => [server, failed]), [['banter', undefined], ['bulk', undefined]]);
  assert.ok(both[1].rows_per_s > 0);
});

test('the database keeps its files where it is told, and leaves none', async () => {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'banter-bench-data-'));
  try {
    const server = await startBanter({ rooms: alike(1, 2, 1), dataDir });
    const [own, ...others] = fs.readdirSync(dataDir);
    const there = fs.existsSync(path.join(dataDir, String(own), 'mariadb/data'));
    await server.stop();
    assert.deepEqual([there, others, fs.readdirSync(dataDir)], [true, [], []]);
  } finally {
    fs.rmSync(dataDir, { recursive: true });
  }
});

test('a scenario in memory differs from its namesake by the folder', () => {
  const load = ({ kind, rooms, load: offered, bulk, pinned }) => ({ kind, rooms, offered, bulk, pinned });
  const inMemory = SCENARIOS.filter(({ id }) => id.endsWith('_memory'));
  assert.ok(inMemory.length > 0);
  for (const own of inMemory) {
    const disk = scenario(own.id.replace('_memory', ''));
    assert.deepEqual(load(own), load(disk), own.id);
    assert.deepEqual(own.options, { ...disk.options, dataDir: '/dev/shm' }, own.id);
  }
});

test('rooms whose database has a folder of its own: nothing is lost, with either server', async () => {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'banter-bench-data-'));
  try {
    const small = { ...brief('many_rooms_memory', [3, 4, 1], { rate: 20 }), options: { dataDir } };
    for (const server of small.servers) {
      const [result] = await runOnce(server, small, 0);
      assert.equal(result.failed, undefined);
      assert.ok(result.deliveries > 0, server);
      assert.deepEqual(faultless(result), NONE, server);
    }
    assert.deepEqual(fs.readdirSync(dataDir), []);
  } finally {
    fs.rmSync(dataDir, { recursive: true });
  }
});

test('connections come twice, cold and warm', async () => {
  const both = await runOnce('banter', brief('connects', [5, 10, 0], { connecting: 50, measure: 0, 'warm-up': 0 }), 0);
  assert.deepEqual(both.map(({ server, connected, refused }) => [server, connected, refused]), [['banter-cold', 50, 0], ['banter', 50, 0]]);
});

test('a run that cannot be made says why', async () => {
  const [result] = await runOnce('limit-batching', { ...brief('one_room', [1, 2, 1], {}), load: { nonsense: 1 } }, 0);
  assert.equal(result.server, 'limit-batching');
  assert.match(result.failed, /load ended with 2/);
});

test('a server does not outlive a bench that is killed', async () => {
  const limit = JSON.stringify(new URL('../../bench/servers/limit.mjs', import.meta.url));
  const story = `import { startBatching } from ${limit};
    console.log((await startBatching({ rooms: [] })).processes.worker);
    setInterval(() => {}, 1000);`;
  const bench = spawn(process.execPath, ['--input-type=module', '--eval', story], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [pid] = (await once(bench.stdout, 'data')).map(Number);
  assert.ok(isAlive(pid));
  bench.kill('SIGKILL');
  await poll('it to end', async () => !isAlive(pid));
});
