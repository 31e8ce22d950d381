// What goes wrong: one fault after another, by seed, several at a time. Each ends by itself, and
// heal() ends all of them.
import { holderOfConnection, isAlive } from '../system/lib/procfs.mjs';
import { delay, poll } from '../system/lib/wait.mjs';

const WEIGHTS = {
  kill_worker: 20,
  kill_broker: 9,
  kill_database: 6,
  stop_worker: 7,
  stop_broker: 4,
  stop_database: 4,
  stop_master: 2,
  reload_gateway: 6,
  term_worker: 4,
  cut_clients: 14,
  pause_slow: 6,
  bus_cut: 9,
  bus_refuse: 5,
  bus_stall: 6,
  bus_delay: 6,
  wander: 6,
};

export class Chaos {
  // A burst is a time in which the loud room is loud: what fills the queue of a slow reader.
  constructor({ stack, adminPorts, proxies, clients, random, log, gapMs, onBurst }) {
    Object.assign(this, { stack, adminPorts, proxies, clients, random, log, gapMs, onBurst });
    this.counts = Object.fromEntries(Object.keys(WEIGHTS).map((kind) => [kind, 0]));
    this.stopped = new Set(); // pids under SIGSTOP
    this.running = new Set();
    this.ending = false;
  }

  // The processes that serve clients; the master's other child serves metrics.
  workers(gateway) {
    const pids = this.stack.workers(gateway);
    const admin = holderOfConnection(pids, this.adminPorts[gateway], 0);
    return pids.filter((pid) => pid !== admin);
  }

  async run(untilMs) {
    // Every kind once, whatever the time, then by weight.
    const first = this.random.shuffle(Object.keys(WEIGHTS));
    while (Date.now() < untilMs && !this.ending) {
      const kind = first.pop() ?? this.random.weighted(WEIGHTS);
      this.begin(kind);
      await delay(this.random.between(0.4, 1.6) * this.gapMs);
    }
  }

  begin(kind) {
    const doing = this[kind]()
      .catch((error) => {
        this.failure ??= new Error(`${kind}: ${error.message}`, { cause: error });
      })
      .finally(() => this.running.delete(doing));
    this.running.add(doing);
  }

  // What happens now, not what was meant to and found nothing to do.
  note(kind, sentence) {
    this.counts[kind] += 1;
    this.log(sentence);
  }

  // Ends early when everything is healed.
  async hold(lowMs, highMs) {
    const until = Date.now() + this.random.between(lowMs, highMs);
    while (Date.now() < until && !this.ending) await delay(25);
  }

  async kill_worker() {
    const gateway = this.random.below(this.stack.gateways.length);
    const pids = this.workers(gateway);
    if (pids.length === 0) return;
    const pid = this.random.pick(pids);
    this.note('kill_worker', `kill -9 worker ${pid} of gateway ${gateway}`);
    process.kill(pid, 'SIGKILL');
    await poll(`worker ${pid} to be dead`, () => !isAlive(pid));
  }

  async kill_broker() {
    if (this.brokerBusy) return;
    this.brokerBusy = true;
    this.note('kill_broker', 'kill -9 broker');
    await this.stack.killBroker();
    await this.hold(0, 3_000);
    await this.stack.startBroker();
    this.brokerBusy = false;
  }

  async kill_database() {
    if (this.databaseBusy) return;
    this.databaseBusy = true;
    this.note('kill_database', 'kill -9 MariaDB');
    await this.stack.database.kill();
    await this.hold(0, 3_000);
    await this.stack.database.start();
    this.databaseBusy = false;
  }

  async suspend(kind, what, pid) {
    if (!pid || this.stopped.has(pid) || !isAlive(pid)) return;
    this.note(kind, `SIGSTOP ${what} ${pid}`);
    process.kill(pid, 'SIGSTOP');
    this.stopped.add(pid);
    await this.hold(300, 4_000);
    this.stopped.delete(pid);
    if (isAlive(pid)) process.kill(pid, 'SIGCONT');
  }

