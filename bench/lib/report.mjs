// Writes docs/benchmarks: the page and its pictures, from the runs' results.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { FIGURES, present, series, titleOf, written } from './figures.mjs';
import { page } from './page.mjs';
import { bars, percentiles } from './pictures.mjs';
import { SCENARIOS } from './scenarios.mjs';
import { median, spread } from './stats.mjs';

function barRows(runs, scenario, figure) {
  return present(runs, scenario)
    .map((server) => ({ server, all: spread(series(runs, scenario.id, server, figure).map(({ value }) => value)) }))
    .filter(({ all }) => all)
    .map(({ server, all }) => ({ name: titleOf(scenario, server), ...all, label: written(all.median) }))
    .sort((a, b) => (FIGURES[figure].more ? b.median - a.median : a.median - b.median));
}

const PARTS = ['p50_ms', 'p90_ms', 'p99_ms'];

function latencyRows(runs, scenario) {
  return present(runs, scenario)
    .map((server) => ({
      server,
      points: PARTS.map((part) => median(series(runs, scenario.id, server, part).map(({ value }) => value))),
    }))
    .filter(({ points }) => points.every((value) => value > 0))
    .map(({ server, points }) => ({
      name: titleOf(scenario, server),
      points,
      label: `${written(points[0])} / ${written(points[2])}`,
    }))
    .sort((a, b) => a.points[2] - b.points[2]);
}

// [{file, alt, svg}] of a scenario.
function pictures(runs, scenario) {
  return (scenario.pictures ?? [])
    .map((kind) => {
      const file = `${scenario.id}-${kind}.svg`;
      if (kind === 'latency') {
        const rows = latencyRows(runs, scenario);
        return { file, alt: `Latencies: ${scenario.title}`, rows, svg: () => percentiles({ heading: scenario.title, unit: 'ms from when a message was due to when a member has it (right: p50 / p99)', kinds: ['p50', 'p90', 'p99'], rows }) };
      }
      const rows = barRows(runs, scenario, kind);
      return { file, alt: `${FIGURES[kind].title}: ${scenario.title}`, rows, svg: () => bars({ heading: scenario.title, unit: FIGURES[kind].unit, rows }) };
    })
    .filter(({ rows }) => rows.length > 0)
    .map(({ file, alt, svg }) => ({ file, alt, svg: svg() }));
}

// Writes README.md and the pictures into the folder.
export function writeReport(results, folder) {
  const drawn = Object.fromEntries(SCENARIOS.map((scenario) => [scenario.id, pictures(results.runs, scenario)]));

  for (const { file, svg } of Object.values(drawn).flat()) writeFileSync(path.join(folder, file), `${svg}\n`);
  writeFileSync(path.join(folder, 'README.md'), page(results, drawn));
}
