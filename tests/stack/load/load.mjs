// A load of many clients on many rooms that goes on while a test changes the stack under it.
//
//   const load = await Load.start({ url, clients: 2000, rooms: 100, perSecond: 200 });
//   const figures = await load.during('a gateway dies', () => stack.killGateway());
//   const verdict = await load.finish();
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { within } from '../../system/lib/wait.mjs';

const START_MS = 240_000;
const ANSWER_MS = 240_000;

export class Load {
  constructor() {
    this.child = fork(fileURLToPath(new URL('main.mjs', import.meta.url)), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.waiting = new Map();
    this.count = 0;
    this.child.on('message', ({ id, value, error }) => {
      const { resolve, reject } = this.waiting.get(id);
      this.waiting.delete(id);
      if (error) reject(new Error(`the load: ${error}`));
      else resolve(value);
    });
    this.child.on('exit', (code, signal) => {
      for (const { reject } of this.waiting.values()) reject(new Error(`the load ended: ${code ?? signal}`));
    });
  }

  ask(action, options = {}, timeoutMs = ANSWER_MS) {
    this.count += 1;
    const id = this.count;
    const answer = new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
    this.child.send({ id, action, options });
    return within(`the load's answer to ${action}`, answer, timeoutMs);
  }

  static async start(options) {
    const load = new Load();
    try {
      Object.assign(load, await load.ask('start', { seed: Date.now() % 2 ** 31, ...options }, START_MS));
    } catch (error) {
      load.kill();
      throw error;
    }
    return load;
  }

  // The figures from the beginning of act() until everyone is served again.
  async during(name, act) {
    await this.ask('phase', { name });
    await act();
    await this.ask('whole');
    return this.ask('phase', { name: `after: ${name}` });
  }

  async finish() {
    const { verdict } = await this.ask('finish', {});
    this.kill();
    return verdict;
  }

  kill() {
    this.child.kill('SIGKILL');
  }
}
