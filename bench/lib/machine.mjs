// Where and with what it was measured.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import { ROOT } from '../../tests/system/lib/env.mjs';

const require = createRequire(import.meta.url);

// The first line that a program says about itself, or part of it.
function said(file, args, part = /.+/) {
  try {
    const text = execFileSync(file, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    return part.exec(text)?.[0] ?? '';
  } catch {
    return '';
  }
}

const packageVersion = (name) => JSON.parse(readFileSync(require.resolve(`${name}/package.json`), 'utf8')).version;
export const debianVersion = (name) => said('dpkg-query', ['-W', '-f=${Version}', name]);

// What kind of file system the database's files are on, where a scenario does not say it.
const fileSystem = (dir) => `${dir}, ${said('stat', ['-f', '-c', '%T', dir])}`;

export function machine() {
  const cpus = os.cpus();

  return {
    cpu: cpus[0]?.model.trim() ?? '',
    cores: cpus.length,
    memory_gib: Math.round(os.totalmem() / 2 ** 30),
    virtual: said('sh', ['-c', 'lscpu | sed -n "s/^Hypervisor vendor: *//p"']) || 'none seen',
    kernel: os.release(),
    database_files: fileSystem(process.env.BENCH_DATA_DIR || os.tmpdir()),
    system: said('sh', ['-c', '. /etc/os-release && echo "$PRETTY_NAME"']),
  };
}

export function versions() {
  return {
    banter: said('git', ['-C', ROOT, 'describe', '--always', '--dirty']),
    compiler: said('gcc', ['--version']),
    mariadb: debianVersion('mariadb-server-core') || said('mariadbd', ['--version']),
    libevent: debianVersion('libevent-2.1-7'),
    zeromq: debianVersion('libzmq5'),
    node: process.version,
    ws: packageVersion('ws'),
    'socket.io': packageVersion('socket.io'),
    nginx: debianVersion('nginx'),
    nchan: debianVersion('libnginx-mod-nchan'),
  };
}
