// The package through a proxy that cuts, and one that lets no WebSocket through.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Proxy, isLive, poll, throughTrouble, withStack } from './world.mjs';

describe('the package through', () => {
  it('a proxy that cuts', () =>
    withStack({ workers: 2 }, async (stack) => {
      const proxy = await new Proxy(stack.port).start();
      try {
        await throughTrouble(stack, async ({ ada, bob, id }) => {
          for (let i = 0; i < 5; i += 1) {
            const before = ada.stats.connections + bob.stats.connections;
            proxy.cut();
            await poll('them to be back', () => ada.stats.connections + bob.stats.connections >= before + 2, { timeoutMs: 30_000 });
            await Promise.all([isLive(ada, id), isLive(bob, id)]);
          }
        }, { url: proxy.url });
      } finally {
        await proxy.stop();
      }
    }));

  it('a proxy that lets no WebSocket through, and then does', () =>
    withStack({ workers: 2 }, async (stack) => {
      const proxy = await new Proxy(stack.port).start();
      proxy.refusesSockets = true;
      try {
        await throughTrouble(stack, async ({ ada, bob, id }) => {
          assert.equal(ada.state.transport, 'event-stream');
          for (let i = 0; i < 3; i += 1) {
            const before = ada.stats.connections + bob.stats.connections;
            proxy.cut();
            await poll('them to be back', () => ada.stats.connections + bob.stats.connections >= before + 2, { timeoutMs: 30_000 });
            await Promise.all([isLive(ada, id), isLive(bob, id)]);
          }
          proxy.refusesSockets = false;
          await poll('the WebSocket to be back', () => ada.state.transport === 'websocket' && bob.state.transport === 'websocket', { timeoutMs: 40_000 });
        }, { url: proxy.url });
      } finally {
        await proxy.stop();
      }
    }));
});
