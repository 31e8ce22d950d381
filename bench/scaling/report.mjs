// docs/benchmarks/scaling.json, the pictures beside it, and the tables of docs/SCALING.md, each
// between <!-- NAME --> and <!-- end --> there; the prose is written by hand.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { written } from '../lib/figures.mjs';
import { table, whereTable } from '../lib/markdown.mjs';
import { curves as draw } from '../lib/pictures.mjs';
import { RATE_MEMBERS } from './curves.mjs';
import { fit, needs } from './fit.mjs';

const line = (points, y, scale = 1) => points.filter((point) => Number.isFinite(point[y])).map((point) => [point.x, point[y] / scale]);
const whole = (value) => Math.round(value).toLocaleString('en-US');
const MIB = 1024 * 1024;

// What one of each thing costs, as far as it was measured.
export function costsOf(curves) {
  const points = (name) => curves[name]?.points ?? [];
  const slope = (name, y) => fit(line(points(name), y)).slope;
  const perMessage = (name, y) => points(name).at(-1)?.[y] ?? NaN;
  const perMember = fit(line(points('members'), 'worker_us'));
  return {
    workerBytes: slope('connections', 'worker_bytes'),
    brokerBytes: slope('connections', 'broker_bytes'),
    kernelBytes: slope('connections', 'kernel_bytes') / 2, /* the load's end is here, too */
    roomWorkerBytes: slope('rooms', 'worker_bytes'),
    roomBrokerBytes: slope('rooms', 'broker_bytes'),
    subscriptionBytes: slope('subscriptions', 'worker_bytes'),
    deliveryUs: perMember.slope,
    messageUs: perMessage('rate', 'worker_us') - RATE_MEMBERS * perMember.slope,
    brokerUs: perMessage('rate', 'broker_us'),
    databaseUs: perMessage('rate', 'database_us'),
    brokerBusyUs: points('brokers')[0]?.broker_us ?? NaN,
    databaseBusyUs: points('brokers')[0]?.database_us ?? NaN,
    diskBytes: slope('history', 'disk_bytes'),
  };
}

const COST_ROWS = [
  ['a connection with its session and its one subscription, in a worker', 'workerBytes', 'bytes'],
  ['the same in the kernel, at the server', 'kernelBytes', 'bytes'],
  ['the same in the broker (who is online)', 'brokerBytes', 'bytes'],
  ['one more subscription of a socket, in a worker', 'subscriptionBytes', 'bytes'],
  ['a room that somebody listens to, in a worker', 'roomWorkerBytes', 'bytes'],
  ['the same in the broker', 'roomBrokerBytes', 'bytes'],
  ['a message of 100 bytes in the database, with its indexes', 'diskBytes', 'bytes'],
  ['a delivery that leaves alone, worker', 'deliveryUs', 'µs of CPU'],
  ['a message beside its deliveries, worker, at the highest steady rate below', 'messageUs', 'µs of CPU'],
  ['a message, broker, at that rate', 'brokerUs', 'µs of CPU'],
  ['a message, MariaDB, at that rate', 'databaseUs', 'µs of CPU'],
  ['a message, broker, with as many messages as it takes', 'brokerBusyUs', 'µs of CPU'],
  ['a message, MariaDB, then', 'databaseBusyUs', 'µs of CPU'],
];

// Columns of the curves' tables: [key, title, what to divide by].
const FLOW = [
  ['messages_per_s', 'messages/s'],
  ['deliveries_per_s', 'deliveries/s'],
  ['worker_us', 'worker µs a message'],
  ['worker_us_per_delivery', 'worker µs a delivery'],
  ['broker_us', 'broker µs a message'],
  ['database_us', 'MariaDB µs a message'],
  ['p50_ms', 'p50 ms'],
  ['p99_ms', 'p99 ms'],
];
const MEMORY = [
  ['worker_bytes', 'worker MiB', MIB],
  ['broker_bytes', 'broker MiB', MIB],
  ['kernel_bytes', 'kernel MiB, both ends', MIB],
];
const TABLES = {
  connections: ['connections', MEMORY],
  rooms: ['rooms', MEMORY.slice(0, 2)],
  subscriptions: ['subscriptions', [['rooms', 'rooms of each socket'], ...MEMORY.slice(0, 2)]],
  members: ['members', FLOW],
  rate: ['messages/s offered', FLOW],
  workers: ['workers', [...FLOW, ['empty_worker_bytes', 'MiB before anybody connects', MIB]]],
  brokers: ['brokers', FLOW],
  history: [
    'messages in the room',
    [['newest_ms', 'newest page ms'], ['middle_ms', 'page in the middle ms'], ['oldest_ms', 'oldest page ms'], ['verify_ms', 'verify ms'], ['disk_bytes', 'MiB on disk', MIB]],
  ],
};

