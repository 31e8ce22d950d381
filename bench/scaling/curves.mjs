// What is measured: each curve is one thing that grows while the rest stays. point() gives what is
// kept of one measurement.
import { alike } from '../lib/plan.mjs';

const IDLE = { rate: 1, 'warm-up': 0, measure: 0, settle: 0, connecting: 500, addresses: 8 };
const FLOW = { bytes: 200, 'warm-up': 1, measure: 3, settle: 0.5 };

const sum = (result, name, what) =>
  Object.entries(result.processes)
    .filter(([process]) => process.startsWith(name))
    .reduce((total, [, process]) => total + process[what], 0);

const memory = (result) => ({
  worker_bytes: sum(result, 'worker', 'pss_after') - sum(result, 'worker', 'pss_before'),
  broker_bytes: sum(result, 'broker', 'pss_after') - sum(result, 'broker', 'pss_before'),
  kernel_bytes: result.kernel_bytes_per_connection * result.clients,
  empty_worker_bytes: sum(result, 'worker', 'pss_before'),
});

// sent and acknowledged are of the same time as the CPU.
const flow = (result) => {
  const messages = result.acknowledged_per_s * result.seconds;
  const us = (name) => (sum(result, name, 'cpu_s') * 1e6) / messages;
  return {
    messages_per_s: messages / result.seconds,
    deliveries_per_s: result.deliveries / result.seconds,
    worker_us: us('worker'),
    worker_us_per_delivery: (sum(result, 'worker', 'cpu_s') * 1e6) / result.deliveries,
    broker_us: us('broker'),
    database_us: us('mariadb'),
    p50_ms: result.delivery_us.p50 / 1e3,
    p99_ms: result.delivery_us.p99 / 1e3,
  };
};

export const RATE_MEMBERS = 10;

export const CURVES = {
  connections: {
    along: 'connections',
    at: [1000, 4000, 8000, 16000],
    setup: (n) => ({ rooms: alike(n / 100, 100, 1) }),
    load: () => IDLE,
    keep: memory,
  },
  rooms: {
    along: 'rooms',
    at: [80, 800, 4000, 8000],
    setup: (n) => ({ rooms: alike(n, 8000 / n, 1) }),
    load: () => IDLE,
    keep: memory,
  },
  members: {
    along: 'members',
    at: [10, 100, 1000, 4000],
    setup: (n) => ({ rooms: alike(1, n, 1), pinned: true }),
    load: () => ({ ...FLOW, rate: 10 }),
    keep: flow,
  },
  rate: {
    along: 'messages_per_s',
    at: [100, 500, 1000, 2000, 4000],
    setup: () => ({ rooms: alike(100, RATE_MEMBERS, 1), pinned: true }),
    load: (n) => ({ ...FLOW, rate: n / 100 }),
    keep: flow,
  },
  workers: {
    along: 'workers',
    at: [1, 2, 4, 8],
    setup: (n) => ({ rooms: alike(10, 80, 1), workers: n }),
    load: () => ({ ...FLOW, rate: 20 }),
    keep: (result) => ({ ...flow(result), ...memory(result) }),
  },
  brokers: {
    along: 'brokers',
    at: [1, 2, 4],
    setup: (n) => ({ rooms: alike(200, 2, 1), brokers: n }),
    load: () => ({ ...FLOW, outstanding: 8 }),
    keep: flow,
  },
};
