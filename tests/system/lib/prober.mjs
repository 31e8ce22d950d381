// Connects anew again and again, and asks one thing each time: who is never refused has not noticed
// anything.
import http from 'node:http';
import net from 'node:net';
import { delay } from './wait.mjs';

export class Prober {
  constructor(port, { everyMs = 5, connectOnly = false } = {}) {
    this.port = port;
    this.everyMs = everyMs;
    this.asked = 0;
    this.faults = [];
    this.stopped = false;
    this.running = Promise.all([connectOnly || this.askAll(), this.connectAll()]);
  }

  ask() {
    return new Promise((resolve, reject) => {
      const request = http.get(
        { port: this.port, host: '127.0.0.1', path: '/health', agent: false, timeout: 20_000 },
        (response) => {
          response.resume();
          response.on('end', () => (response.statusCode === 200 ? resolve() : reject(new Error(`status ${response.statusCode}`))));
          response.on('error', reject);
        },
      );
      request.on('timeout', () => request.destroy(new Error('no answer')));
      request.on('error', reject);
    });
  }

  // A connection alone, closed again.
  connect() {
    return new Promise((resolve, reject) => {
      const socket = net.connect(this.port, '127.0.0.1', () => {
        socket.destroy();
        resolve();
      });
      socket.on('error', reject);
    });
  }

  async repeat(what, once) {
    while (!this.stopped) {
      try {
        await once();
        this.asked += 1;
      } catch (error) {
        this.faults.push(`${what}: ${error.message}`);
      }
      await delay(this.everyMs);
    }
  }

  askAll() {
    return this.repeat('a request', () => this.ask());
  }

  connectAll() {
    return this.repeat('a connection', () => this.connect());
  }

  async stop() {
    this.stopped = true;
    await this.running;
  }
}
