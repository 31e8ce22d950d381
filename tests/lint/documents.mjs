// Do the documents, and the files that people deploy with, name only what is there: links and the
// headings they lead to, files, targets of make, settings, metrics? Prints "file:line: sentence" for
// each fault; the exit status is 1 when there is one.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

const LEFT_OUT = new Set(['.git', 'build', 'dist', 'node_modules', 'var']); // fetched or made

// Names that stand for any setting, or for a mistake; and what Kubernetes would set by itself.
const SAMPLES = new Set(['BANTER_X', 'BANTER_NAME', 'BANTER_DRIAN_MS', 'BANTER_GATEWAY_PORT']);

const read = (file) => readFileSync(file, 'utf8');
const matches = (file, pattern) => [...read(file).matchAll(pattern)].map(([, first]) => first);
const lineOf = (text, index) => text.slice(0, index).split('\n').length;

function* below(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const name = path.join(folder, entry.name);
    if (LEFT_OUT.has(entry.name)) continue;
    if (entry.isDirectory()) yield* below(name);
    else if (entry.isFile()) yield name;
  }
}

const files = [...below('.')];
const documents = files.filter((file) => file.endsWith('.md'));
const deployed = files.filter((file) => /^(deploy|debian)\/|^(docker-compose[\w.]*\.yml|Dockerfile|\.env\.example)$/.test(file));

// ---- what there is -------------------------------------------------------------------------------

const targets = new Set(matches('Makefile', /^([a-z][\w-]*):/gm));
const settings = new Set(matches('src/common/settings.def', /^SETTING_\w+\(\w+, "(\w+)"/gm).map((name) => `BANTER_${name}`));
const metrics = new Set(matches('docs/METRICS.md', /^\| `(banter_\w+)`/gm));
// What the scripts, the compose files and the test programs take besides the settings.
const variables = new Set(['Makefile', ...deployed].flatMap((file) => matches(file, /(?:\$\{|\b)(BANTER_\w+)(?:=|:[-=?]|\})/g)));

const isSetting = (name) =>
  settings.has(name) || variables.has(name) || SAMPLES.has(name) ||
  (name.endsWith('_FILE') && isSetting(name.replace(/_FILE$/, ''))) ||
  (name.endsWith('_') && [...settings].some((one) => one.startsWith(name))); // "BANTER_RATE_*"
const isMetric = (name) => metrics.has(name) || metrics.has(name.replace(/_(bucket|count|sum)$/, ''));

// As GitHub makes anchors of headings: "### Alert: gateway down" is #alert-gateway-down.
const anchors = (file) =>
  matches(file, /^#+ (.*)$/gm).map((heading) => heading.toLowerCase().replace(/[^\w\- ]/g, '').replaceAll(' ', '-'));

// A link from a file in that folder.
function leadsSomewhere(folder, link) {
  if (/^https?:/.test(link)) return true;
  const [where, anchor] = link.split('#');
  const at = path.join(folder, where);
  return existsSync(at) && (!anchor || !at.endsWith('.md') || anchors(at).includes(anchor));
}

// A file as a document names it: from the root or from its own folder; perhaps the beginning of a name.
function isThere(document, name) {
  return [name, path.join(path.dirname(document), name)].some((at) =>
    existsSync(at) || (existsSync(path.dirname(at)) && readdirSync(path.dirname(at)).some((file) => file.startsWith(path.basename(at)))));
}

// ---- the checks ----------------------------------------------------------------------------------

let faults = 0;

// Looks at whatever the pattern finds in the file; its first group is what must be right.
function check(file, pattern, isRight, sentence) {
  const text = read(file);
  for (const match of text.matchAll(pattern)) {
    if (isRight(match[1])) continue;
    console.log(`${file}:${lineOf(text, match.index)}: ${sentence} ${match[1]}`);
    faults += 1;
  }
}

for (const file of documents) {
  const folder = path.dirname(file);
  check(file, /\]\(((?:[^()\s]|\([^()]*\))+)\)/g, (link) => leadsSomewhere(link[0] === '#' ? '' : folder, link[0] === '#' ? file + link : link), 'nothing is at');
  check(file, /<img src="([^"]+)"/g, (link) => leadsSomewhere(folder, link), 'nothing is at');
  check(file, /`((?:bench|clients|deploy|docs|man|src|tests|web)\/[\w./-]*)`/g, (name) => isThere(file, name), 'there is no file');
  check(file, /(?:`|^|[A-Z_]=\S+ )make (?:[A-Z_]+=\S+ )*([a-z][\w-]*)/gm, (name) => targets.has(name), 'make has no target');
}
for (const file of deployed)
  check(file, /\b(docs\/[A-Z]+\.md(?:#[\w-]+)?)/g, (link) => leadsSomewhere('', link), 'nothing is at');
for (const file of [...documents, ...deployed]) {
  const isProgram = /\.(sh|mjs)$/.test(file); // it has variables of its own
  if (!isProgram) check(file, /\b(BANTER_[A-Z][A-Z0-9_]*)/g, isSetting, 'there is no setting');
  check(file, /\b(banter_[a-z][a-z0-9_]*)/g, isMetric, 'there is no metric');
}

process.exit(faults === 0 ? 0 : 1);
