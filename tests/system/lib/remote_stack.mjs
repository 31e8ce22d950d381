// A Banter that somebody else has started (BANTER_STACK_URL), in the place of a stack of one's own: for
// tests that only need its address. BANTER_STACK_SQL is the command, as JSON, that reads SQL.
import { run } from './process.mjs';

export const REMOTE = process.env.BANTER_STACK_URL || '';

// With how many workers a test runs its stories; a remote stack has what it has.
export const WORKER_COUNTS = REMOTE ? [4] : [1, 4];

// For the options of a test that cannot be told through somebody else's stack.
export const OWN = { skip: REMOTE ? 'it wants a stack of its own' : false };

export class RemoteStack {
  constructor() {
    this.url = REMOTE;
    this.hostname = new URL(REMOTE).hostname;
    this.port = Number(new URL(REMOTE).port);
    this.database = { query };
  }

  async stop() {}

  async discard() {}
}

async function query(sql) {
  const [file, ...args] = JSON.parse(process.env.BANTER_STACK_SQL);
  const { code, stdout, stderr } = await run(file, args, { input: sql });
  if (code !== 0) throw new Error(`SQL failed: ${sql}\n${stderr}`);
  return stdout.split('\n').filter(Boolean).map((line) => line.split('\t'));
}
