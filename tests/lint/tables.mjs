// Are the tables in docs/ those of the sources? With --write they are made so:
//
//   node tests/lint/tables.mjs --write
//
// A table stands between <!-- table: NAME ... --> and <!-- table: end -->.
import { readFileSync, writeFileSync } from 'node:fs';

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

const TABLES = [
  { document: 'docs/SETTINGS.md', name: 'settings', make: settings },
  { document: 'docs/WEBSOCKET.md', name: 'closes', make: closes },
];

let stale = 0;
for (const { document, name, make } of TABLES) {
  const text = readFileSync(document, 'utf8');
  const marks = new RegExp(`(<!-- table: ${name}\\b[^\\n]*-->\\n)[\\s\\S]*?(<!-- table: end -->)`);
  const lines = make();
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
