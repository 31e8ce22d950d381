// The examples, and the README's, run as programs against a real server.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, it } from 'node:test';
import { isLive, listen, person, poll, texts, withStack } from './world.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

// A running example; stop() gives what it said.
function example(file, args, env) {
  const child = spawn(process.execPath, [path.join(ROOT, file), ...args], { env: { ...process.env, ...env } });
  const program = { child, out: '', err: '' };
  child.stdout.on('data', (data) => (program.out += data));
  child.stderr.on('data', (data) => (program.err += data));
  program.ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })));
  return program;
}

const as = (stack, { username, password }) => ({ BANTER_URL: stack.url, BANTER_USER: username, BANTER_PASSWORD: password });

describe('the examples', () => {
  it('a bot, in twenty lines, over a killed worker', () =>
    withStack({ workers: 1 }, async (stack) => {
      const lines = fs.readFileSync(path.join(ROOT, 'examples/bot.mjs'), 'utf8').split('\n').filter((line) => line && !line.startsWith('//'));
      assert.ok(lines.length <= 20, `${lines.length} lines`);
      const [ada, account] = [await person(stack.url), await person(stack.url)];
      const { id } = await ada.createRoom('clocks');
      await ada.createRoom('not its own');
      await account.joinRoom(id);
      const bot = example('examples/bot.mjs', [], as(stack, account.me));
      try {
        await poll('the bot', () => bot.out.includes('listening'), { timeoutMs: 20_000 });
        const seen = listen(ada, id);
        await ada.connect();
        await isLive(ada, id);
        for (const round of [1, 2]) {
          // Not before the bot hears the room; asking again is what a person would do.
          await poll(`answer ${round}`, async () => {
            if (texts(seen).filter((text) => /^\d{4}-/.test(text)).length >= round) return true;
            await ada.room(id).send('!time');
            await new Promise((resolve) => setTimeout(resolve, 300));
            return false;
          }, { timeoutMs: 30_000 });
          if (round === 1) await stack.killWorker();
        }
      } finally {
        bot.child.kill('SIGKILL');
        ada.close();
        account.close();
      }
      assert.equal(bot.err, '');
    }));

  it('a tail, from the first event on', () =>
    withStack({ workers: 1 }, async (stack) => {
      const ada = await person(stack.url);
      const { id } = await ada.createRoom('tailed');
      await ada.room(id).send('before');
      const tail = example('examples/tail.mjs', [`${id}`], as(stack, ada.me));
      await poll('the past', () => tail.out.includes(`${ada.me.username}: before`), { timeoutMs: 20_000 });
      await stack.killWorker();
      await ada.room(id).send('after');
      await poll('the present', () => tail.out.includes('after'), { timeoutMs: 20_000 });
      assert.deepEqual(tail.out.trim().split('\n').map((line) => line.split(' ')[0]), ['1', '2', '3']);
      tail.child.kill('SIGINT');
      assert.deepEqual(await tail.ended, { code: 0, signal: null });
      const wrong = example('examples/tail.mjs', ['1'], as(stack, { username: 'nobody', password: 'x' }));
      assert.equal((await wrong.ended).code, 1);
      assert.match(wrong.err, /invalid_credentials/);
      ada.close();
    }));

  it('ping-pong ends, and leaves no account', () =>
    withStack({ workers: 2 }, async (stack) => {
      const game = example('examples/ping_pong.mjs', [], { BANTER_URL: stack.url });
      assert.deepEqual(await game.ended, { code: 0, signal: null }, game.err);
      assert.match(game.out, /^10 rounds; one way, median \d+\.\d ms\n$/);
      assert.equal(game.err, '');
    }));

  it("the README's", () =>
    withStack({ workers: 1 }, async (stack) => {
      const readme = fs.readFileSync(path.join(ROOT, 'README.md'), 'utf8');
      const blocks = [...readme.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code);
      assert.ok(blocks.length >= 3);
      // One program: its parts build on each other.
      const program = `${blocks.join('\n')}\nclient.close()\n`;
      assert.ok(program.includes('http://localhost:8000'));
      const file = path.join(ROOT, 'dist', `readme-${process.pid}.mjs`);
      fs.writeFileSync(file, program.replaceAll('http://localhost:8000', stack.url));
      try {
        const { child, ended, ...said } = example(path.relative(ROOT, file), [], {});
        void child;
        void said;
        assert.deepEqual(await ended, { code: 0, signal: null });
      } finally {
        fs.rmSync(file);
      }
    }));
});
