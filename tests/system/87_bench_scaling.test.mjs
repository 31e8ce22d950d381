// The pure parts of "make bench-rest" and "make bench-scaling": lines through points, what follows
// from them, promises, and the tables that are put into a page.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { curves } from '../../bench/lib/pictures.mjs';
import { CASES } from '../../bench/rest/cases.mjs';
import { page, promiseOf } from '../../bench/rest/report.mjs';
import { fit, needs } from '../../bench/scaling/fit.mjs';
import { costsOf, filled } from '../../bench/scaling/report.mjs';

test('a line through points has their slope and base', () => {
  assert.deepEqual(fit([[0, 5], [10, 25]]), { slope: 2, base: 5 });
  const { slope, base } = fit([[0, 1], [1, 2], [2, 5]]);
  assert.ok(Math.abs(slope - 2) < 1e-9 && Math.abs(base - 2 / 3) < 1e-9);
  assert.ok(Number.isNaN(fit([]).slope) && Number.isNaN(fit([[1, 1]]).base));
  assert.ok(Number.isNaN(fit([[3, 1], [3, 2]]).slope));
});

test('what so many connections need is the sum of what each thing costs', () => {
  const costs = {
    workerBytes: 700, kernelBytes: 3000, brokerBytes: 100, roomWorkerBytes: 1000, roomBrokerBytes: 500,
    deliveryUs: 10, messageUs: 20, brokerUs: 30, databaseUs: 100, brokerBusyUs: 3, databaseBusyUs: 5, diskBytes: 250,
  };
  const all = needs({ connections: 6000, members: 100, messagesPerMinute: 1 }, costs);
  assert.equal(all.rooms, 60);
  assert.equal(all.messages, 100);
  assert.equal(all.deliveries, 10_000);
  assert.equal(all.workerBytes, 6000 * 3700 + 60 * 1000);
  assert.equal(all.brokerBytes, 6000 * 100 + 60 * 500);
  assert.ok(Math.abs(all.workerCores - 0.102) < 1e-9);
  assert.ok(Math.abs(all.brokerCores - 0.003) < 1e-9);
  assert.ok(Math.abs(all.databaseCores - 0.01) < 1e-9);
  assert.ok(Math.abs(all.brokerCoresBusy - 0.0003) < 1e-9 && Math.abs(all.databaseCoresBusy - 0.0005) < 1e-9);
  assert.equal(all.diskBytesPerDay, 100 * 86_400 * 250);
});

test('costs are slopes; what was not measured is no number', () => {
  const costs = costsOf({
    connections: { points: [{ x: 1000, worker_bytes: 1e6, broker_bytes: 5e5, kernel_bytes: 8e6 }, { x: 2000, worker_bytes: 1.7e6, broker_bytes: 6e5, kernel_bytes: 16e6 }] },
  });
  assert.equal(costs.workerBytes, 700);
  assert.equal(costs.brokerBytes, 100);
  assert.equal(costs.kernelBytes, 4000);
  assert.ok(Number.isNaN(costs.roomWorkerBytes) && Number.isNaN(costs.databaseUs));
});

test('tables are put between their marks, and nothing else is touched', () => {
  const text = 'a\n<!-- one -->\nold\n<!-- end -->\nb\n<!-- two -->\n<!-- end -->\nc';
  assert.equal(filled(text, { one: 'new\nrows' }), 'a\n<!-- one -->\n\nnew\nrows\n\n<!-- end -->\nb\n<!-- two -->\n<!-- end -->\nc');
  assert.equal(filled(filled(text, { one: 'x', two: 'y' }), { one: 'x', two: 'y' }), filled(text, { one: 'x', two: 'y' }));
});

const runs = (id, sides) =>
  Object.entries(sides).flatMap(([side, values]) => values.map((run, repetition) => ({ case: id, side, repetition, ...run })));

test('a promise is a ratio within a repetition', () => {
  const health = CASES.find(({ id }) => id === 'health');
  const login = CASES.find(({ id }) => id === 'login');
  const kept = promiseOf(health, runs('health', { bare: [{ cpu_us: 10 }, { cpu_us: 20 }], banter: [{ cpu_us: 11 }, { cpu_us: 24 }] }));
  assert.ok(kept.kept && Math.abs(kept.all.median - 1.15) < 1e-9);
  assert.equal(promiseOf(login, runs('login', { bare: [{ per_s: 10 }], banter: [{ per_s: 8 }] })).kept, false);
  assert.equal(promiseOf(login, []), null);
});

test('the REST page says what was measured, and which answers were wrong', () => {
  const results = {
    began: '2026-01-02T03:04:05Z', minutes: 1, repeat: 1, seconds: 1, connections: 32, db_threads: 4, machine: { cpu: 'x' }, versions: {},
    runs: runs('health', { bare: [{ per_s: 100, cpu_us: 10 }], banter: [{ per_s: 90, cpu_us: 11, other_answers: 3 }] }),
  };
  const text = page(results);
  assert.match(text, /\| bare evhttp \| 100 /);
  assert.match(text, /3 answers had another status/);
  assert.doesNotMatch(text, /## Logins|undefined|NaN/);
});

test('curves are drawn with their names, on both kinds of scale', () => {
  for (const log of [false, true]) {
    const svg = curves({ heading: 'Heading', unit: 'ms', along: 'messages', log, lines: [{ name: 'first', points: [[1, 2], [10, 20], [100, 30]] }] });
    assert.match(svg, /^<svg/);
    for (const word of ['Heading', 'first', 'messages']) assert.ok(svg.includes(word), word);
  }
});
