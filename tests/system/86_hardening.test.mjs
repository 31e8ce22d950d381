// What the compiler and the linker have put into the programs, as readelf shows it: docs/SECURITY.md
// names each of these.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { BIN_DIR, ROOT, binary } from './lib/env.mjs';
import { run } from './lib/process.mjs';

const PROGRAMS = ['banter-gateway', 'banter-broker', 'banterctl'];
// debug, asan and tsan are built for other things: what is in the file is skipped test by test there.
const isRelease = /(^|\/)(release|usr)[^/]*\/bin$/.test(BIN_DIR);
const hardened = { skip: isRelease ? false : 'built without it: only what is released is hardened' };
const x86 = process.arch === 'x64' ? hardened : { skip: 'endbr64 is of x86-64' };

async function tool(name, ...args) {
  const { code, stdout, stderr } = await run(name, args, { timeoutMs: 60_000 });
  assert.equal(code, 0, stderr);
  return stdout;
}

for (const program of PROGRAMS) {
  describe(program, () => {
    it('is position independent, binds everything at its start, and makes what it bound read-only', hardened, async () => {
      const text = await tool('readelf', '--wide', '-h', '-l', '-d', binary(program));
      assert.match(text, /Type:\s+DYN/);
      assert.match(text, /\(FLAGS_1\).*\bNOW\b.*\bPIE\b/);
      assert.match(text, /GNU_RELRO/);
      assert.doesNotMatch(text, /TEXTREL|RPATH|RUNPATH/);
    });

    it('has no memory that can be written and run', hardened, async () => {
      const text = await tool('readelf', '--wide', '-l', binary(program));
      assert.match(text, /GNU_STACK\s.*\sRW\s/);
      const loads = text.split('\n').filter((line) => /^\s+LOAD\s/.test(line));
      assert.ok(loads.length > 0);
      for (const line of loads) assert.doesNotMatch(line, /\sRWE\s/, line);
    });

    it('has the checks of the stack and of the library\'s lengths', hardened, async () => {
      const text = await tool('readelf', '--wide', '--dyn-syms', binary(program));
      assert.match(text, /__stack_chk_fail/);
      for (const checked of ['memcpy', 'snprintf', 'vsnprintf']) assert.match(text, new RegExp(`__${checked}_chk`));
      assert.doesNotMatch(text, / (gets|strcpy|strcat|sprintf|vsprintf|mktemp|tmpnam)@/, 'nothing without a length');
    });

    it('begins each function that is called by pointer with a mark', x86, async () => {
      const text = await tool('objdump', '-d', '--no-show-raw-insn', '--disassemble=main', binary(program));
      assert.match(text, /<main>:\n\s*[0-9a-f]+:\s+endbr64/);
    });

    it('is no program that runs as its owner', () => {
      assert.equal(fs.statSync(binary(program)).mode & 0o6000, 0);
    });
  });
}

describe('the compiler', () => {
  it('was told all of it', async () => {
    const makefile = fs.readFileSync(path.join(ROOT, 'Makefile'), 'utf8');
    for (const flag of ['-D_FORTIFY_SOURCE=3', '-fstack-protector-strong', '-fstack-clash-protection', '-fcf-protection', '-fPIE',
      '-pie', '-Wl,-z,relro', '-Wl,-z,now', '-Wl,-z,noexecstack']) {
      assert.ok(makefile.includes(flag), flag);
    }
  });
});
