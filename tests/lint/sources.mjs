// The rules for C sources that no compiler knows: floors, owners, forbidden calls, sizes.
// Prints "file:line: sentence" for each fault; the exit status is 1 when there is one.
import { readdirSync, readFileSync, existsSync } from 'node:fs';
import path from 'node:path';

const FILE_LINES_MAX = 600;
const FUNCTION_LINES_MAX = 70;

// Which folder of src/ may include from which other one.
const FLOORS = {
  common: ['common'],
  gateway: ['common', 'gateway'],
  broker: ['common', 'broker'],
  ctl: ['common', 'ctl'],
};

// Each third-party library is known to few files, so that it can be exchanged there.
const OWNERS = [
  { header: /^zmq\.h$/, library: 'ZeroMQ', files: /^common\/bus_(sock|impl|keys|auth|monitor)\./ },
  { header: /^(mysql|mysqld_error|errmsg|mariadb\/.*)\.h$/, library: 'libmariadb', files: /^common\/db(_\w+)?\./ },
  { header: /^openssl\//, library: 'libcrypto', files: /^common\/digest\./ },
  { header: /^libscrypt\.h$/, library: 'libscrypt', files: /^common\/password\w*\./ },
  { header: /^seccomp\.h$/, library: 'libseccomp', files: /^common\/sandbox_calls\./ },
  { header: /^zlib\.h$/, library: 'zlib', files: /^gateway\/ws_deflate\./ },
  { header: /^utf8proc\.h$/, library: 'utf8proc', files: /^common\/unicode\./ },
  { header: /^jansson\.h$/, library: 'jansson', files: /^common\/\w*json\w*\./ },
  { header: /^event2\/(http|http_struct|keyvalq_struct)\.h$/, library: 'evhttp', files: /^(common\/admin(_client)?|gateway\/(http|request|ws_upgrade|takeover|event_stream|worker)\w*)\./ },
  { header: /^event2\//, library: 'libevent', files: /^(common\/(loop|pool|admin|admin_client)|gateway\/(loop|http|request|ws_|takeover|worker|master|admin)\w*|broker\/\w*loop\w*)\./ },
];

// Pure modules take bytes and give values: no sockets, no clock of their own, no log.
const PURE = /^(common\/(utf8|unicode|account_rules|common_passwords|networks|web_origins|rate|bus_proto|wire|strbuf|map|list)|gateway\/(ws_frame|ws_message|ws_handshake|ws_auth|ws_extensions|ws_deflate|http_list|http_guard|proxy_protocol|origin|cursor|ping_wheel|slot_cache|rates|login_delay|tally)|broker\/(sequencer|dedupe|presence_hub))\.[ch]$/;
const IMPURE_INCLUDE = /^(common\/(log|loop|bus_sock|db|pool)\.h|event2\/.*|zmq\.h|sys\/socket\.h|poll\.h)$/;

// name: why not, and where nevertheless.
const FORBIDDEN = [
  { call: 'strcpy|strcat|sprintf|vsprintf|gets|strncpy|strncat', why: 'has no bound, or ends without a zero; use strbuf or snprintf' },
  { call: 'malloc|calloc|realloc|free|strdup|strndup|asprintf|vasprintf', why: 'memory comes from mem.h', except: /^common\/mem\.c$/ },
  { call: 'time|gettimeofday|clock_gettime', why: 'time comes from clock.h', except: /^common\/clock\.c$/ },
  { call: 'rand|srand|random|srandom|drand48', why: 'random bytes come from digest.h' },
  { call: 'atoi|atol|atoll|atof', why: 'hides errors; use strtoull and look at errno' },
  { call: 'strtok|localtime|gmtime|ctime|asctime|strerror_r', why: 'is not safe with threads, or not portable' },
  { call: 'system|popen|alloca', why: 'is not used in a server' },
];

const faults = [];
const fault = (file, line, sentence) => faults.push(`${file}:${line}: ${sentence}`);

// Comments and the insides of strings become blanks; lines keep their numbers.
function code(text) {
  const blank = (s) => s.replace(/[^\n]/g, ' ');
  return text.replace(
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/g,
    (s) => (s[0] === '"' || s[0] === "'" ? s[0] + blank(s.slice(1, -1)) + s[0] : blank(s)),
  );
}

const lineOf = (text, index) => text.slice(0, index).split('\n').length;

function checkIncludes(file, name, text) {
  const includes = [...text.matchAll(/^#\s*include\s+([<"])([^>"]+)[>"]/gm)];
  const folder = name.split('/')[0];

  for (const match of includes) {
    const [, bracket, header] = match;
    const line = lineOf(text, match.index);
    const from = header.split('/')[0];

    if (bracket === '"' && folder in FLOORS && from in FLOORS && !FLOORS[folder].includes(from))
      fault(file, line, `${folder} does not include from ${from}`);
    if (bracket === '"' && folder in FLOORS && !header.includes('/'))
      fault(file, line, `include "${folder}/${header}", with its folder`);
    if (PURE.test(name) && IMPURE_INCLUDE.test(header))
      fault(file, line, `a pure module does not include ${header}`);
    if (bracket === '<' && folder in FLOORS) {
      const owner = OWNERS.find((o) => o.header.test(header));
      if (owner && !owner.files.test(name)) fault(file, line, `${owner.library} has its owner elsewhere`);
    }
  }
  if (folder in FLOORS && name.endsWith('.c')) {
    const own = name.replace(/\.c$/, '.h');
    if (existsSync(path.join('src', own)) && includes[0]?.[2] !== own)
      fault(file, 1, `the first include is "${own}"`);
  }
}

function checkGuard(file, name, text) {
  if (!name.endsWith('.h')) return;
  const guard = `BANTER_${name.replace(/[/.]/g, '_').toUpperCase()}`;
  if (!text.includes(`#ifndef ${guard}\n#define ${guard}\n`)) fault(file, 1, `the guard is ${guard}`);
}

function checkCalls(file, name, text) {
  for (const { call, why, except } of FORBIDDEN) {
    if (except?.test(name)) continue;
    for (const match of text.matchAll(new RegExp(`(?<![\\w.>])(${call})\\s*\\(`, 'g')))
      fault(file, lineOf(text, match.index), `${match[1]}: ${why}`);
  }
}

function checkSizes(file, text) {
  const lines = text.split('\n');
  let start = -1;

  if (lines.length - 1 > FILE_LINES_MAX)
    fault(file, FILE_LINES_MAX, `${lines.length - 1} lines; a file has at most ${FILE_LINES_MAX}`);
  lines.forEach((line, i) => {
    if (line === '{') start = i;
    if (line === '}' && start >= 0) {
      const length = i - start + 1;
      if (length > FUNCTION_LINES_MAX)
        fault(file, start, `a function of ${length} lines; at most ${FUNCTION_LINES_MAX}`);
      start = -1;
    }
  });
}

function* sources(top) {
  for (const folder of readdirSync(top)) {
    if (!existsSync(path.join(top, folder)) || folder.includes('.') || folder === 'node_modules') continue;
    for (const file of readdirSync(path.join(top, folder)))
      if (/\.[ch]$/.test(file)) yield path.join(top, folder, file);
  }
}

for (const file of [...sources('src'), ...sources('tests'), ...sources('bench')]) {
  const raw = readFileSync(file, 'utf8');
  const text = code(raw);
  const name = file.replace(/^src\//, '');

  checkSizes(file, text);
  checkIncludes(file, name, raw);
  if (file.startsWith('src/')) {
    checkGuard(file, name, raw);
    checkCalls(file, name, text);
  }
  if (/\b(TODO|FIXME|XXX)\b/.test(raw)) fault(file, 1, 'an open end in a comment: write an issue instead');
}

const LOCKS = ['web', 'clients/js', 'tests/system', 'tests/kubernetes', 'bench'].map((folder) => `${folder}/package-lock.json`);

// A lock file that names a registry ties every user to it.
for (const lock of LOCKS)
  if (existsSync(lock) && readFileSync(lock, 'utf8').includes('"resolved"'))
    fault(lock, 1, 'names a registry; .npmrc has omit-lockfile-registry-resolved=true');

// A threat whose test is gone is a threat without a test. A name without folder is one of tests/system.
const SECURITY = 'docs/SECURITY.md';
const security = readFileSync(SECURITY, 'utf8');
for (const match of security.matchAll(/`(tests\/)?((?:[a-z]+\/)?)([\d\w]+)\*?`/g)) {
  const [, tests, folder, name] = match;
  if (!tests && !/^\d\d_/.test(name)) continue;
  const at = tests ? path.join('tests', folder) : 'tests/system';
  if (!existsSync(at) || !readdirSync(at).some((file) => file.startsWith(name)))
    fault(SECURITY, lineOf(security, match.index), `there is no test ${path.join(at, name)}`);
}

// A bound without a row is one that nobody has tried to reach. Those left out follow from others, or
// are what a thing is made of.
const BOUND = /(_MAX|_MIN|_SHARES|BEFORE_HOLD|LAGGARD_BYTES)$/;
const DERIVED = new Set(['USERNAME_BYTES_MAX', 'MESSAGE_BYTES_MAX', 'UTF8_BYTES_PER_CHAR_MAX']);
const BOUND_SETTING = /(_MAX|_PER_ADDRESS|_PER_USER|_QUEUE|SEND_QUEUE_BYTES|MEMORY_BYTES|LOGIN_DELAY_MS|REQUEST_\w+_MS|KEEP_ALIVE_MS|SOCKET_AUTH_MS)$|^RATE_/;
const SIZES = new Set(['BATCH_MAX']); // of what the program does by itself
const bounds = [
  ...[...readFileSync('src/common/limits.h', 'utf8').matchAll(/^#define (\w+)/gm)].map((match) => match[1]).filter((name) => BOUND.test(name)),
  ...[...readFileSync('src/common/settings.def', 'utf8').matchAll(/^SETTING_\w+\(\w+, "(\w+)"/gm)].map((match) => match[1]).filter((name) => BOUND_SETTING.test(name)),
];
for (const name of bounds)
  if (!DERIVED.has(name) && !SIZES.has(name) && !security.includes(`\`${name}\``))
    fault(SECURITY, 1, `has no row for the bound ${name}`);

for (const line of faults) console.log(line);
process.exit(faults.length === 0 ? 0 : 1);
