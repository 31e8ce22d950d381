// Are the tables in docs/ those of the sources? With --write they are made so:
//
//   node tests/lint/tables.mjs --write
//
// A table stands between <!-- table: NAME ... --> and <!-- table: end -->.
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

// The rows NAME(...) of an X-macro table as their arguments, strings without their quotes.
function rows(file, name) {
  const text = readFileSync(file, 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/"\s*\n\s*"/g, '');
  return [...text.matchAll(new RegExp(`^(${name})\\((.*?"\\s*)\\)$`, 'gms'))].map(([, kind, list]) => ({
    kind,
    values: [...list.matchAll(/"([^"]*)"|([^\s,"][^,"]*)/g)].map((match) => match[1] ?? match[2].trim()),
  }));
}

const PROGRAMS = { G: 'gateway', B: 'broker', C: 'banterctl' };

function settings() {
  const lines = ['| setting | unit | default | range | programs | meaning |', '| --- | --- | --- | --- | --- | --- |'];
  for (const { kind, values } of rows('src/common/settings.def', 'SETTING_TEXT|SETTING_UINT')) {
    const [, name, programs, unit, fallback] = values;
    const range = kind === 'SETTING_UINT' ? `${values[5]} to ${values[6]}` : '';
    const who = programs.split('|').map((letter) => PROGRAMS[letter.trim()]).join(', ');
    const initial = fallback === '' ? '(empty)' : `\`${fallback}\``;
    lines.push(`| \`BANTER_${name}\` | ${unit} | ${initial} | ${range} | ${who} | ${values.at(-1)} |`);
  }
  return lines;
}

const seconds = (ms) => `${ms / 1000} s`;
const ADVICE = {
  NOW: (ms) => `connect again, after a random time of up to ${seconds(ms)}`,
  BACK_OFF: (ms) => `connect again after ${seconds(ms)}, then later each time`,
  NEVER: () => 'do not come back with the same request: it cannot succeed',
};

function closes() {
  const lines = ['| code | reason | what to do |', '| --- | --- | --- |'];
  for (const { values } of rows('src/gateway/close_reasons.def', 'CLOSE')) {
    const [, code, verdict, afterMs, sentence] = values;
    lines.push(`| ${code} | \`${sentence}\` | ${ADVICE[verdict](Number(afterMs))} |`);
  }
  return lines;
}

const METRIC_KINDS = {
  COUNTER: 'counter', COUNTER_BY: 'counter', COUNTER_BY2: 'counter', GAUGE: 'gauge',
  DURATION: 'histogram', DURATION_BY: 'histogram', SIZE: 'histogram',
};
const LABELS = { ROUTE: 'method, route', SHED: 'reason' };

// As metrics_row_is_of() of metrics.c has it.
const countedBy = (name) =>
  /^(bus|shed)_/.test(name) ? 'both' : name.startsWith('broker_') ? 'broker' : 'gateway';

function metrics() {
  const lines = ['| metric | type | labels | program | what it says, and what to do |', '| --- | --- | --- | --- | --- |'];
  const sources = ['broker', 'common', 'ctl', 'gateway'].flatMap((folder) =>
    readdirSync(`src/${folder}`).filter((name) => name.endsWith('.c')).map((name) => readFileSync(`src/${folder}/${name}`, 'utf8')));
  for (const { kind, values } of rows('src/common/metrics.def', Object.keys(METRIC_KINDS).join('|'))) {
    if (!sources.some((source) => new RegExp(`\\bMETRIC_${values[0]}\\b`).test(source))) {
      console.log(`src/common/metrics.def: nobody counts ${values[0]}`);
      stale += 1;
    }
    const labels = values.slice(2, -1).map((label) => LABELS[label] ?? label.toLowerCase()).join(', ');
    lines.push(`| \`banter_${values[1]}\` | ${METRIC_KINDS[kind]} | ${labels} | ${countedBy(values[1])} | ${values.at(-1)} |`);
  }
  return lines;
}

// What origin_format() of the gateway writes first.
const ORIGIN = ['conn', 'client'];

// {event: {levels, keys}} of every log line in the sources.
function logLines() {
  const found = new Map();
  for (const folder of ['broker', 'common', 'ctl', 'gateway'])
    for (const file of readdirSync(`src/${folder}`).filter((name) => name.endsWith('.c')))
      for (const [, level, event, format] of readFileSync(path.join('src', folder, file), 'utf8').matchAll(
        /\blog_(debug|info|warn|error)\(\s*"([^"]*)",\s*((?:(?:"(?:[^"\\]|\\.)*"|PRI\w+)\s*)+)/g,
      )) {
        const line = found.get(event) ?? { levels: new Set(), keys: new Set() };
        line.levels.add(level);
        if (/^"%s\b/.test(format)) ORIGIN.forEach((key) => line.keys.add(key));
        for (const [, key] of format.matchAll(/(?:^"|[ "])(\w+|%s)=/g)) line.keys.add(key.replace('%s', '(a name)'));
        found.set(event, line);
      }
  return new Map([...found].sort(([one], [other]) => (one < other ? -1 : 1)));
}

// What an event means is written in the table itself; all else comes from the sources.
function logs(text) {
  const meanings = new Map(
    [...text.matchAll(/^\| `([^`]+)` \|[^|]*\|[^|]*\| (.*) \|$/gm)].map(([, event, meaning]) => [event, meaning]),
  );
  const lines = ['| event | level | with | what happened, and what to do |', '| --- | --- | --- | --- |'];
  for (const [event, { levels, keys }] of logLines()) {
    if (!/^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$/.test(event)) throw new Error(`"${event}" is no module.event`);
    const meaning = meanings.get(event) ?? '?';
    if (meaning === '?') {
      console.log(`docs/LOGS.md: what ${event} means is not said; run: node tests/lint/tables.mjs --write, and say it there`);
      stale += 1;
    }
    lines.push(`| \`${event}\` | ${[...levels].join(', ')} | ${[...keys].join(', ')} | ${meaning} |`);
  }
  return lines;
}

const TABLES = [
  { document: 'docs/METRICS.md', name: 'metrics', make: metrics },
  { document: 'docs/LOGS.md', name: 'logs', make: logs },
  { document: 'docs/SETTINGS.md', name: 'settings', make: settings },
  { document: 'docs/WEBSOCKET.md', name: 'closes', make: closes },
];

let stale = 0;
for (const { document, name, make } of TABLES) {
  const text = readFileSync(document, 'utf8');
  const marks = new RegExp(`(<!-- table: ${name}\\b[^\\n]*-->\\n)[\\s\\S]*?(<!-- table: end -->)`);
  const lines = make(text);
  if (!marks.test(text) || lines.length < 5) throw new Error(`${document}: cannot find or make the table "${name}"`);
  const current = text.replace(marks, (_, begin, end) => `${begin}\n${lines.join('\n')}\n\n${end}`);
  if (current === text) continue;
  if (process.argv[2] === '--write') {
    writeFileSync(document, current);
  } else {
    console.log(`${document}: the table "${name}" is not that of the sources; run: node tests/lint/tables.mjs --write`);
    stale += 1;
  }
}
process.exit(stale === 0 ? 0 : 1);
