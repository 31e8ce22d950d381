// What the clients have seen, room by room. All that receive an event must receive the same one, so
// it is kept once, as a digest, and in the end compared with the row of the log.
import { createHash } from 'node:crypto';

const digest = (text) => createHash('sha1').update(text).digest('base64');

export class Books {
  constructor(world) {
    this.world = world;
    this.rooms = new Map();
  }

  // raw is the frame as it came.
  onEvent(client, roomId, frame, raw) {
    let room = this.rooms.get(roomId);
    if (!room) this.rooms.set(roomId, (room = new Map()));
    const seen = digest(raw);
    const known = room.get(frame.id);
    this.world.counts.events_verified += 1;
    if (!known) {
      room.set(frame.id, {
        seen,
        type: frame.type,
        userId: frame.sender_id ?? frame.user_id,
        text: frame.text === undefined ? null : digest(frame.text),
      });
    } else if (known.seen !== seen) {
      this.world.fault('content', `${client.name}: event ${frame.id} is another one than others saw: ${raw.slice(0, 300)}`);
    }
  }

  // rows: [seq, kind, actor, text or null] in the order of the log.
  compare(roomId, rows) {
    const room = this.rooms.get(roomId) ?? new Map();
    const types = { 1: 'new_message', 2: 'room_created', 3: 'member_joined', 4: 'member_left' };
    for (const [seq, kind, actor, text] of rows) {
      const seen = room.get(seq);
      if (!seen) continue;
      if (seen.type !== types[kind] || seen.userId !== actor ||
          (kind === 1 && seen.text !== digest(text))) {
        this.world.fault('content', `room ${roomId}, event ${seq}: what was received is not what is in the log`);
      }
    }
    const head = rows.length;
    for (const seq of room.keys()) {
      if (seq > head) this.world.fault('lost', `room ${roomId}: event ${seq} was received, the log ends at ${head}`);
    }
  }
}

// What one client has of one room, over all its connections.
export class Cursor {
  constructor(world, client, roomId, since) {
    Object.assign(this, { world, client, roomId, last: since, caughtUp: 0 });
  }

  take(frame, raw) {
    const { world, client, roomId } = this;
    if (frame.type === 'subscribed') {
      if (frame.recovered !== true) world.fault('resume', `${client.name}: ${raw}`);
      return;
    }
    if (frame.type === 'caught_up') {
      this.caughtUp += 1;
      world.counts.caught_up += 1;
      if (frame.seq !== this.last) {
        world.fault('resume', `${client.name}, room ${roomId}: caught_up ${frame.seq} after ${this.last}`);
      }
      return;
    }
    if (frame.id === undefined) return; // presence, typing
    if (frame.id > this.last + 1) {
      world.fault('hole', `${client.name}, room ${roomId}: ${frame.id} after ${this.last}`);
    } else if (frame.id <= this.last) {
      world.fault('repeat', `${client.name}, room ${roomId}: ${frame.id} after ${this.last}`);
    }
    this.last = frame.id;
    world.books.onEvent(client, roomId, frame, raw);
  }
}

// What one connection without `since` heard: messages in order, and in the end none is missing
// between its first and its last.
export class Span {
  constructor(world, client, roomId) {
    Object.assign(this, { world, client, roomId, first: 0, last: 0, count: 0 });
  }

  take(frame, raw) {
    if (frame.type === 'user_activity') return;
    if (frame.type !== 'new_message') {
      this.world.fault('answer', `${this.client.name}, a plain socket, got ${raw.slice(0, 300)}`);
      return;
    }
    if (frame.id <= this.last) {
      this.world.fault('repeat', `${this.client.name}, room ${this.roomId}: ${frame.id} after ${this.last}`);
    }
    if (this.count === 0) this.first = frame.id;
    this.last = frame.id;
    this.count += 1;
    this.world.books.onEvent(this.client, this.roomId, frame, raw);
  }
}
