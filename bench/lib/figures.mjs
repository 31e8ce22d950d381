// The figures of a run, and how they are written. A run is what the load generator printed (or
// bench/bulk), with the scenario, the server and the repetition.
import { SERVERS } from './scenarios.mjs';

const workers = (run, what) => {
  const used = Object.entries(run.processes ?? {}).filter(([name]) => name.startsWith('worker'));
  return used.length > 0 ? used.reduce((sum, [, process]) => sum + process[what], 0) : NaN;
};
const latency = (part) => (run) => {
  if (run.commits > 0) return run[`${part}_us`] / 1e3;
  return run.delivery_us?.count > 0 ? run.delivery_us[part] / 1e3 : NaN;
};
const connectUs = (run) => (workers(run, 'connect_cpu_s') / run.connected) * 1e6;

// title: a column's head; unit: on a picture's axis; more: whether more is better.
export const FIGURES = {
  deliveries_per_s: { title: 'deliveries/s', unit: 'deliveries a second', more: true, of: (run) => run.deliveries_per_s },
  cpu_us: {
    title: 'CPU µs per delivery',
    unit: 'µs of the server’s CPU time for a delivery',
    of: (run) => (workers(run, 'cpu_s') / run.deliveries) * 1e6,
  },
  p50_ms: { title: 'p50 ms', unit: 'ms', of: latency('p50') },
  p90_ms: { title: 'p90 ms', unit: 'ms', of: latency('p90') },
  p99_ms: { title: 'p99 ms', unit: 'ms', of: latency('p99') },
  messages_per_s: {
    title: 'messages/s',
    unit: 'messages committed in a second',
    more: true,
    of: (run) => run.rows_per_s ?? run.acknowledged_per_s,
  },
  memory_bytes: {
    title: 'bytes of the process',
    unit: 'bytes of the server’s memory for a connection',
    of: (run) => workers(run, 'bytes_per_connection'),
  },
  broker_bytes: { title: 'bytes of the broker', unit: 'bytes', of: (run) => run.processes?.broker?.bytes_per_connection ?? NaN },
  kernel_bytes: { title: 'bytes of the kernel, both ends', unit: 'bytes', of: (run) => run.kernel_bytes_per_connection },
  refused: { title: 'refused', unit: 'connections', of: (run) => run.refused },
  connects_per_s: { title: 'connections/s', unit: 'connections a second', more: true, of: (run) => run.connects_per_s },
  connect_cpu_us: { title: 'CPU µs per connection', unit: 'µs of the server’s CPU time for a connection', of: connectUs },
  connects_per_core: {
    title: 'connections/s of a worker’s core',
    unit: 'connections that the server opens in a second of CPU time',
    more: true,
    of: (run) => 1e6 / connectUs(run),
  },
};

export const valueOf = (run, figure) => (run.failed ? NaN : FIGURES[figure].of(run));

// [{repetition, value}] of a server in a scenario.
export function series(runs, scenario, server, figure) {
  return runs
    .filter((run) => run.scenario === scenario && run.server === server)
    .map((run) => ({ repetition: run.repetition, value: valueOf(run, figure) }))
    .filter(({ value }) => Number.isFinite(value));
}

// What a log must never do, and what must not happen in a measurement either.
export function faultsOf(result) {
  const faults = ['refused', 'lost', 'repeated', 'reordered', 'errors', 'closed'].filter((what) => result[what] > 0);
  return faults.map((what) => `${result[what]} ${what}`);
}

// Three digits that count: 1,370,000 · 41.2 · 0.396.
export function written(value) {
  if (!Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  const rounded = Number(value.toPrecision(3));
  return rounded.toLocaleString('en-US', { minimumFractionDigits: Math.min(digits, 3), maximumFractionDigits: Math.min(digits, 3) });
}

// "1,370,000 (1,210,000–1,400,000)" of a spread.
export const writtenSpread = (all) => (all ? `${written(all.median)} (${written(all.min)}–${written(all.max)})` : '–');

// ---- who is in a table -----------------------------------------------------------------------------

export const titleOf = (scenario, server) => scenario.beside?.[server] ?? SERVERS[server].title;

// Servers of a scenario that have results, in the scenario's order, then what was measured beside.
export function present(runs, scenario) {
  const named = [...scenario.servers, ...Object.keys(scenario.beside ?? {})];
  return named.filter((server) => runs.some((run) => run.scenario === scenario.id && run.server === server));
}
