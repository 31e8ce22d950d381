// banterctl's words: help, exit statuses, completion and man pages agree with the command table.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, it } from 'node:test';
import { BIN_DIR, ROOT, binary } from './lib/env.mjs';
import { run } from './lib/process.mjs';

const env = { PATH: process.env.PATH };
const banterctl = (...words) => run(binary('banterctl'), words, { env });

async function commandTable() {
  const { stdout } = await banterctl('--list-commands');
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [name, args, options, summary] = line.split('\t');
      return { name, args, options: options.split(' ').filter(Boolean), summary };
    });
}

describe('banterctl: words', () => {
  it('helps with each command, on stdout, without a database', async () => {
    const overview = await banterctl('--help');
    assert.equal(overview.code, 0);
    assert.equal(overview.stderr, '');
    for (const { name, args, options, summary } of await commandTable()) {
      assert.ok(overview.stdout.includes(`  ${name} ${args}`.trimEnd()), name);
      assert.ok(overview.stdout.includes(summary), name);
      const help = await banterctl(...name.split(' '), '--help');
      assert.equal(help.code, 0, name);
      assert.equal(help.stderr, '', name);
      assert.ok(help.stdout.startsWith(`Usage: banterctl ${name}`), name);
      for (const option of [...options, '--json', '--yes', '--quiet']) assert.ok(help.stdout.includes(`  ${option}`), `${name} ${option}`);
      assert.match(help.stdout, /\nExamples:\n {2}/, name);
      assert.match(help.stdout, /\nExit status: 0 done, 1 failed, 2 /, name);
      for (const line of help.stdout.split('\n')) assert.ok([...line].length <= 110, line);
    }
    const topic = await banterctl('user', '--help');
    assert.equal(topic.code, 0);
    assert.match(topic.stdout, /user create/);
    assert.doesNotMatch(topic.stdout, /room list/);
    assert.match((await banterctl('help', 'user', 'create')).stdout, /^Usage: banterctl user create/);
    assert.match((await banterctl('--version')).stdout, /^banterctl \(Banter\) \d+\.\d+\.\d+/);
    assert.match((await banterctl('--settings')).stdout, /BANTER_DATABASE_URL/);
  });

  it('refuses wrong words with 2 and a sentence, and tries nothing', async () => {
    const wrong = [
      [[], /Usage: banterctl COMMAND/],
      [['user'], /there is no command "user"/],
      [['user', 'invent'], /there is no command "user invent"/],
      [['nonsense', 'more'], /there is no command "nonsense"/],
      [['user', 'create', 'x'], /more words are needed: banterctl user create NAME EMAIL/],
      [['migrate', 'x'], /one word too many/],
      [['user', 'list', '--limit=0'], /whole number from 1/],
      [['user', 'list', '--limit'], /a value is needed/],
      [['user', 'list', '--nonsense=1'], /there is no such setting/],
      [['user', 'list', '-x'], /no such option/],
      [['user', 'create', 'a', 'a@b', '--generate', '--password-stdin'], /do not go together/],
      [['user', 'list', '--database-url=postgres://x'], /mysql:\/\//],
    ];
    for (const [words, sentence] of wrong) {
      const told = await banterctl(...words);
      assert.equal(told.code, 2, words.join(' '));
      assert.equal(told.stdout, '', words.join(' '));
      assert.match(told.stderr, sentence);
    }
    const away = await banterctl('user', 'list', '--database-url=mysql://x@/y?socket=/nonexistent');
    assert.equal(away.code, 4);
  });

  it('completes what there is', async () => {
    const script = path.join(ROOT, 'deploy/completion/banterctl.bash');
    const complete = (...words) =>
      execFileSync(
        'bash',
        ['-c', 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _banterctl; printf "%s\\n" "${COMPREPLY[@]}"', 'bash', script, 'banterctl', ...words],
        { encoding: 'utf8' },
      )
        .split('\n')
        .filter(Boolean);
    const table = await commandTable();
    const firsts = new Set(table.map(({ name }) => name.split(' ')[0]));
    assert.deepEqual(new Set(complete('')), new Set([...firsts, 'help', '--help', '--version', '--settings']));
    assert.deepEqual(complete('ver'), ['verify']);
    for (const first of firsts) {
      const seconds = table.filter(({ name }) => name.startsWith(`${first} `)).map(({ name }) => name.split(' ')[1]);
      if (seconds.length > 0) assert.deepEqual(new Set(complete(first, '')), new Set([...seconds, '--help']), first);
    }
    for (const { name, options } of table) {
      const offered = complete(...name.split(' '), 'x', '--').filter((word) => !['--json', '--yes', '--quiet', '--help', '--config='].includes(word));
      assert.deepEqual(new Set(offered), new Set(options), name);
    }
    assert.deepEqual(complete('check-config', 'g'), ['gateway']);
  });

  it('has man pages that name every command and setting, without a complaint of man', async () => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'banter-man-'));
    try {
      const table = await commandTable();
      for (const page of ['banterctl.1', 'banter-gateway.8', 'banter-broker.8']) {
        const file = path.join(dir, page);
        const text = execFileSync('sh', ['man/make.sh', path.resolve(ROOT, BIN_DIR), `man/${page}.in`], { cwd: ROOT, encoding: 'utf8' });
        fs.writeFileSync(file, text);
        assert.doesNotMatch(text, /@[A-Z]+@/);
        const help = await run(binary(page.split('.')[0]), [page === 'banterctl.1' ? '--settings' : '--help'], { env });
        const settings = [...help.stdout.split(/^NAME /m)[1].matchAll(/^(BANTER_\w+) /gm)].map((found) => found[1]);
        assert.ok(settings.length > 5);
        const named = [...text.matchAll(/^\.B (BANTER_\w+)$/gm)].map((found) => found[1]);
        assert.deepEqual(named, settings, page);
        if (page === 'banterctl.1')
          for (const { name } of table) assert.ok(text.includes(`.B ${name.replaceAll('-', '\\-')}`), name);
        const complaints = await run('man', ['--warnings', '-E', 'UTF-8', '-l', '-Tutf8', '-Z', file], { env: { ...env, LC_ALL: 'C.UTF-8' } }).catch((error) => error);
        if (complaints.code !== 'ENOENT') assert.equal(complaints.stderr, '', page);
      }
    } finally {
      fs.rmSync(dir, { recursive: true });
    }
  });
});
