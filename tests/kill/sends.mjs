// Messages that are sent until they are acknowledged, each under one client_id, by WebSocket and by
// POST, through whatever gateway: the book of what was promised.
import http from 'node:http';

const UNANSWERED_MAX = 20;
const RETRY_MS = 3_000;
const POST_TIMEOUT_MS = 15_000;
const ABANDONED = 0.04; // sent once, then forgotten: may be in the log or not
const BY_POST = 0.25;

// What may be tried again with the same client_id.
const TEMPORARY = new Set([
  'outcome_unknown', 'overloaded', 'broker_unavailable', 'database_unavailable', 'draining',
  'rate_limited',
]);

export class Sends {
  constructor(world) {
    this.world = world;
    this.all = new Map();
  }

  create(client, roomId, text) {
    const clientId = `${client.name}-${client.sendCount}`;
    client.sendCount += 1;
    const send = {
      clientId,
      roomId,
      text: `${clientId} ${text}`,
      attempts: 0,
      abandoned: this.world.random.chance(ABANDONED),
      acked: 0,
      unknown: false,
      nextAt: 0,
    };
    this.all.set(clientId, send);
    return send;
  }

  onAck(send, id, duplicate, transport) {
    const { counts } = this.world;
    counts[`acks_by_${transport}`] += 1;
    if (duplicate) counts.duplicates_answered += 1;
    if (send.acked !== 0) {
      if (send.acked !== id) {
        this.world.fault('ack', `${send.clientId} acknowledged as ${send.acked} and as ${id}`);
      }
      return;
    }
    send.acked = id;
    counts.acked += 1;
    if (send.unknown) counts.unknown_settled += 1;
  }

  // An answer that is no ack. Returns false if it is one that ends the send.
  onError(send, code, where) {
    const { counts } = this.world;
    counts.errors[code] = (counts.errors[code] ?? 0) + 1;
    if (code === 'outcome_unknown') send.unknown = true;
    if (!TEMPORARY.has(code)) {
      this.world.fault('answer', `${send.clientId} got ${code} by ${where}`);
    }
    send.nextAt = Date.now() + this.world.random.between(150, 700);
  }

  unsettled() {
    return [...this.all.values()].filter((send) => send.acked === 0 && !send.abandoned);
  }
}

// The sends of one client that are not acknowledged yet.
export class Outbox {
  constructor(world, client) {
    this.world = world;
    this.client = client;
    this.open = new Map();
    // What this connection still owes: each frame with a client_id gets exactly one answer.
    this.unanswered = new Map();
  }

  get full() {
    return this.open.size >= UNANSWERED_MAX;
  }

  add(roomId, text) {
    const send = this.world.sends.create(this.client, roomId, text);
    this.world.counts.sent += 1;
    this.open.set(send.clientId, send);
    this.attempt(send);
  }

  // Whatever is due is tried again.
  tick(now) {
    for (const send of this.open.values()) {
      if (send.acked !== 0 || send.abandoned) this.open.delete(send.clientId);
      else if (now >= send.nextAt && !send.posting) this.attempt(send);
    }
  }

  attempt(send) {
    const { random, counts } = this.world;
    const bySocket = this.client.canSend(send.roomId) && !random.chance(BY_POST);
    send.attempts += 1;
    if (send.attempts > 1) counts.repeats += 1;
    send.nextAt = Date.now() + RETRY_MS + random.between(0, 1_000);
    if (bySocket) {
      this.unanswered.set(send.clientId, (this.unanswered.get(send.clientId) ?? 0) + 1);
      this.client.sendMessage(send);
    } else {
      this.post(send);
    }
  }

  // The connection on which sends waited for their answer is gone.
  onDisconnect() {
    this.unanswered.clear();
    for (const send of this.open.values()) {
      if (send.posting) continue;
      send.unknown = true;
      send.nextAt = Math.min(send.nextAt, Date.now() + this.world.random.between(50, 500));
    }
  }

  take(frame) {
    const send = this.world.sends.all.get(frame.client_id);
    if (!send) {
      this.world.fault('answer', `${this.client.name}: an answer to nothing: ${JSON.stringify(frame)}`);
      return;
    }
    const owed = (this.unanswered.get(frame.client_id) ?? 0) - 1;
    if (owed < 0) {
      this.world.fault('answer', `${this.client.name}: one answer too many: ${JSON.stringify(frame)}`);
    } else if (owed === 0) {
      this.unanswered.delete(frame.client_id);
    } else {
      this.unanswered.set(frame.client_id, owed);
    }
    if (frame.type === 'ack') {
      if (frame.room_id !== send.roomId) {
        this.world.fault('ack', `${send.clientId} of room ${send.roomId}: ${JSON.stringify(frame)}`);
      }
      this.world.sends.onAck(send, frame.id, frame.duplicate, 'socket');
    } else {
      this.world.sends.onError(send, frame.code, 'socket');
    }
  }

  post(send) {
    const { world } = this;
    const body = JSON.stringify({ text: send.text, client_id: send.clientId });
    const lost = () => {
      send.posting = false;
      send.unknown = true;
      send.nextAt = Date.now() + world.random.between(100, 600);
    };
    send.posting = true;
    const request = http.request(
      new URL(`/api/chat/rooms/${send.roomId}/messages`, world.random.pick(world.urls)),
      {
        method: 'POST',
        agent: false,
        timeout: POST_TIMEOUT_MS,
        headers: {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
          authorization: `Bearer ${this.client.user.token}`,
        },
      },
      (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', lost);
        response.on('end', () => {
          if (!response.complete) return lost();
          send.posting = false;
          return this.onAnswer(send, response.statusCode, Buffer.concat(chunks).toString());
        });
      },
    );
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('error', lost);
    request.end(body);
  }

  onAnswer(send, status, text) {
    let answer;
    try {
      answer = JSON.parse(text);
    } catch {
      this.world.fault('answer', `${send.clientId}: POST was answered ${status} ${text}`);
      answer = { code: 'not_json' };
    }
    if (status === 200) this.world.sends.onAck(send, answer.id, answer.duplicate, 'post');
    else this.world.sends.onError(send, answer.code, `POST, ${status}`);
  }
}
