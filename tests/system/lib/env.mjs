// What the tests take from the environment, and how patient they are.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../..');

// Which build is tested: BANTER_BIN_DIR=build/asan/bin and so on.
export const BIN_DIR = path.resolve(ROOT, process.env.BANTER_BIN_DIR || 'build/release/bin');

// BANTER_VALGRIND=1 runs gateway and broker under valgrind.
export const VALGRIND = process.env.BANTER_VALGRIND === '1';

// BANTER_SLOW=3 triples every deadline. Nothing is asserted to be fast: deadlines only end a wait
// that would otherwise never end.
const instrumented = /asan|tsan|debug/.test(BIN_DIR);
export const SLOW = Number(process.env.BANTER_SLOW || (VALGRIND ? 10 : instrumented ? 3 : 1));

// A sanitizer and valgrind make system calls that the sandbox has no place for.
export const SANDBOX = VALGRIND || /asan|tsan/.test(BIN_DIR) ? '0' : '1';

// A machine that does much else may be slow, too; who waits for what comes does not wait longer.
const PATIENCE = 3;
export const deadlineMs = (ms) => ms * SLOW * PATIENCE;

export function binary(name) {
  const file = path.join(BIN_DIR, name);
  if (!fs.existsSync(file)) throw new Error(`${file} is not there: run make first`);
  return file;
}

// Tests come from one address and do more in a second than people in a minute; what limits do has
// tests of its own.
export const WITHOUT_RATES = {
  BANTER_RATE_REQUEST: '0',
  BANTER_RATE_REGISTER: '0',
  BANTER_RATE_LOGIN: '0',
  BANTER_RATE_SEND: '0',
  BANTER_RATE_JOIN: '0',
  BANTER_RATE_HISTORY: '0',
  BANTER_RATE_TYPING: '0',
  BANTER_RATE_FRAME: '0',
  BANTER_LOGIN_DELAY_MS: '0',
  BANTER_HTTP_CONNECTIONS_PER_ADDRESS: '0',
  BANTER_SOCKETS_PER_ADDRESS: '0',
  BANTER_SOCKETS_PER_USER: '0',
};
