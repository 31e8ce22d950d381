// The clients of the kill test. Each stays connected whatever happens, through any gateway, and
// checks every event when it arrives.
import http from 'node:http';
import { createRequire } from 'node:module';
import { Cursor, Span } from './books.mjs';
import { Outbox } from './sends.mjs';

const WebSocket = createRequire(new URL('../system/package.json', import.meta.url))('ws');

// Closes after which coming back cannot succeed; nothing in this test deserves one.
const FINAL = new Set([1002, 1007, 1008, 1009, 4001, 4003, 4004, 4012]);
const HANDSHAKE_MS = 12_000;
// A connection on which nothing is heard for so long is given up, as a client should.
const SILENCE_MS = 15_000;

class Client {
  constructor(world, name, user, roomIds) {
    Object.assign(this, { world, name, user, roomIds });
    this.sendCount = 0;
    this.connections = 0;
    this.outbox = new Outbox(world, this);
    this.slow = false;
    this.stopped = false;
    this.heardAt = 0;
    this.pausedUntil = 0;
    this.cursors = new Map();
  }

  start() {
    this.reconnect(0);
  }

  reconnect(ms) {
    if (this.stopped) return;
    this.timer = setTimeout(() => {
      this.connections += 1;
      this.heardAt = Date.now();
      if (this.connections > 1) this.world.counts.reconnects += 1;
      this.connect(this.world.random.pick(this.world.urls));
    }, ms);
  }

  onDown(why) {
    this.world.counts.closes[why] = (this.world.counts.closes[why] ?? 0) + 1;
    this.up = false;
    this.pausedUntil = 0;
    this.outbox.onDisconnect();
    this.reconnect(this.world.random.between(50, 400));
  }

  // Every 50 ms.
  tick(now) {
    this.outbox.tick(now);
    if (this.pausedUntil !== 0 && now >= this.pausedUntil) {
      this.pausedUntil = 0;
      this.heardAt = now;
      this.setPaused(false);
    }
    if (this.pausedUntil === 0 && now - this.heardAt > SILENCE_MS) {
      this.heardAt = now;
      this.cut();
    }
  }

  // Reads nothing for a while: the server's queue for it fills up.
  pause(ms) {
    if (!this.up || this.pausedUntil !== 0) return;
    this.pausedUntil = Date.now() + ms;
    this.setPaused(true);
    this.world.counts.pauses += 1;
  }

  stop() {
    this.stopped = true;
    clearTimeout(this.timer);
    this.cut();
  }

  canSend() {
    return false;
  }

  // How often it was told that it has caught up.
  get caughtUp() {
    return [...this.cursors.values()].reduce((sum, cursor) => sum + cursor.caughtUp, 0);
  }

  // The rooms whose list must be the log's in the end: [room_id, last].
  get progress() {
    return [...this.cursors].map(([roomId, cursor]) => [roomId, cursor.last]);
  }
}

class SocketClient extends Client {
  // Path and query of the next connection.
  target() {
    throw new Error('abstract');
  }

  onUp() {}

  connect(url) {
    const ws = new WebSocket(new URL(this.target(), url.replace(/^http/, 'ws')), {
      perMessageDeflate: false,
      handshakeTimeout: HANDSHAKE_MS,
    });
    this.ws = ws;
    ws.on('open', () => {
      this.up = true;
      this.onUp();
    });
    ws.on('error', () => {});
    ws.on('ping', () => (this.heardAt = Date.now()));
    ws.on('pong', () => (this.heardAt = Date.now()));
    ws.on('message', (data) => {
      this.heardAt = Date.now();
      const raw = data.toString('utf8');
      this.take(JSON.parse(raw), raw);
    });
    ws.on('close', (code, reason) => {
      if (this.ws !== ws) return;
      if (FINAL.has(code)) this.world.fault('close', `${this.name}: closed with ${code} ${reason}`);
      this.onDown(code);
    });
  }

  tick(now) {
    super.tick(now);
    // So that the silence of a quiet room is told from that of a dead connection.
    if (this.up && this.pausedUntil === 0 && now - this.heardAt > SILENCE_MS / 3 && now - (this.pingedAt ?? 0) > 2_000) {
      this.pingedAt = now;
      this.ws.ping();
    }
  }

  setPaused(paused) {
    if (this.ws.readyState === WebSocket.OPEN) this.ws[paused ? 'pause' : 'resume']();
  }

  cut() {
    this.ws?.terminate();
  }

  canSend() {
    return this.up && this.ws.readyState === WebSocket.OPEN;
  }

  sendMessage(send) {
    this.ws.send(JSON.stringify({ text: send.text, client_id: send.clientId }));
  }

  take(frame, raw) {
    if ((frame.type === 'ack' || frame.type === 'error') && frame.client_id !== undefined) {
      // A single-room socket's errors do not name the room.
      this.outbox.take(frame);
    } else if (frame.type === 'error') {
      this.onError(frame, raw);
    } else {
      this.takeEvent(frame, raw);
    }
  }

  onError(frame, raw) {
    this.world.fault('answer', `${this.name}: ${raw}`);
  }
}

