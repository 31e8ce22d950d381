// Is the table in docs/SETTINGS.md the one of src/common/settings.def? With --write it is made so:
//
//   node tests/lint/settings.mjs --write
import { readFileSync, writeFileSync } from 'node:fs';

const DOCUMENT = 'docs/SETTINGS.md';
const BEGIN = '<!-- table: node tests/lint/settings.mjs --write makes it from src/common/settings.def -->\n';
const END = '<!-- table: end -->\n';
const PROGRAMS = { G: 'gateway', B: 'broker', 'G | B': 'both' };

// A row of the definition as its arguments, strings without their quotes.
function* rows(definition) {
  const text = definition.replace(/\/\*[\s\S]*?\*\//g, '').replace(/"\s*\n\s*"/g, '');
  for (const [, kind, list] of text.matchAll(/^SETTING_(TEXT|UINT)\((.*?"\s*)\)$/gms)) {
    const values = [...list.matchAll(/"([^"]*)"|([^\s,"][^,"]*)/g)].map((match) => match[1] ?? match[2].trim());
    if (values.length !== (kind === 'UINT' ? 8 : 6)) throw new Error(`settings.def: cannot read ${list}`);
    yield { kind, values };
  }
}

function table(definition) {
  const lines = ['| setting | unit | default | range | program | meaning |', '| --- | --- | --- | --- | --- | --- |'];
  for (const { kind, values } of rows(definition)) {
    const [, name, programs, unit, fallback] = values;
    const range = kind === 'UINT' ? `${values[5]} to ${values[6]}` : '';
    const initial = fallback === '' ? '(empty)' : `\`${fallback}\``;
    lines.push(`| \`BANTER_${name}\` | ${unit} | ${initial} | ${range} | ${PROGRAMS[programs]} | ${values.at(-1)} |`);
  }
  return `\n${lines.join('\n')}\n\n`;
}

const document = readFileSync(DOCUMENT, 'utf8');
const [before, after] = [document.indexOf(BEGIN) + BEGIN.length, document.indexOf(END)];
if (before < BEGIN.length || after < before) throw new Error(`${DOCUMENT} has lost the marks of its table`);
const current = document.slice(0, before) + table(readFileSync('src/common/settings.def', 'utf8')) + document.slice(after);

if (process.argv[2] === '--write') {
  writeFileSync(DOCUMENT, current);
} else if (current !== document) {
  console.log(`${DOCUMENT}: the table is not that of src/common/settings.def; run: node tests/lint/settings.mjs --write`);
  process.exit(1);
}
