// What Banter promises about its speed, as ratios within a run where there is something to compare
// with. values(runs) gives the numbers of the repetitions, met(median, most) whether the promise is kept.
import { series, valueOf } from './figures.mjs';
import { differences, ratios } from './stats.mjs';

const against = (scenario, figure, other) => (runs) =>
  ratios(series(runs, scenario, 'banter', figure), series(runs, scenario, other, figure));
const own = (scenario, figure) => (runs) => series(runs, scenario, 'banter', figure).map(({ value }) => value);

const above = (scenario, figure, other) => (runs) => differences(series(runs, scenario, 'banter', figure), series(runs, scenario, other, figure));

// One figure of a run against another one of the same run.
const within = (scenario, figure, other) => (runs) =>
  runs
    .filter((run) => run.scenario === scenario && run.server === 'banter')
    .map((run) => valueOf(run, figure) / valueOf(run, other))
    .filter(Number.isFinite);

export const PROMISES = [
  {
    scenario: 'one busy room',
    text: 'deliveries/s of a worker at least 0.6 of the batching limit’s',
    values: against('one_room', 'deliveries_per_s', 'limit-batching'),
    met: (value) => value >= 0.6,
  },
  {
    scenario: 'one busy room',
    text: 'at most 0.6 µs of the worker’s CPU time for a delivery',
    values: own('one_room', 'cpu_us'),
    unit: ' µs',
    met: (value) => value <= 0.6,
  },
  {
    scenario: '100 rooms, 100,000/s',
    text: 'CPU time for a delivery at most 1.1 of the batching limit’s',
    values: against('many_rooms_full', 'cpu_us', 'limit-batching'),
    met: (value) => value <= 1.1,
  },
  {
    scenario: '100 rooms, 100,000/s',
    text: 'p99 no worse than the batching limit’s',
    values: against('many_rooms_full', 'p99_ms', 'limit-batching'),
    met: (value) => value <= 1,
  },
  {
    scenario: '100 rooms, 100,000/s, no disk',
    text: 'the same p99 with the database’s files in memory',
    values: against('many_rooms_full_memory', 'p99_ms', 'limit-batching'),
    met: (value) => value <= 1,
  },
  {
    scenario: '100 rooms, 20,000/s',
    text: 'CPU time for a delivery at most 1.1 of the batching limit’s',
    values: against('many_rooms', 'cpu_us', 'limit-batching'),
    met: (value) => value <= 1.1,
  },
  {
    scenario: '100 rooms, 20,000/s',
    text: 'p99 no worse than the batching limit’s',
    values: against('many_rooms', 'p99_ms', 'limit-batching'),
    met: (value) => value <= 1,
  },
  {
    scenario: '100 rooms, 20,000/s, no disk',
    text: 'the same p99 with the database’s files in memory',
    values: against('many_rooms_memory', 'p99_ms', 'limit-batching'),
    met: (value) => value <= 1,
  },
  ...[
    ['ingest_1000', '1,000 rooms'],
    ['ingest_10000', '10,000 rooms, a socket each'],
    ['ingest_10000_shared', '10,000 rooms, ten a socket'],
  ].map(([id, rooms]) => ({
    scenario: `committed messages, ${rooms}`,
    text: 'at least half of the bulk insert’s rate',
    values: against(id, 'messages_per_s', 'bulk'),
    met: (value) => value >= 0.5,
  })),
  {
    scenario: 'publish to delivery',
    text: 'p50 at most a millisecond above a commit alone',
    values: above('publish', 'p50_ms', 'bulk'),
    unit: ' ms above',
    met: (value) => value <= 1,
  },
  {
    scenario: 'publish to delivery',
    text: 'p99 at most five times p50',
    values: within('publish', 'p99_ms', 'p50_ms'),
    met: (value) => value <= 5,
  },
  {
    scenario: 'publish to delivery, no disk',
    text: 'the same with the database’s files in memory',
    values: within('publish_memory', 'p99_ms', 'p50_ms'),
    met: (value) => value <= 5,
  },
  {
    scenario: 'idle connections',
    text: 'at most 1 kB (1,024 bytes) for each',
    values: own('idle', 'memory_bytes'),
    unit: ' bytes',
    met: (value) => value <= 1024,
  },
  {
    scenario: '5,000 connections at once',
    text: 'at least 5,000 a second for a worker’s core, with a warm cache',
    values: own('connects', 'connects_per_core'),
    unit: ' a second',
    met: (value) => value >= 5000,
  },
  {
    scenario: '5,000 connections at once',
    text: 'none is refused, neither with a cold cache',
    values: (runs) => ['banter', 'banter-cold'].flatMap((server) => series(runs, 'connects', server, 'refused').map(({ value }) => value)),
    unit: ' refused',
    met: (value, most) => most === 0,
  },
];
