// rest.json and rest.md from the runs.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { written, writtenSpread } from '../lib/figures.mjs';
import { table, whereTable } from '../lib/markdown.mjs';
import { ratios, spread } from '../lib/stats.mjs';
import { CASES } from './cases.mjs';

const valuesOf = (runs, id, side, figure) =>
  runs.filter((run) => run.case === id && run.side === side && run[figure] !== undefined).map(({ repetition, [figure]: value }) => ({ repetition, value }));

// {text, all, kept} of what a case promises; null if it was not measured.
export function promiseOf(kase, runs) {
  const { of, figure, least, most, text } = kase.promise;
  const all = spread(ratios(valuesOf(runs, kase.id, of[0], figure), valuesOf(runs, kase.id, of[1], figure)));
  if (!all) return null;
  return { text, all, bound: least ? `≥ ${least}` : `≤ ${most}`, kept: least ? all.median >= least : all.median <= most };
}

function caseSection(kase, runs) {
  const first = Object.keys(kase.sides)[0];
  const rows = Object.entries(kase.sides).map(([side, { title }]) => {
    const figure = (name) => spread(valuesOf(runs, kase.id, side, name).map(({ value }) => value));
    const perS = valuesOf(runs, kase.id, side, 'per_s');
    const against = side === first ? null : spread(ratios(perS, valuesOf(runs, kase.id, first, 'per_s')));
    return [
      title,
      writtenSpread(figure('per_s')),
      against ? writtenSpread(against) : '',
      figure('cpu_us') ? writtenSpread(figure('cpu_us')) : '',
      ...['p50_us', 'p99_us'].map((name) => (figure(name) ? written(figure(name).median / 1000) : '')),
    ];
  });
  const head = ['', 'per second', `against ${kase.sides[first].title}`, 'worker’s CPU µs each', 'p50 ms', 'p99 ms'];
  return [`## ${kase.title}`, `${kase.what[0].toUpperCase()}${kase.what.slice(1)}.`, table(head, rows)].join('\n\n');
}

export function page(results) {
  const { runs } = results;
  const measured = CASES.filter((kase) => runs.some((run) => run.case === kase.id));
  const faults = runs.reduce((sum, run) => sum + (run.other_answers ?? 0) + (run.socket_errors ?? 0), 0);
  const promises = measured.map((kase) => ({ kase, promise: promiseOf(kase, runs) })).filter(({ promise }) => promise);
  return `${[
    '# REST',
    '<!-- Made by "make bench-rest" from rest.json; changes belong into bench/rest/report.mjs. -->',
    `Measured at ${results.began.slice(0, 16).replace('T', ' ')} UTC in ${results.minutes} minutes: ${results.repeat} repetitions of ${results.seconds} s for each side (logins 6 s, 8 connections), the sides of a case one after the other. Figures are medians, with the least and the most in brackets; a ratio is taken within a repetition. Load: wrk with ${results.connections} keep-alive connections. A worker has ${results.db_threads} connections to the database, and so has the program that runs the statements alone, a thread each, through the same code (\`bench/rest/statements.c\`).`,
    'The worker, or what stands for it, has core 0, MariaDB core 1. wrk has core 1 for /health, and shares the worker’s where MariaDB takes part: what it costs is a loss that the other side does not have. Logins have both cores.',
    table(['', 'what', 'wanted', 'measured', 'kept'], promises.map(({ kase, promise }) => [kase.title, promise.text, promise.bound, writtenSpread(promise.all), promise.kept ? 'yes' : '**no**'])),
    faults === 0 ? 'Every answer had the expected status.' : `**${faults} answers had another status than expected, or none.**`,
    ...measured.map((kase) => caseSection(kase, runs)),
    '## Where',
    whereTable(results.machine, results.versions),
  ].join('\n\n')}\n`;
}

export function writeReport(results, folder) {
  const head = JSON.stringify({ ...results, runs: undefined }, null, 1).replace(/\n}$/, '');
  writeFileSync(path.join(folder, 'rest.json'), `${head},\n "runs": [\n${results.runs.map((run) => JSON.stringify(run)).join(',\n')}\n]}\n`);
  writeFileSync(path.join(folder, 'rest.md'), page(results));
}
