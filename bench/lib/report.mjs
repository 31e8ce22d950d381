// The page and the pictures of docs/benchmarks, from the runs' results.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { FIGURES, series, written, writtenSpread } from './figures.mjs';
import { bars, percentiles } from './pictures.mjs';
import { PROMISES } from './promises.mjs';
import { faultsOf } from './runs.mjs';
import { SCENARIOS, SERVERS } from './scenarios.mjs';
import { median, ratios, spread } from './stats.mjs';

const titleOf = (scenario, server) => scenario.beside?.[server] ?? SERVERS[server].title;

const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

// Servers of a scenario that have results, in the scenario's order, then what was measured beside.
function present(runs, scenario) {
  const named = [...scenario.servers, ...Object.keys(scenario.beside ?? {})];
  return named.filter((server) => runs.some((run) => run.scenario === scenario.id && run.server === server));
}

// ---- pictures -------------------------------------------------------------------------------------

function barRows(runs, scenario, figure) {
  return present(runs, scenario)
    .map((server) => ({ server, all: spread(series(runs, scenario.id, server, figure).map(({ value }) => value)) }))
    .filter(({ all }) => all)
    .map(({ server, all }) => ({ name: titleOf(scenario, server), ...all, label: written(all.median) }))
    .sort((a, b) => (FIGURES[figure].more ? b.median - a.median : a.median - b.median));
}

const PARTS = ['p50', 'p90', 'p99', 'p999'];

function latencyRows(runs, scenario) {
  return present(runs, scenario)
    .map((server) => {
      const own = runs.filter((run) => run.scenario === scenario.id && run.server === server && run.delivery_us?.count > 0);
      return { server, points: PARTS.map((part) => median(own.map((run) => run.delivery_us[part] / 1e3))) };
    })
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
        return { file, alt: `Latencies: ${scenario.title}`, rows, svg: () => percentiles({ heading: scenario.title, unit: 'ms from when a message was due to when a member has it (right: p50 / p99)', kinds: ['p50', 'p90', 'p99', 'p99.9'], rows }) };
      }
      const rows = barRows(runs, scenario, kind);
      return { file, alt: `${FIGURES[kind].title}: ${scenario.title}`, rows, svg: () => bars({ heading: scenario.title, unit: FIGURES[kind].unit, rows }) };
    })
    .filter(({ rows }) => rows.length > 0)
    .map(({ file, alt, svg }) => ({ file, alt, svg: svg() }));
}

// ---- the page -------------------------------------------------------------------------------------

function faultCell(runs, scenario, server) {
  const own = runs.filter((run) => run.scenario === scenario.id && run.server === server);
  const faults = own.flatMap((run) => (run.failed ? ['failed'] : faultsOf(run)));
  return faults.length === 0 ? '0' : faults.join(', ');
}

function scenarioTable(runs, scenario) {
  const compared = scenario.compare;
  const head = [
    'server',
    ...scenario.figures.map((figure) => FIGURES[figure].title),
    ...(compared ? [`${FIGURES[compared.figure].title} against ${titleOf(scenario, compared.to)}`] : []),
    'faults',
  ];
  const rows = present(runs, scenario).map((server) => {
    const values = (figure) => series(runs, scenario.id, server, figure);
    return [
      titleOf(scenario, server),
      ...scenario.figures.map((figure) => writtenSpread(spread(values(figure).map(({ value }) => value)))),
      ...(compared ? [writtenSpread(spread(ratios(values(compared.figure), series(runs, scenario.id, compared.to, compared.figure))))] : []),
      faultCell(runs, scenario, server),
    ];
  });
  return table(head, rows);
}

function scenarioSection(runs, scenario, drawn) {
  return [
    `## ${scenario.title}`,
    scenario.about,
    ...drawn.map(({ file, alt }) => `![${alt}](${file})`),
    scenarioTable(runs, scenario),
    ...(scenario.notes ?? []),
  ].join('\n\n');
}

function promiseTable(runs) {
  const rows = PROMISES.map((promise) => ({ promise, values: promise.values(runs) }))
    .filter(({ values }) => values.length > 0)
    .map(({ promise, values }) => {
      const all = spread(values);
      return [promise.scenario, promise.text, `${writtenSpread(all)}${promise.unit ?? ''}`, promise.met(all.median) ? 'yes' : '**no**'];
    });
  return table(['scenario', 'promised', 'measured: median (least–most)', 'kept'], rows);
}

const faultless = (runs) => {
  const bad = runs.filter((run) => run.failed || faultsOf(run).length > 0);
  if (bad.length === 0) return 'In none of the runs was a message lost, repeated or reordered, or a connection refused or closed.';
  const lines = bad.map((run) => `- ${run.scenario}, ${run.server}, repetition ${run.repetition + 1}: ${run.failed ?? faultsOf(run).join(', ')}`);
  return `Runs with faults (lost, repeated or reordered messages, refused or closed connections, or no result):\n\n${lines.join('\n')}`;
};

export function page({ began, minutes, machine, versions, repeat, runs }, drawn) {
  const measured = SCENARIOS.filter((scenario) => runs.some((run) => run.scenario === scenario.id));

  return `${[
    '# Benchmarks',
    `<!-- Made by "make bench" from results.json; changes belong into bench/lib/report.mjs. -->`,
    `Measured at ${began.slice(0, 16).replace('T', ' ')} UTC in ${minutes} minutes, ${repeat} repetitions. Every figure is the median of the repetitions, with the least and the most in brackets; a ratio is taken within each repetition, where both servers ran one after the other on the same core, and its median is shown. Ratios hold better than absolute figures: a shared machine is not equally fast all the time.`,
    `\`make bench\` repeats all of it, [bench/README.md](../../bench/README.md) says how it is measured and what the words mean. Banter commits each message to MariaDB before it delivers it; none of the others stores anything. *limit* is a bare epoll server of our own that does nothing else than WebSocket rooms: what any server of this kind pays at least, with a system call for each delivery (at once), or one for each member and turn of its loop (batching).`,
    '## What was promised',
    promiseTable(runs),
    faultless(runs),
    '## Where',
    table(['what', ''], [...Object.entries(machine), ...Object.entries(versions)].filter(([, value]) => value !== '').map(([name, value]) => [name.replace('_', ' '), String(value)])),
    ...measured.map((scenario) => scenarioSection(runs, scenario, drawn[scenario.id])),
  ].join('\n\n')}\n`;
}

// Writes README.md and the pictures into the folder.
export function writeReport(results, folder) {
  const drawn = Object.fromEntries(SCENARIOS.map((scenario) => [scenario.id, pictures(results.runs, scenario)]));

  for (const { file, svg } of Object.values(drawn).flat()) writeFileSync(path.join(folder, file), `${svg}\n`);
  writeFileSync(path.join(folder, 'README.md'), page(results, drawn));
}
