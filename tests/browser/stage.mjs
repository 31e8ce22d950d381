// What a file of browser tests plays on: one Banter and one Chromium, from before its first test
// until after its last.
import { after, before } from 'node:test';
import { startStack } from '../system/lib/stack.mjs';
import { launchBrowser } from './people.mjs';

// Gives { browser, stack }; setUp(stage) runs once they are there. (Node runs a file's own before()s
// side by side.)
export function useStage(options, setUp = () => {}) {
  const stage = {};
  before(async () => {
    stage.browser = await launchBrowser();
    stage.stack = await startStack(options);
    await setUp(stage);
  });
  after(async () => {
    await stage.browser?.close();
    await stage.stack?.stop();
  });
  return stage;
}
