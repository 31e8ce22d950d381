// What a client of Banter does: REST calls, WebSockets, and the two reliable roles that the
// promises are made to: a sender that repeats what was not acknowledged, and a follower that
// resumes where it was cut off.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import http from 'node:http';
import WebSocket from 'ws';
import { deadlineMs } from './env.mjs';
import { delay, poll, within } from './wait.mjs';

export const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

const PATIENCE_MS = 60_000;

let names = 0;
// A name that no other test has: uniqueName('ann') is "ann_1_x3f2a9".
export function uniqueName(prefix = 'user') {
  names += 1;
  return `${prefix}_${names}_x${randomBytes(3).toString('hex')}`;
}

// --- REST -------------------------------------------------------------------------------------

export class Api {
  // Every answer passes observe(method, path, answer), if given. The default is a new connection
  // for each request, so that the kernel spreads them over the workers.
  constructor(url, { token, agent = false, observe } = {}) {
    this.url = url;
    this.token = token;
    this.agent = agent;
    this.observe = observe;
  }

  // The same server as somebody else.
  as(token) {
    return new Api(this.url, { token, agent: this.agent, observe: this.observe });
  }

  // json is sent as JSON; body (string or Buffer) as it is. token null sends no Authorization.
  request(method, path, { json, body, headers = {}, token = this.token, timeoutMs = 20_000 } = {}) {
    const payload = json === undefined ? body : JSON.stringify(json);
    const all = { ...headers };
    if (json !== undefined && !('content-type' in all)) all['content-type'] = 'application/json';
    if (payload !== undefined) all['content-length'] = Buffer.byteLength(payload);
    if (token) all.authorization ??= `Bearer ${token}`;
    return new Promise((resolve, reject) => {
      const request = http.request(
        new URL(path, this.url),
        { method, headers: all, agent: this.agent, timeout: deadlineMs(timeoutMs) },
        (response) => {
          const chunks = [];
          response.on('data', (chunk) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const bytes = Buffer.concat(chunks);
            const answer = {
              status: response.statusCode,
              headers: response.headers,
              bytes,
              text: bytes.toString('utf8'),
              json: undefined,
            };
            if (/^application\/(\w+\+)?json\b/.test(answer.headers['content-type'] ?? '')) {
              if (bytes.length > 0) answer.json = JSON.parse(answer.text);
            }
            this.observe?.(method, path, answer);
            resolve(answer);
          });
        },
      );
      request.on('timeout', () => request.destroy(new Error(`no answer to ${method} ${path}`)));
      request.on('error', reject);
      request.end(payload);
    });
  }

  get(path, options) {
    return this.request('GET', path, options);
  }

  post(path, json, options) {
    return this.request('POST', path, { json, ...options });
  }

  delete(path, options) {
    return this.request('DELETE', path, options);
  }

  // --- the happy paths, asserted -------------------------------------------------------------

  // As post(), and again when it says, while a server whose passwords cost what they should is busy.
  async patientPost(path, json) {
    const until = Date.now() + deadlineMs(PATIENCE_MS);
    for (;;) {
      const answer = await this.post(path, json, { timeoutMs: PATIENCE_MS });
      if (answer.json?.code !== 'overloaded' || Date.now() > until) return answer;
      await delay(Number(answer.headers['retry-after']) * 1000 * (0.5 + Math.random()));
    }
  }

  async register(prefix) {
    const username = uniqueName(prefix);
    const password = `pw-${username}`;
    const email = `${username}@example.org`;
    const answer = await this.patientPost('/api/register', { username, email, password });
    assert.equal(answer.status, 200, answer.text);
    return { id: answer.json.id, username, email, password };
  }

  async login({ username, password }) {
    const answer = await this.patientPost('/api/login', { username, password });
    assert.equal(answer.status, 200, answer.text);
    return answer.json.data.access_token;
  }

  // A registered user who is logged in: {id, username, email, password, token, api}.
  async user(prefix) {
    const user = await this.register(prefix);
    user.token = await this.login(user);
    user.api = this.as(user.token);
    return user;
  }

  users(count, prefix) {
    return Promise.all(Array.from({ length: count }, () => this.user(prefix)));
  }

  // As the user whose token this Api has.
  async createRoom(name = uniqueName('room')) {
    const answer = await this.post('/api/chat/rooms', { name });
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  }

  async join(roomId) {
    const answer = await this.post(`/api/chat/rooms/${roomId}/join`);
    assert.equal(answer.status, 200, answer.text);
  }

  async leave(roomId) {
    const answer = await this.post(`/api/chat/rooms/${roomId}/leave`);
    assert.equal(answer.status, 200, answer.text);
  }

  // The whole history, oldest first, page by page from the newest on.
  async history(roomId) {
    const pages = [];
    let path = `/api/chat/rooms/${roomId}/messages?limit=500`;
    while (path) {
      const answer = await this.get(path);
      assert.equal(answer.status, 200, answer.text);
      pages.unshift(answer.json);
      path = nextLink(answer);
    }
    return pages.flat();
  }
}

