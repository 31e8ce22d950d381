// A command of the test, with a bounded time; what it printed is in the error if it fails.
import { run } from '../system/lib/process.mjs';

export async function command(file, args, { env, timeoutMs = 60_000, cwd, input } = {}) {
  const { code, signal, stdout, stderr } = await run(file, args, {
    env: { ...process.env, ...env },
    timeoutMs,
    cwd,
    input,
  });
  if (code !== 0) {
    const said = `${stdout}${stderr}`.trimEnd().split('\n').slice(-15).join('\n');
    throw new Error(`${file} ${args.join(' ')}: ended with ${code ?? signal}\n${said}`);
  }
  return stdout;
}
