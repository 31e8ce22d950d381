// The tables of docs/CONFORMANCE.md, made from the cases: node tests/conformance/table.mjs --write
import { readFileSync, writeFileSync } from 'node:fs';

import closing from './closing.mjs';
import deflate from './deflate.mjs';
import framing from './framing.mjs';
import { CASES as HANDSHAKES } from './handshake.mjs';
import { CASES as HTTP, GROUPS as HTTP_GROUPS } from './http.mjs';
import limits from './limits.mjs';
import utf8 from './utf8.mjs';
import { OP } from '../system/lib/raw_websocket.mjs';

const FILE = new URL('../../docs/CONFORMANCE.md', import.meta.url);
const BEGIN = (name) => `<!-- table: ${name}. make test-conformance makes it from tests/conformance -->\n`;
const END = '<!-- table: end -->\n';

const inOrder = (a, b) => parseInt(a.number, 10) - parseInt(b.number, 10) || a.number.localeCompare(b.number);
export const GROUPS = [...framing, ...utf8, ...closing, ...limits, ...deflate].sort(inOrder);

// What has to happen, in a word or two.
function expected(one) {
  const last = one.make()[1].at(-1);
  if (one.answer !== undefined) return one.answer ? 'accepted, works' : 'declined, works';
  return last?.opcode === OP.close ? `closed ${last.code}` : 'works';
}

const cell = (words) => words.replaceAll('|', '\\|');
const rows = (cases, result) =>
  cases.map((one) => `| ${one.id} | ${cell(one.what)} | ${one.rfc} | ${result(one)} | ${one.allowed ?? ''} |`).join('\n');
const HEAD = '| case | what | RFC | result | permitted by |\n| --- | --- | --- | --- | --- |\n';

function tables() {
  const all = GROUPS.reduce((sum, group) => sum + group.cases.length, HANDSHAKES.length);
  const permitted = [...GROUPS.flatMap((group) => group.cases), ...HANDSHAKES].filter((one) => one.allowed).length;
  const parts = GROUPS.map((group) =>
    `### ${group.number} ${group.title}\n\n${group.cases.length} cases: ${group.about}.\n\n${HEAD}${rows(group.cases, expected)}\n`);
  parts.push(`### 16 Opening handshake\n\n${HANDSHAKES.length} cases, at the real gateway.\n\n${HEAD}${rows(HANDSHAKES, (one) => `${one.status}`)}\n`);
  return `\n${all} cases, all passed; in ${permitted} of them the result is one that an RFC permits and does not demand: the last\ncolumn names the permission.\n\n${parts.join('\n')}\n`;
}

// A byte that is no letter shows as JSON would write it.
const shown = (words) => words.replace(/[\x00-\x1f\x7f-\xff]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);

function httpTables() {
  const result = (one) => one.expect.filter((status, i, all) => status !== all[i - 1]).join(', ') + (one.open === false ? ', closed' : '');
  const parts = Object.entries(HTTP_GROUPS).map(([group, about]) => {
    const cases = HTTP.filter((one) => one.group === group).map((one) => ({ ...one, what: shown(one.what) }));
    return `### ${group} ${about}\n\n${HEAD}${rows(cases, result)}\n`;
  });
  return `\n${HTTP.length} cases, all passed, each in one segment and in pieces of seven bytes.\n\n${parts.join('\n')}\n`;
}

function replaced(page, name, words) {
  const begin = page.indexOf(BEGIN(name));
  const end = page.indexOf(END, begin);
  if (begin < 0 || end < 0) throw new Error('docs/CONFORMANCE.md has lost the place of its tables');
  return page.slice(0, begin + BEGIN(name).length) + words + page.slice(end);
}

const withTables = (page) => replaced(replaced(page, 'cases', tables()), 'http', httpTables());

export function isCurrent() {
  const page = readFileSync(FILE, 'utf8');
  return withTables(page) === page;
}

if (process.argv[2] === '--write') writeFileSync(FILE, withTables(readFileSync(FILE, 'utf8')));
