// The kill test: 2 gateways with 2 workers each, one broker, MariaDB, and clients that send, resume
// and dawdle while everything is killed, stopped and cut. What was acknowledged is in the log once,
// and everyone's list is the log's.
import { freePort } from '../system/lib/ports.mjs';
import { startStack } from '../system/lib/stack.mjs';
import { poll } from '../system/lib/wait.mjs';
import { BusProxy } from './bus_proxy.mjs';
import { Chaos } from './chaos.mjs';
import { SETTINGS, World, people, readMetrics, settle, startTicking } from './stage.mjs';
import { judge } from './verdict.mjs';

const GATEWAYS = 2;
const WORKERS = 2;

export async function startProcesses(world) {
  const brokerPort = await freePort(2);
  const stack = await startStack({
    workers: WORKERS,
    brokers: 0,
    gateways: 0,
    env: SETTINGS,
    brokerEnv: { broker_listen: `tcp://127.0.0.1:${brokerPort}` },
  });
  const proxies = [];
  const adminPorts = [];
  try {
    await stack.startBroker();
    for (let i = 0; i < GATEWAYS; i += 1) {
      proxies.push(await new BusProxy(await freePort(2), brokerPort).start());
      adminPorts.push(await freePort());
      await stack.startGateway(i, {
        brokers: proxies[i].address,
        admin_listen: `127.0.0.1:${adminPorts[i]}`,
      });
    }
    await stack.waitReady();
  } catch (error) {
    await stack.discard();
    for (const proxy of proxies) await proxy.stop();
    throw error;
  }
  world.urls = stack.gateways.map((gateway) => gateway.url);
  return { stack, proxies, adminPorts };
}

function startProgress(world, chaos, seconds) {
  const began = Date.now();
  return setInterval(() => {
    const { counts } = world;
    const kills = ['kill_worker', 'kill_broker', 'kill_database'].map((kind) => chaos.counts[kind]);
    world.log(`${counts.sent} sent, ${counts.acked} acknowledged, ${counts.events_verified} events, ` +
      `${counts.reconnects} reconnects, killed ${kills.join('/')} workers/brokers/databases, ` +
      `${world.faults.length} faults, ${Math.max(0, Math.round(seconds - (Date.now() - began) / 1000))} s to go`);
  }, Math.min(10_000, Math.max(5_000, seconds * 20)));
}

// The result has {ok, seed, seconds, counts, faults …}; see verdict.mjs.
export async function killStory({ seconds, seed, clients = 200, rooms = 20, gapMs = 1_300, log = console.log }) {
  const began = Date.now();
  const say = (line) => log(`${((Date.now() - began) / 1000).toFixed(1).padStart(6)} s  ${line}`);
  const world = new World({ seed, log: say });
  say(`seed ${seed}: ${clients} clients, ${rooms} rooms, ${seconds} s`);
  const { stack, proxies, adminPorts } = await startProcesses(world);
  const timers = [];
  let result;
  try {
    const cast = await people(world, { clients, rooms });
    world.clients.forEach((client) => client.start());
    await poll('every client to be connected', () => world.clients.every((client) => client.up), { timeoutMs: 30_000 });
    timers.push(startTicking(world, cast.rooms));
    const chaos = new Chaos({
      stack, adminPorts, proxies, clients: world.clients, random: world.chaosRandom, log: say, gapMs,
      onBurst: (ms) => (world.burstUntil = Date.now() + ms),
    });
    timers.push(startProgress(world, chaos, seconds));
    say('everyone is there; the killing begins');
    await chaos.run(Date.now() + seconds * 1000);
    say('the killing is over; healing');
    await chaos.heal();
    await settle(world, stack);
    result = await judge(world, stack, cast);
    result.chaos = chaos.counts;
    result.metrics = await readMetrics(adminPorts).catch(() => ({}));
    Object.assign(result, { seed, seconds, took_s: Math.round((Date.now() - began) / 1000) });
  } catch (error) {
    await stack.discard().catch(() => {});
    throw error;
  } finally {
    timers.forEach(clearInterval);
    world.clients.forEach((client) => client.stop());
    for (const proxy of proxies) await proxy.stop();
  }
  // A process that ended badly, or left a report, is one more fault.
  await stack.stop().catch((error) => {
    result.ok = false;
    result.faults.process = 1;
    result.first_faults.push({ kind: 'process', sentence: String(error.actual ?? error.message) });
  });
  if (!result.ok) process.exitCode = 1; // so that the logs are shown
  return result;
}