// A room with an owner and members, everyone logged in.
export async function makeRoom(api, memberCount) {
  const owner = await api.user('owner');
  const room = await owner.api.createRoom();
  const members = await api.users(memberCount, 'member');
  await Promise.all(members.map((member) => member.api.join(room.id)));
  return { owner, room, members, everyone: [owner, ...members] };
}

// The target of Link: <...>; rel="next", or null.
export function nextLink(answer) {
  const header = answer.headers.link;
  if (!header) return null;
  const found = /<([^>]*)>\s*;\s*rel="next"/.exec(header);
  assert.ok(found, `a Link header without rel="next": ${header}`);
  return found[1];
}

// An error answer: status, envelope and code. Returns it.
export function assertError(answer, status, code, message) {
  assert.equal(answer.status, status, `${answer.status} ${answer.text}`);
  assert.match(answer.headers['content-type'] ?? '', /^application\/json\b/);
  assert.equal(answer.json.success, false);
  assert.equal(answer.json.code, code, answer.text);
  assert.equal(typeof answer.json.message, 'string');
  assert.ok(answer.json.message.length > 0);
  assert.ok('data' in answer.json, 'the envelope has data');
  if (message !== undefined) assert.equal(answer.json.message, message);
  if (status === 401) assert.match(answer.headers['www-authenticate'] ?? '', /^Bearer/);
  if (status === 503 || status === 429) assert.match(answer.headers['retry-after'] ?? '', /^\d+$/);
  if (status === 405) assert.match(answer.headers.allow ?? '', /^[A-Z]+(, ?[A-Z]+)*$/);
  return answer;
}

// A success envelope. Returns its data.
export function assertEnvelope(answer) {
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.json.success, true);
  assert.equal(typeof answer.json.message, 'string');
  assert.ok('data' in answer.json, 'the envelope has data');
  return answer.json.data;
}

// --- WebSocket --------------------------------------------------------------------------------

export class Socket {
  // Everything that was received is in frames, in order. closed becomes {code, reason}. Without a
  // room it is the socket of many rooms, /ws/chat. query: more of it; protocols: those that are offered.
  constructor(url, roomId, token, { since, epoch, headers, protocols, query: more, perMessageDeflate = false } = {}) {
    const query = new URLSearchParams(more);
    if (token !== undefined) query.set('token', token);
    if (since !== undefined) query.set('since', String(since));
    if (epoch !== undefined) query.set('epoch', String(epoch));
    const base = url.replace(/^http/, 'ws');
    this.frames = [];
    this.pongs = 0;
    this.pings = 0;
    this.listeners = new Set();
    const path = roomId === null ? '/ws/chat' : `/ws/chat/${roomId}`;
    this.ws = new WebSocket(`${base}${path}?${query}`, protocols ?? [], {
      headers,
      perMessageDeflate,
      handshakeTimeout: deadlineMs(20_000),
    });
    this.opened = new Promise((resolve, reject) => {
      this.ws.once('open', () => {
        this.localPort = this.ws._socket.localPort;
        resolve(this);
      });
      this.ws.once('unexpected-response', (request, response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('end', () => {
          const error = new Error(`the upgrade was answered ${response.statusCode}`);
          error.status = response.statusCode;
          error.headers = response.headers;
          error.text = Buffer.concat(chunks).toString();
          reject(error);
        });
      });
      this.ws.once('error', reject);
    });
    this.opened.catch(() => {});
    this.closed = new Promise((resolve) => {
      this.ws.once('close', (code, reason) => {
        this.close = { code, reason: reason.toString('utf8') };
        resolve(this.close);
        this.wake();
      });
    });
    this.ws.on('error', () => {});
    this.ws.on('pong', () => (this.pongs += 1));
    this.ws.on('ping', () => (this.pings += 1));
    this.ws.on('message', (data, isBinary) => {
      assert.equal(isBinary, false, 'the server sends text');
      const frame = JSON.parse(data.toString('utf8'));
      this.frames.push(frame);
      this.onFrame?.(frame);
      this.wake();
    });
  }

  static async open(...args) {
    const socket = new Socket(...args);
    await within('the WebSocket to open', socket.opened, 20_000);
    return socket;
  }

  wake() {
    for (const listener of [...this.listeners]) listener();
  }

  get isOpen() {
    return this.ws.readyState === WebSocket.OPEN;
  }

  send(value) {
    this.ws.send(JSON.stringify(value));
  }

  // A string goes as a text message, a Buffer as a binary one.
  sendRaw(data) {
    this.ws.send(data);
  }

