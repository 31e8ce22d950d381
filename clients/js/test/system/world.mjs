// A real server, people on it who use the package, and a proxy between them that can be cut.
import assert from 'node:assert/strict';
import net from 'node:net';
import Ws from 'ws';
import { BanterClient } from '@banter/client';
import { uniqueName } from '../../../../tests/system/lib/client.mjs';
import { poll } from '../../../../tests/system/lib/wait.mjs';

export { startStack, withStack } from '../../../../tests/system/lib/stack.mjs';
export { binary } from '../../../../tests/system/lib/env.mjs';
export { run } from '../../../../tests/system/lib/process.mjs';
export { poll, uniqueName };

// CLIENT_WEBSOCKET=global takes that of Node.js 22.
const WebSocket = process.env.CLIENT_WEBSOCKET === 'global' ? undefined : Ws;

// Somebody who is registered and logged in: the client has .me and .token besides.
export async function person(url, options = {}) {
  const client = new BanterClient({ url, WebSocket, backoffMaxMs: 2_000, ...options });
  const username = uniqueName('sdk');
  const password = `pw-${username}`;
  client.me = { ...(await client.register({ username, email: `${username}@example.org`, password })), password };
  client.firstToken = await client.login({ username, password });
  return client;
}

// What comes in a room, as a list.
export function listen(client, roomId, options) {
  const seen = [];
  client.room(roomId).on('event', (event) => seen.push(event));
  client.room(roomId).subscribe(options);
  return seen;
}

export const isLive = (client, roomId) => poll(`room ${roomId} to be live`, () => client.room(roomId).state === 'live', { timeoutMs: 30_000 });

export const texts = (seen) => seen.filter(({ type }) => type === 'new_message').map(({ text }) => text);

// Every event once and in order: 1, 2, 3 … up to the head that verify names.
export async function isWhole(client, roomId, seen, first = 1) {
  const audit = await client.verify(roomId);
  if (audit.holes !== 0 || audit.count !== audit.last_seq) throw new Error(`the log has holes: ${JSON.stringify(audit)}`);
  await poll('the head to be reached', () => seen.at(-1)?.id === audit.last_seq, { timeoutMs: 30_000 });
  const ids = seen.map(({ id }) => id);
  const wanted = Array.from({ length: audit.last_seq - first + 1 }, (_, i) => i + first);
  if (JSON.stringify(ids) !== JSON.stringify(wanted)) throw new Error(`came as ${ids.join(' ')}`);
  return audit.last_seq;
}

export const closeAll = (...clients) => clients.forEach((client) => client.close());

// Two people in a room, both live; the sayer sends on while `during` happens, then all must be there.
export async function throughTrouble(stack, during, { url = stack.url, options = {} } = {}) {
  const [ada, bob] = [await person(stack.url, { ...options, url }), await person(stack.url, { ...options, url })];
  try {
    const { id } = await ada.createRoom('trouble');
    await bob.joinRoom(id);
    const seen = { ada: listen(ada, id, { since: 0 }), bob: listen(bob, id, { since: 0 }) };
    await Promise.all([ada.connect(), bob.connect()]);
    await Promise.all([isLive(ada, id), isLive(bob, id)]);
    const sends = [];
    const say = (client, n) => sends.push(client.room(id).send(`${n}`));
    let n = 0;
    const speaking = setInterval(() => {
      say(ada, (n += 1));
      say(bob, (n += 1));
    }, 20);
    try {
      await during({ ada, bob, id });
    } finally {
      clearInterval(speaking);
    }
    say(ada, (n += 1));
    const sent = await Promise.all(sends);
    for (const [name, client] of Object.entries({ ada, bob })) {
      const head = await isWhole(client, id, seen[name]);
      assert.equal(head, n + 2, 'each message once, after the room and the member');
      assert.equal(new Set(texts(seen[name])).size, n);
    }
    const byId = new Map(seen.ada.map((event) => [event.id, event.text]));
    sent.forEach((each, i) => assert.equal(byId.get(each.id), `${i + 1}`, 'where the acknowledgement says'));
    return { ada, bob, id, seen };
  } finally {
    closeAll(ada, bob);
  }
}

// Forwards to a port: may cut all connections, refuse new ones, or refuse WebSockets only.
export class Proxy {
  constructor(port) {
    this.target = port;
    this.pairs = new Set();
    this.refusesSockets = false;
    this.refuses = false;
    this.server = net.createServer((near) => this.accept(near));
  }

  async start() {
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.url = `http://127.0.0.1:${this.server.address().port}`;
    return this;
  }

  accept(near) {
    near.on('error', () => {});
    if (this.refuses) return near.destroy();
    const far = net.connect(this.target, '127.0.0.1');
    const pair = [near, far];
    this.pairs.add(pair);
    const drop = () => {
      this.pairs.delete(pair);
      near.destroy();
      far.destroy();
    };
    for (const side of pair) side.on('error', drop).on('close', drop);
    far.pipe(near);
    // Each request is looked at: a connection may have served others before.
    near.on('data', (bytes) => {
      if (this.refusesSockets && /^upgrade: *websocket/im.test(bytes.toString('latin1'))) {
        near.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      } else far.write(bytes);
    });
    return undefined;
  }

  cut() {
    for (const pair of this.pairs) pair.forEach((side) => side.destroy());
  }

  async stop() {
    this.refuses = true;
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
