// What lies between a gateway and the broker: a TCP proxy for each of the bus's two paths, which
// the test can cut, refuse, stall and delay. ZeroMQ notices what a network would let it notice.
import net from 'node:net';

// One direction of one connection. Bytes stay in order, whatever the delay.
class Flow {
  constructor(path, from, to) {
    this.path = path;
    this.from = from;
    this.to = to;
    this.waiting = [];
    from.on('data', (chunk) => this.take(chunk));
    to.on('drain', () => this.update());
    this.update();
  }

  take(chunk) {
    const delay = this.path.delayMs;
    if (delay === 0 && this.waiting.length === 0) {
      this.write(chunk);
      return;
    }
    // Each timer writes the chunk that is first in line, not the one that set it.
    this.waiting.push(chunk);
    setTimeout(() => this.write(this.waiting.shift()), delay);
  }

  write(chunk) {
    if (!this.to.destroyed && !this.to.write(chunk)) this.from.pause();
  }

  update() {
    if (this.path.stalled || this.to.writableNeedDrain) this.from.pause();
    else this.from.resume();
  }
}

class Path {
  constructor(listenPort, targetPort) {
    this.listenPort = listenPort;
    this.targetPort = targetPort;
    this.refusing = false;
    this.stalled = false;
    this.delayMs = 0;
    this.pairs = new Set();
  }

  async start() {
    this.server = net.createServer((client) => this.accept(client));
    await new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(this.listenPort, '127.0.0.1', resolve);
    });
  }

  accept(client) {
    client.on('error', () => {});
    if (this.refusing) {
      client.destroy();
      return;
    }
    const server = net.connect({ port: this.targetPort, host: '127.0.0.1' });
    const pair = { client, server, flows: [] };
    server.on('error', () => {});
    for (const socket of [client, server]) {
      socket.setNoDelay(true);
      socket.on('close', () => this.drop(pair));
    }
    this.pairs.add(pair);
    pair.flows = [new Flow(this, client, server), new Flow(this, server, client)];
  }

  drop(pair) {
    if (!this.pairs.delete(pair)) return;
    pair.client.destroy();
    pair.server.destroy();
  }

  cut() {
    for (const pair of [...this.pairs]) this.drop(pair);
  }

  setStalled(stalled) {
    this.stalled = stalled;
    for (const { flows } of this.pairs) flows.forEach((flow) => flow.update());
  }

  async stop() {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }
}

export class BusProxy {
  // Both are the first of two ports: commands, then events.
  constructor(listenPort, brokerPort) {
    this.address = `tcp://127.0.0.1:${listenPort}`;
    this.paths = {
      commands: new Path(listenPort, brokerPort),
      events: new Path(listenPort + 1, brokerPort + 1),
    };
  }

  async start() {
    for (const path of Object.values(this.paths)) await path.start();
    return this;
  }

  heal() {
    for (const path of Object.values(this.paths)) {
      path.refusing = false;
      path.delayMs = 0;
      path.setStalled(false);
    }
  }

  async stop() {
    this.heal();
    for (const path of Object.values(this.paths)) await path.stop();
  }
}
