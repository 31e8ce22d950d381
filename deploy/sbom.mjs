// The bill of materials of what was built, as CycloneDX 1.5 JSON (the format's specification:
// ECMA-424), on standard output:
//
//   node deploy/sbom.mjs build/release/bin > banter.cdx.json
//
// Libraries are those that the programs load, by the Debian package that each comes from; what the
// pages are made of comes from the lock files. Packages that only build or test have the scope
// "excluded". Nothing is asked of a network.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const LOCKS = ['web', 'clients/js', 'tests/system', 'tests/kubernetes', 'bench'];

const run = (file, ...args) => execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

// ---- what Debian brought ----

function librariesOf(program) {
  return run('ldd', program).split('\n').map((line) => /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1]).filter(Boolean);
}

// "libevent-2.1-7:amd64: /usr/lib/…": dpkg knows files by where they really are, or by the name in
// /lib from before the merge with /usr.
function packageOf(library) {
  const real = realpathSync(library);
  for (const name of [real, real.replace(/^\/usr/, ''), library]) {
    try {
      return run('dpkg-query', '--search', name).split(':')[0];
    } catch { /* another name */ }
  }
  throw new Error(`${library} belongs to no Debian package`);
}

// The short names that debian/copyright of each package gives its licences.
function licencesOf(name) {
  let text;
  try {
    text = readFileSync(`/usr/share/doc/${name}/copyright`, 'utf8');
  } catch {
    return [];
  }
  const names = [...text.matchAll(/^License:\s*(\S[^\n]*)$/gm)].map(([, licence]) => licence.trim());
  return [...new Set(names)].map((licence) => ({ license: { name: licence } }));
}

function debianComponent(name) {
  const [version, arch, source] = run('dpkg-query', '--show', '--showformat=${Version}\t${Architecture}\t${source:Package}', name).split('\t');
  return {
    type: 'library',
    'bom-ref': `deb:${name}`,
    name,
    version,
    scope: 'required',
    licenses: licencesOf(name),
    purl: `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${arch}&upstream=${encodeURIComponent(source)}`,
  };
}

// ---- what npm brought ----

function npmComponents(folder) {
  const lock = JSON.parse(readFileSync(path.join(ROOT, folder, 'package-lock.json'), 'utf8'));
  return Object.entries(lock.packages)
    .filter(([place]) => place.includes('node_modules/'))
    .map(([place, entry]) => {
      const name = entry.name ?? place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length);
      // Only what the pages are made of goes to users.
      const shipped = folder === 'web' && entry.dev !== true;
      return {
        type: 'library',
        'bom-ref': `npm:${folder}:${place}`,
        name,
        version: entry.version,
        scope: shipped ? 'required' : 'excluded',
        ...(entry.integrity && { hashes: [hashOf(entry.integrity)] }),
        ...(entry.license && { licenses: [{ license: { name: entry.license } }] }),
        purl: `pkg:npm/${name.replace('@', '%40')}@${entry.version}`,
      };
    });
}

function hashOf(integrity) {
  const [algorithm, digest] = integrity.split('-', 2);
  return { alg: algorithm.replace('sha', 'SHA-'), content: Buffer.from(digest, 'base64').toString('hex') };
}

// ---- the whole ----

// The same file for the same parts: its number is made of them, and it has no date.
function serialOf(components) {
  const hex = createHash('sha256').update(JSON.stringify(components)).digest('hex');
  return `urn:uuid:${hex.slice(0, 8)}-${hex.slice(8, 12)}-5${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

export function billOfMaterials(binDir) {
  const version = /BANTER_VERSION "([^"]+)"/.exec(readFileSync(path.join(ROOT, 'src/common/version.h'), 'utf8'))[1];
  const libraries = readdirSync(binDir).flatMap((name) => librariesOf(path.join(binDir, name)));
  const packages = [...new Set([...new Set(libraries)].map(packageOf))].sort();
  const components = [...packages.map(debianComponent), ...LOCKS.flatMap(npmComponents)];
  return {
    $schema: 'http://cyclonedx.org/schema/bom-1.5.schema.json',
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    serialNumber: serialOf(components),
    version: 1,
    metadata: {
      component: {
        type: 'application',
        'bom-ref': 'banter',
        name: 'banter',
        version,
        licenses: [{ license: { id: 'MIT' } }],
        purl: `pkg:generic/banter@${version}`,
      },
    },
    components,
    dependencies: [{ ref: 'banter', dependsOn: components.filter(({ scope }) => scope === 'required').map((c) => c['bom-ref']) }],
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(`${JSON.stringify(billOfMaterials(path.resolve(process.argv[2] ?? 'build/release/bin')), null, 2)}\n`);
}
