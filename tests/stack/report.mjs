// Figures for people.

const BAR = 40;

export function histogram(counts, { every = 1 } = {}) {
  const bins = [];
  for (let i = 0; i < counts.length; i += every) {
    bins.push(counts.slice(i, i + every).reduce((sum, count) => sum + count, 0));
  }
  const most = Math.max(1, ...bins);
  return bins.map((count, i) =>
    `${String(i * every).padStart(6)} s ${String(count).padStart(5)}  ${'#'.repeat(Math.round((count / most) * BAR))}`);
}

const inWords = ({ p50, p99, max }) =>
  [`p50 ${p50}`, `p99 ${p99}`, `max ${max}`].join(', ');

export function figures(phase) {
  const closes = Object.entries(phase.closes).map(([code, count]) => `${count} with ${code}`).join(', ') || 'none';
  return [
    `${phase.seconds.toFixed(0)} s, ${phase.deliveries} deliveries`,
    `closed: ${closes}; came back: ${phase.reconnects}; attempts that failed: ${phase.failedConnects}; ` +
      `requests that the balancer could not pass on: ${phase.balancerErrors}`,
    `longest time without delivery of each client: ${inWords(phase.gapMs)} ms`,
    `from the sender's first attempt to a receiver: ${inWords(phase.delayMs)} ms`,
  ];
}