// A client of the original: one room, no since.
export class PlainClient extends SocketClient {
  target() {
    return `/ws/chat/${this.roomIds[0]}?token=${this.user.token}`;
  }

  onUp() {
    this.span = new Span(this.world, this, this.roomIds[0]);
    this.world.spans.push(this.span);
  }

  takeEvent(frame, raw) {
    this.span.take(frame, raw);
  }
}

export class ResumingClient extends SocketClient {
  constructor(world, name, user, roomIds, since) {
    super(world, name, user, roomIds);
    this.cursors.set(roomIds[0], new Cursor(world, this, roomIds[0], since.get(roomIds[0])));
  }

  target() {
    const { last } = this.cursors.get(this.roomIds[0]);
    return `/ws/chat/${this.roomIds[0]}?token=${this.user.token}&since=${last}`;
  }

  takeEvent(frame, raw) {
    this.cursors.get(this.roomIds[0]).take(frame, raw);
  }
}

// One socket on several rooms, each resumed by itself.
export class MultiClient extends SocketClient {
  constructor(world, name, user, roomIds, since) {
    super(world, name, user, roomIds);
    for (const id of roomIds) this.cursors.set(id, new Cursor(world, this, id, since.get(id)));
    this.heard = new Set();
  }

  target() {
    return `/ws/chat?token=${this.user.token}`;
  }

  onUp() {
    this.heard.clear();
    for (const id of this.roomIds) this.subscribe(id);
  }

  subscribe(roomId) {
    this.ws.send(JSON.stringify({ type: 'subscribe', room_id: roomId, since: this.cursors.get(roomId).last }));
  }

  // Leaves a room's stream; it comes back when the server has said so.
  wander(roomId) {
    if (this.canSend(roomId)) {
      this.heard.delete(roomId);
      this.ws.send(JSON.stringify({ type: 'unsubscribe', room_id: roomId }));
      this.world.counts.resubscriptions += 1;
    }
  }

  canSend(roomId) {
    return super.canSend() && this.heard.has(roomId);
  }

  sendMessage(send) {
    this.ws.send(JSON.stringify({
      type: 'message', room_id: send.roomId, text: send.text, client_id: send.clientId,
    }));
  }

  // A subscribe that met an outage is tried again.
  onError(frame, raw) {
    const { ws } = this;
    if (!frame.temporary || !this.cursors.has(frame.room_id)) {
      super.onError(frame, raw);
      return;
    }
    setTimeout(() => {
      if (this.ws === ws && super.canSend()) this.subscribe(frame.room_id);
    }, this.world.random.between(200, 800));
  }

  takeEvent(frame, raw) {
    if (['hello', 'pong', 'bye'].includes(frame.type)) return;
    if (frame.type === 'unsubscribed') {
      if (frame.code !== undefined) this.world.fault('close', `${this.name}: ${raw}`);
      this.subscribe(frame.room_id);
      return;
    }
    if (frame.type === 'subscribed') this.heard.add(frame.room_id);
    this.cursors.get(frame.room_id).take(frame, raw);
  }
}

// Server-sent events; sends by POST.
export class StreamClient extends Client {
  constructor(world, name, user, roomIds, since) {
    super(world, name, user, roomIds);
    this.cursor = new Cursor(world, this, roomIds[0], since.get(roomIds[0]));
    this.cursors.set(roomIds[0], this.cursor);
  }

  connect(url) {
    const request = http.get(new URL(`/api/chat/rooms/${this.roomIds[0]}/events`, url), {
      agent: false,
      headers: { authorization: `Bearer ${this.user.token}`, 'last-event-id': String(this.cursor.last) },
    });
    let down = false;
    const end = (why) => {
      if (down) return;
      down = true;
      this.onDown(`stream ${why}`);
    };
    this.request = request;
    request.on('error', () => end('lost'));
    request.on('close', () => end('ended'));
    request.on('response', (response) => {
      if (response.statusCode !== 200) {
        if (response.statusCode !== 503) this.world.fault('close', `${this.name}: the stream was answered ${response.statusCode}`);
        response.resume();
        end(response.statusCode);
        return;
      }
      this.up = true;
      this.response = response;
      let rest = '';
      response.setEncoding('utf8');
      response.on('error', () => {});
      response.on('data', (chunk) => {
        this.heardAt = Date.now() + SILENCE_MS; // comments come seldom
        const blocks = (rest + chunk).split('\n\n');
        rest = blocks.pop();
        for (const block of blocks) this.takeBlock(block);
      });
    });
  }

  takeBlock(block) {
    const lines = block.split('\n');
    const field = (name) => lines.find((line) => line.startsWith(`${name}:`))?.slice(name.length + 1).trimStart();
    const raw = field('data');
    if (raw === undefined) return;
    const frame = JSON.parse(raw);
    if (frame.type === 'bye') return;
    if (frame.id !== undefined && field('id') !== String(frame.id)) {
      this.world.fault('answer', `${this.name}: ${block.slice(0, 300)}`);
    }
    this.cursor.take(frame, raw);
  }

  setPaused(paused) {
    this.response?.[paused ? 'pause' : 'resume']();
  }

  cut() {
    this.request?.destroy();
  }
}
