// The page of docs/benchmarks, in Markdown, from the runs' results.
import { FIGURES, faultsOf, present, series, titleOf, writtenSpread } from './figures.mjs';
import { table, whereTable } from './markdown.mjs';
import { PROMISES } from './promises.mjs';
import { SCENARIOS } from './scenarios.mjs';
import { ratios, spread } from './stats.mjs';

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
      return [promise.scenario, promise.text, `${writtenSpread(all)}${promise.unit ?? ''}`, promise.met(all.median, all.max) ? 'yes' : '**no**'];
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
    whereTable(machine, versions),
    ...measured.map((scenario) => scenarioSection(runs, scenario, drawn[scenario.id])),
  ].join('\n\n')}\n`;
}