function curveTable([first, columns], points) {
  return table(
    [first, ...columns.map(([, title]) => title)],
    points.map((point) => [whole(point.x), ...columns.map(([key, , scale = 1]) => written(point[key] / scale))]),
  );
}

const PICTURES = {
  connections: { heading: 'Memory along connections', unit: 'MiB; rooms of 100 members', lines: [['worker', 'worker_bytes', MIB], ['broker', 'broker_bytes', MIB], ['kernel, both ends', 'kernel_bytes', MIB]] },
  rooms: { heading: 'Memory of 8,000 connections along the number of their rooms', unit: 'MiB', lines: [['worker', 'worker_bytes', MIB], ['broker', 'broker_bytes', MIB]] },
  members: { heading: 'A message in a room, along its members', unit: 'µs of CPU time a message, 10 messages a second; logarithmic', lines: [['worker', 'worker_us', 1], ['broker', 'broker_us', 1], ['MariaDB', 'database_us', 1]], log: true },
  rate: { heading: 'A message along the rate', unit: 'µs of CPU time a message, 100 rooms of 10 members; logarithmic', lines: [['worker', 'worker_us', 1], ['broker', 'broker_us', 1], ['MariaDB', 'database_us', 1]], log: true },
  workers: { heading: 'A message to 10 rooms of 80, along workers', unit: 'µs of CPU time a message, 200 messages a second', lines: [['all workers', 'worker_us', 1], ['broker', 'broker_us', 1], ['MariaDB', 'database_us', 1]] },
  brokers: { heading: 'Messages a second along brokers, all on one machine of two cores', unit: 'committed and acknowledged messages a second', lines: [['messages/s', 'messages_per_s', 1]] },
  history: { heading: 'An answer along the length of a room', unit: 'ms, one request at a time; logarithmic', lines: [['newest 100', 'newest_ms', 1], ['100 in the middle', 'middle_ms', 1], ['verify', 'verify_ms', 1]], log: true },
};
const SIZES = [10_000, 1_000_000, 10_000_000];
const LOAD = { members: 100, messagesPerMinute: 1 };

function needTable(costs) {
  const all = SIZES.map((connections) => needs({ connections, ...LOAD }, costs));
  const row = (title, of) => [title, ...all.map(of)];
  const gib = (bytes) => `${written(bytes / 2 ** 30)} GiB`;
  return table(
    ['', ...SIZES.map((size) => `${whole(size)} connections`)],
    [
      row('rooms', ({ rooms }) => whole(rooms)),
      row('messages/s', ({ messages }) => whole(messages)),
      row('deliveries/s', ({ deliveries }) => whole(deliveries)),
      row('memory of workers and their kernels', ({ workerBytes }) => gib(workerBytes)),
      row('memory of brokers', ({ brokerBytes }) => gib(brokerBytes)),
      row('cores busy in workers', ({ workerCores }) => written(workerCores)),
      row('cores busy in brokers', ({ brokerCores, brokerCoresBusy }) => `${written(brokerCoresBusy)} to ${written(brokerCores)}`),
      row('cores busy in MariaDB', ({ databaseCores, databaseCoresBusy }) => `${written(databaseCoresBusy)} to ${written(databaseCores)}`),
      row('disk for a day of messages', ({ diskBytesPerDay }) => gib(diskBytesPerDay)),
    ],
  );
}

// The page's text with every table between its marks made anew.
export function filled(text, blocks) {
  return text.replace(/<!-- ([\w-]+) -->\n[\s\S]*?<!-- end -->/g, (old, name) => (name in blocks ? `<!-- ${name} -->\n\n${blocks[name]}\n\n<!-- end -->` : old));
}

export function writeReport(results, root) {
  const folder = path.join(root, 'docs/benchmarks');
  const page = path.join(root, 'docs/SCALING.md');
  const measured = Object.entries(results.curves);
  const costs = costsOf(results.curves);
  writeFileSync(path.join(folder, 'scaling.json'), `${JSON.stringify(results, null, 1)}\n`);
  for (const [name, { points }] of measured.filter(([name]) => name in PICTURES)) {
    const { heading, unit, lines, log } = PICTURES[name];
    const svg = draw({ heading, unit, along: TABLES[name][0], log, lines: lines.map(([title, key, scale]) => ({ name: title, points: line(points, key, scale) })) });
    writeFileSync(path.join(folder, `scaling-${name}.svg`), `${svg}\n`);
  }
  const blocks = {
    ...Object.fromEntries(measured.map(([name, { points }]) => [name, curveTable(TABLES[name], points)])),
    costs: table(['one more', 'costs', ''], COST_ROWS.map(([title, key, unit]) => [title, Number.isFinite(costs[key]) ? written(costs[key]) : '–', unit])),
    needs: needTable(costs),
    where: whereTable(results.machine, results.versions, { measured: measured.map(([, { measured: at }]) => at.slice(0, 16)).sort().at(-1) }),
  };
  writeFileSync(page, filled(readFileSync(page, 'utf8'), blocks));
}
