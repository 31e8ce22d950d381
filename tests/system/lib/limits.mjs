// A gateway with bounds that a test can reach, and what it counts.
import { ask } from './access_log.mjs';
import { metric } from './bus_keys.mjs';
import { Api, makeRoom } from './client.mjs';
import { freePort } from './ports.mjs';
import { withStack } from './stack.mjs';
import { poll } from './wait.mjs';

// A scene, and then a gateway with these limits on the same database: what the scene took is free.
export async function withLimits(env, story, { workers = 2, ready = true } = {}) {
  const port = await freePort(2);
  await withStack({ workers, env: { admin_listen: `127.0.0.1:${port}` } }, async (stack) => {
    const api = new Api(stack.url);
    const { owner, room, members } = await makeRoom(api, 1);
    stack.expectedDead.add(stack.gateways[0]);
    await stack.gateways[0].end('SIGTERM');
    await stack.startGateway(0, env);
    if (ready) await stack.waitReady();
    else await poll('it to be full', async () => (await ask(stack.port, '/health').catch(() => ({}))).status === 503);
    await story({ stack, api, user: owner, other: members[0], room, count: (name) => metric(port, name.replace(/[{}]/g, '\\$&')) });
  });
}