  async stop_worker() {
    const gateway = this.random.below(this.stack.gateways.length);
    await this.suspend('stop_worker', 'worker', this.random.pick(this.workers(gateway)));
  }

  async stop_broker() {
    if (!this.brokerBusy) await this.suspend('stop_broker', 'broker', this.stack.brokers[0].pid);
  }

  async stop_database() {
    if (!this.databaseBusy) await this.suspend('stop_database', 'MariaDB', this.stack.database.pid);
  }

  async stop_master() {
    await this.suspend('stop_master', 'master', this.random.pick(this.stack.gateways).pid);
  }

  // New workers take over while all else goes wrong; if they cannot, the old ones stay.
  async reload_gateway() {
    const gateway = this.random.pick(this.stack.gateways);
    this.note('reload_gateway', `SIGHUP to gateway ${gateway.pid}`);
    gateway.kill('SIGHUP');
  }

  async term_worker() {
    const gateway = this.random.below(this.stack.gateways.length);
    const pids = this.workers(gateway);
    if (pids.length === 0) return;
    const pid = this.random.pick(pids);
    this.note('term_worker', `SIGTERM to worker ${pid} of gateway ${gateway}`);
    process.kill(pid, 'SIGTERM');
  }

  async cut_clients() {
    const count = 5 + this.random.below(40);
    this.note('cut_clients', `cutting ${count} clients`);
    for (let i = 0; i < count; i += 1) this.random.pick(this.clients).cut();
  }

  async pause_slow() {
    const slow = this.clients.filter((client) => client.slow);
    const ms = this.random.between(10_000, 18_000);
    this.note('pause_slow', `${slow.length} slow clients read nothing for ${Math.round(ms)} ms`);
    slow.forEach((client) => client.pause(ms));
    this.onBurst(ms);
  }

  async wander() {
    const multi = this.clients.filter((client) => client.wander);
    this.note('wander', '20 clients leave a room of theirs and come back');
    for (let i = 0; i < 20; i += 1) {
      const client = this.random.pick(multi);
      client.wander(this.random.pick(client.roomIds));
    }
  }

  // One gateway's paths, or one of the two.
  pathsOf() {
    const proxy = this.random.pick(this.proxies);
    const which = this.random.pick(['commands', 'events', 'both']);
    const paths = which === 'both' ? Object.values(proxy.paths) : [proxy.paths[which]];
    return { paths, name: `${which} of gateway ${this.proxies.indexOf(proxy)}` };
  }

  async bus_cut() {
    const { paths, name } = this.pathsOf();
    this.note('bus_cut', `bus: cutting ${name}`);
    paths.forEach((path) => path.cut());
  }

  async bus_refuse() {
    const { paths, name } = this.pathsOf();
    this.note('bus_refuse', `bus: no way through: ${name}`);
    for (const path of paths) {
      path.refusing = true;
      path.cut();
    }
    await this.hold(500, 5_000);
    for (const path of paths) path.refusing = false;
  }

  async bus_stall() {
    const { paths, name } = this.pathsOf();
    this.note('bus_stall', `bus: nothing moves: ${name}`);
    paths.forEach((path) => path.setStalled(true));
    await this.hold(1_000, 14_000);
    paths.forEach((path) => path.setStalled(false));
  }

  async bus_delay() {
    const { paths, name } = this.pathsOf();
    const ms = Math.round(this.random.between(50, 800));
    this.note('bus_delay', `bus: ${ms} ms late: ${name}`);
    for (const path of paths) path.delayMs = ms;
    await this.hold(1_000, 8_000);
    for (const path of paths) path.delayMs = 0;
  }

  async heal() {
    this.ending = true;
    await Promise.all(this.running);
    for (const pid of this.stopped) if (isAlive(pid)) process.kill(pid, 'SIGCONT');
    for (const proxy of this.proxies) proxy.heal();
    if (this.failure) throw this.failure;
  }
}
