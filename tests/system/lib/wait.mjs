// Waiting for something, without sleeping for a guess.
import { setTimeout as delay } from 'node:timers/promises';
import { deadlineMs } from './env.mjs';

export { delay };

// What a probe throws when there is nothing to wait for any more.
export class InVain extends Error {}

// Calls probe() until it returns something truthy, and returns that. A probe that throws counts as
// "not yet" (but for InVain); its last error is part of the failure.
export async function poll(what, probe, { timeoutMs = 10_000, everyMs = 20 } = {}) {
  const until = Date.now() + deadlineMs(timeoutMs);
  let last;
  for (;;) {
    try {
      last = undefined;
      const value = await probe();
      if (value) return value;
    } catch (error) {
      if (error instanceof InVain) throw error;
      last = error;
    }
    if (Date.now() > until) {
      throw new Error(`waited ${deadlineMs(timeoutMs)} ms in vain for ${what}`, { cause: last });
    }
    await delay(everyMs);
  }
}

// The promise's value, or an error that says what did not come in time; what can be a function, for
// what is only known by then.
export async function within(what, promise, timeoutMs = 10_000) {
  let timer;
  const late = new Promise((resolve, reject) => {
    timer = setTimeout(
      () => reject(new Error(`waited ${deadlineMs(timeoutMs)} ms in vain for ${typeof what === 'function' ? what() : what}`)),
      deadlineMs(timeoutMs),
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