  // The first frame, from index `from` on, that the predicate takes: one that came already or the
  // next that comes within the time.
  async waitFor(predicate, timeoutMs = 10_000, { from = 0, what = 'a frame' } = {}) {
    let next = from;
    const look = () => {
      for (; next < this.frames.length; next += 1) {
        if (predicate(this.frames[next])) return this.frames[next];
      }
      return undefined;
    };
    const found = look();
    if (found) return found;
    let listener;
    const coming = new Promise((resolve, reject) => {
      listener = () => {
        const frame = look();
        if (frame) resolve(frame);
        else if (this.close) {
          reject(new Error(`closed (${this.close.code} ${this.close.reason}) before ${what} came`));
        }
      };
      this.listeners.add(listener);
      listener();
    });
    try {
      return await within(() => `${what}; the last frames: ${JSON.stringify(this.frames.slice(-5))}`, coming, timeoutMs);
    } finally {
      this.listeners.delete(listener);
    }
  }

  waitType(type, timeoutMs, options) {
    return this.waitFor((frame) => frame.type === type, timeoutMs, { what: type, ...options });
  }

  // Sends a text and waits for its ack: {client_id, room_id, id, created_at, duplicate}.
  async say(text, clientId = uniqueName('c')) {
    const from = this.frames.length;
    this.send({ text, client_id: clientId });
    const frame = await this.waitFor(
      (f) => (f.type === 'ack' || f.type === 'error') && f.client_id === clientId,
      20_000,
      { from, what: `the ack of ${clientId}` },
    );
    assert.equal(frame.type, 'ack', JSON.stringify(frame));
    return frame;
  }

  // Whatever the server had to say before is here now: a ping's pong comes after it.
  async settle() {
    const wanted = this.pongs + 1;
    this.ws.ping();
    await poll('a pong', () => this.pongs >= wanted);
  }

  ofType(type) {
    return this.frames.filter((frame) => frame.type === type);
  }

  get messages() {
    return this.ofType('new_message');
  }

  async end(code = 1000) {
    if (this.ws.readyState === WebSocket.CONNECTING) this.ws.terminate();
    else this.ws.close(code);
    return within('the close handshake', this.closed);
  }

  terminate() {
    this.ws.terminate();
  }

  waitClosed(timeoutMs = 10_000) {
    return within('the server to close the socket', this.closed, timeoutMs);
  }
}

// Sockets until there is one on every worker: Map of pid -> Socket. connect() makes the next one.
export async function socketOnEachWorker(stack, connect, gateway = 0) {
  const byWorker = new Map();
  const spare = [];
  const pids = stack.workers(gateway);
  for (let i = 0; byWorker.size < pids.length && i < 200; i += 1) {
    const socket = await connect();
    const pid = stack.workerOf(socket.localPort, gateway);
    if (pid !== 0 && !byWorker.has(pid)) byWorker.set(pid, socket);
    else spare.push(socket);
  }
  await Promise.all(spare.map((socket) => socket.end()));
  assert.equal(byWorker.size, pids.length, 'a socket on every worker');
  return byWorker;
}

// --- the reliable roles -------------------------------------------------------------------------

// How long to wait before connecting again: short, jittered. It does not keep the process alive: a
// role that a failed test left behind ends with it.
const backOff = () => delay(20 + Math.random() * 100, undefined, { ref: false });

// Closes after which coming back makes no sense.
const isFinal = (close) => [1008, 4001, 4003, 4004].includes(close?.code);

// Stays connected to a room from `since` on, whatever is killed, and records every event of the
// log. That they come gap-free, once and in order is asserted at each.
export class Follower {
  constructor(getUrl, roomId, token, { since = 0 } = {}) {
    this.getUrl = typeof getUrl === 'function' ? getUrl : () => getUrl;
    this.roomId = roomId;
    this.token = token;
    this.last = since;
    this.events = [];
    this.connections = 0;
    this.faults = [];
    this.stopped = false;
    this.running = this.run();
  }

  async run() {
    while (!this.stopped) {
      const socket = new Socket(this.getUrl(), this.roomId, this.token, { since: this.last });
      this.socket = socket;
      socket.onFrame = (frame) => this.take(frame);
      try {
        await within('the WebSocket to open', socket.opened, 20_000);
        this.connections += 1;
        await socket.closed;
        if (isFinal(socket.close)) {
          this.faults.push(`closed ${socket.close.code} ${socket.close.reason}`);
          return;
        }
      } catch {
        socket.terminate();
      }
      if (!this.stopped) await backOff();
    }
  }

