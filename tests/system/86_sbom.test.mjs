// The bill of materials names what the programs load and the pages are made of.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { before, describe, it } from 'node:test';
import { BIN_DIR, ROOT, binary } from './lib/env.mjs';

describe('the bill of materials', () => {
  let bill;

  before(() => {
    bill = JSON.parse(execFileSync('node', [path.join(ROOT, 'deploy/sbom.mjs'), BIN_DIR], { encoding: 'utf8' }));
  });

  it('names the package of each library that a program asks for', () => {
    const needed = execFileSync('readelf', ['-d', binary('banter-gateway')], { encoding: 'utf8' });
    const libraries = [...needed.matchAll(/\(NEEDED\).*\[(\S+)\.so/g)].map(([, name]) => name);
    assert.ok(libraries.length > 5);
    const required = bill.components.filter(({ scope }) => scope === 'required').map(({ name }) => name);
    // libevent-2.1.so.7 is in libevent-2.1-7, libz in zlib1g.
    const packages = { libz: 'zlib1g', libcrypto: 'libssl3', libc: 'libc6', libm: 'libc6' };
    for (const library of libraries) {
      const name = packages[library] ?? library;
      assert.ok(required.some((candidate) => candidate.startsWith(name)), library);
    }
  });

  it('tells what is shipped from what only builds and tests', () => {
    const scopeOf = (name) => bill.components.filter((c) => c.name === name).map(({ scope }) => scope);
    assert.ok(scopeOf('preact').includes('required'));
    assert.ok(scopeOf('swagger-ui-dist').includes('required'));
    assert.deepEqual(new Set(scopeOf('newman')), new Set(['excluded']));
    assert.deepEqual(new Set(scopeOf('vite')), new Set(['excluded']));
  });

  it('names each part once, with a version and a place it can be looked up by', () => {
    const refs = bill.components.map((component) => component['bom-ref']);
    assert.equal(new Set(refs).size, refs.length);
    for (const { version, purl } of bill.components) {
      assert.ok(version);
      assert.match(purl, /^pkg:(deb\/debian|npm)\/[^@]+@\S+$/);
    }
  });
});
