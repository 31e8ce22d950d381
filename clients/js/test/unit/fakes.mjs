// Time, chance, sockets and a network that do as they are told.
import { BanterClient } from '../../dist/index.js';

// Promises settle between two steps of time, as they would.
export const settle = async () => {
  for (let i = 0; i < 20; i += 1) await null;
  await new Promise((resolve) => setImmediate(resolve));
};

export class FakeClock {
  constructor({ random = 0.5 } = {}) {
    this.time = 1_000_000;
    this.timers = new Map();
    this.last = 0;
    this.chance = random;
  }

  now = () => this.time;
  random = () => this.chance;

  setTimeout = (run, ms) => {
    this.last += 1;
    this.timers.set(this.last, { at: this.time + ms, run });
    return this.last;
  };

  clearTimeout = (timer) => this.timers.delete(timer);

  // When the next timer is due, from now; null if there is none.
  get nextMs() {
    const all = [...this.timers.values()].map(({ at }) => at - this.time);
    return all.length === 0 ? null : Math.min(...all);
  }

  async pass(ms) {
    const until = this.time + ms;
    for (;;) {
      const due = [...this.timers].filter(([, { at }]) => at <= until).sort((a, b) => a[1].at - b[1].at)[0];
      if (!due) break;
      this.timers.delete(due[0]);
      this.time = Math.max(this.time, due[1].at);
      due[1].run();
      await settle();
    }
    this.time = until;
    await settle();
  }
}

export class FakeSocket {
  onopen = null;
  onmessage = null;
  onclose = null;
  onerror = null;
  sent = [];
  isClosed = false;

  constructor(url, protocols) {
    this.url = url;
    this.protocols = protocols;
    FakeSocket.all.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close() {
    this.isClosed = true;
  }

  // ---- the server's side ----

  say(...frames) {
    for (const frame of frames) this.onmessage?.({ data: typeof frame === 'string' ? frame : JSON.stringify(frame) });
  }

  hello(more = {}) {
    this.say({ type: 'hello', heartbeat_ms: 25_000, epoch: 9, user: { id: 1, username: 'ada' }, limits: { sends_in_flight: 256 }, ...more });
  }

  end(code = 1006, reason = '') {
    this.isClosed = true;
    this.onclose?.({ code, reason });
  }

  // What was sent of this type, and not looked at before.
  take(type) {
    const found = this.sent.filter((frame) => frame.type === type);
    this.sent = this.sent.filter((frame) => frame.type !== type);
    return found;
  }

  static all = [];

  static get last() {
    return FakeSocket.all.at(-1);
  }
}

export const message = (id, { room = 7, text = `text ${id}`, sender = 2 } = {}) => ({
  type: 'new_message', id, text, sender_id: sender, sender_username: 'bob', room_id: room, created_at: '2026-01-02T03:05:14.218733Z',
});

// answer(url, init) gives [status, body] or throws; by default there is no network.
export function fetchOf(answer, calls = []) {
  return async (url, init = {}) => {
    calls.push({ url, method: init.method, body: init.body && JSON.parse(init.body), headers: init.headers });
    const [status, body, headers = {}] = await answer(url, init);
    return body instanceof ReadableStream
      ? new Response(body, { status, headers })
      : new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json', ...headers } });
  };
}

const noNetwork = fetchOf(() => {
  throw new TypeError('fetch failed');
});

export function start(options = {}) {
  FakeSocket.all = [];
  const clock = new FakeClock(options);
  const client = new BanterClient({
    url: 'http://chat.test', token: 'T', WebSocket: FakeSocket, clock, fetch: noNetwork, ...options,
  });
  const told = [];
  for (const name of ['state', 'signed-out', 'room-state', 'event', 'typing', 'presence', 'reset', 'ended', 'outgoing', 'notice']) {
    client.on(name, (value) => told.push([name, value]));
  }
  return { client, clock, told, ids: () => told.filter(([name]) => name === 'event').map(([, event]) => event.id) };
}

// A client that is connected and hears room 7 live, up to head.
export async function live(options = {}) {
  const world = start(options);
  world.client.connect();
  await settle();
  FakeSocket.last.hello();
  world.room = world.client.room(7);
  world.room.subscribe({ since: options.since ?? 3, epoch: 9 });
  const head = options.since ?? 3;
  FakeSocket.last.say({ type: 'subscribed', room_id: 7, head, epoch: 9, recovered: true }, { type: 'caught_up', room_id: 7, seq: head });
  FakeSocket.last.take('subscribe');
  return world;
}