  take(frame) {
    if (frame.type === 'subscribed') {
      if (!frame.recovered) this.faults.push(`not recovered: ${JSON.stringify(frame)}`);
      return;
    }
    if (frame.type === 'caught_up') {
      if (frame.seq !== this.last) {
        this.faults.push(`caught_up says ${frame.seq} after event ${this.last}`);
      }
      return;
    }
    if (frame.id === undefined || frame.type === 'ack') return;
    if (frame.id !== this.last + 1) {
      this.faults.push(`event ${frame.id} after event ${this.last}`);
    }
    this.last = frame.id;
    this.events.push(frame);
  }

  get messages() {
    return this.events.filter((event) => event.type === 'new_message');
  }

  async waitSeq(seq, timeoutMs = 60_000) {
    await poll(
      `event ${seq}`,
      () => this.faults.length > 0 || this.last >= seq,
      { timeoutMs },
    ).catch((error) => {
      throw new Error(`${error.message}; it is at ${this.last} of ${seq}`, { cause: error });
    });
    this.check();
  }

  check() {
    assert.deepEqual(this.faults, []);
  }

  async stop() {
    this.stopped = true;
    this.socket.terminate();
    await this.running;
  }
}

// Sends texts and repeats each with the same client_id, over new connections if it must, until it
// is acknowledged. acked maps client_id -> {id, text}.
export class ReliableSender {
  constructor(getUrl, roomId, token, { window = 20, retryMs = 2_000 } = {}) {
    this.getUrl = typeof getUrl === 'function' ? getUrl : () => getUrl;
    this.roomId = roomId;
    this.token = token;
    this.window = window;
    this.retryMs = retryMs;
    this.acked = new Map();
    this.waiting = new Map();
    this.errors = [];
    this.faults = [];
  }

  async connect() {
    for (;;) {
      const socket = new Socket(this.getUrl(), this.roomId, this.token);
      socket.onFrame = (frame) => this.take(frame);
      try {
        await within('the WebSocket to open', socket.opened, 20_000);
        // A socket that is refused is closed right after its opening.
        this.socket = socket;
        return;
      } catch {
        socket.terminate();
        await backOff();
      }
    }
  }

  take(frame) {
    if (frame.type === 'ack') {
      const text = this.waiting.get(frame.client_id);
      const before = this.acked.get(frame.client_id);
      if (before && before.id !== frame.id) {
        this.faults.push(`${frame.client_id} acknowledged as ${before.id} and as ${frame.id}`);
      }
      if (text !== undefined) this.acked.set(frame.client_id, { id: frame.id, text });
      this.waiting.delete(frame.client_id);
    } else if (frame.type === 'error') {
      this.errors.push(frame);
      if (!frame.temporary) this.faults.push(JSON.stringify(frame));
    }
  }

  // Sends all texts; resolves when all are acknowledged. gap() is awaited before each new one.
  async send(texts, { timeoutMs = 120_000, gap } = {}) {
    const until = Date.now() + deadlineMs(timeoutMs);
    const todo = texts.map((text) => ({ text, clientId: uniqueName('m') }));
    await this.connect();
    let next = 0;
    let resentAt = Date.now();
    while (next < todo.length || this.waiting.size > 0) {
      if (Date.now() > until) {
        throw new Error(`${this.waiting.size} of ${todo.length} are not acknowledged in time: ` +
          JSON.stringify(this.errors.slice(-3)));
      }
      assert.deepEqual(this.faults, []);
      if (!this.socket.isOpen) {
        if (isFinal(this.socket.close)) throw new Error(`closed: ${this.socket.close.reason}`);
        await backOff();
        await this.connect();
        this.resend();
        resentAt = Date.now();
        continue;
      }
      if (next < todo.length && this.waiting.size < this.window) {
        await gap?.();
        const { text, clientId } = todo[next];
        next += 1;
        this.waiting.set(clientId, text);
        this.socket.send({ text, client_id: clientId });
        continue;
      }
      if (Date.now() - resentAt > this.retryMs) {
        this.resend();
        resentAt = Date.now();
      }
      await delay(2);
    }
  }

  resend() {
    for (const [clientId, text] of this.waiting) {
      if (this.socket.isOpen) this.socket.send({ text, client_id: clientId });
    }
  }

  async stop() {
    if (this.socket?.isOpen) await this.socket.end();
  }
}

// Every acknowledged message is in the history exactly once, under the id that was acknowledged.
export function assertAllInHistory(senders, history) {
  const byId = new Map(history.map((message) => [message.id, message]));
  assert.equal(byId.size, history.length, 'no id twice');
  const texts = new Map();
  for (const message of history) texts.set(message.text, (texts.get(message.text) ?? 0) + 1);
  for (const sender of senders) {
    for (const [clientId, { id, text }] of sender.acked) {
      assert.equal(byId.get(id)?.text, text, `${clientId}, acknowledged as ${id}, is in the log`);
      assert.equal(texts.get(text), 1, `${text} is there once`);
    }
  }
}
