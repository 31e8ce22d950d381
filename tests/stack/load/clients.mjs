// The clients of the load: each on one room or on several, resuming what it missed, and coming back
// as docs/WEBSOCKET.md says: after a close that asks for it when it is told to, after a lost
// connection later each time.
import { MultiClient, ResumingClient } from '../../kill/clients.mjs';
import { Outbox, Sends } from '../../kill/sends.mjs';

const RESTART_WITHIN_MS = 3_000;
const LOST_WITHIN_MS = 1_000;
const BACK_OFF_MAX_MS = 10_000;

// Every message is sent until it is acknowledged.
export class StackSends extends Sends {
  create(client, roomId, text) {
    const send = super.create(client, roomId, text);
    send.abandoned = false;
    return send;
  }
}

// A balancer without a server to ask answers for itself, and not in JSON.
class StackOutbox extends Outbox {
  onAnswer(send, status, text) {
    if ([502, 503, 504].includes(status) && !text.startsWith('{')) {
      const { counts, phase, random } = this.world;
      phase.balancerErrors += 1;
      counts.errors[`balancer ${status}`] = (counts.errors[`balancer ${status}`] ?? 0) + 1;
      send.unknown = true;
      send.nextAt = Date.now() + random.between(150, 700);
      return;
    }
    super.onAnswer(send, status, text);
  }
}

const stackClient = (Base) =>
  class extends Base {
    constructor(...args) {
      super(...args);
      this.outbox = new StackOutbox(this.world, this);
      this.failures = 0;
      this.deliveredAt = 0;
      this.longestGapMs = 0;
    }

    onUp() {
      super.onUp();
      this.failures = 0;
      this.world.phase.onUp(this);
    }

    onDown(code) {
      const { phase } = this.world;
      if (this.up) phase.onClose(code);
      else phase.failedConnects += 1;
      this.up = false;
      this.outbox.onDisconnect();
      this.reconnect(this.waitAfter(code));
      this.afterMs = undefined;
    }

    waitAfter(code) {
      const { random } = this.world;
      if (code === 1012) return this.afterMs ?? random.between(0, RESTART_WITHIN_MS);
      this.failures += 1;
      return random.between(0, Math.min(LOST_WITHIN_MS * 2 ** (this.failures - 1), BACK_OFF_MAX_MS));
    }

    take(frame, raw) {
      if (frame.type === 'bye') this.afterMs = frame.after_ms;
      super.take(frame, raw);
    }

    takeEvent(frame, raw) {
      super.takeEvent(frame, raw);
      if (frame.type === 'new_message') this.onDelivery(frame);
    }

    onDelivery(frame) {
      const now = Date.now();
      if (this.deliveredAt !== 0) {
        this.longestGapMs = Math.max(this.longestGapMs, now - this.deliveredAt);
      }
      this.deliveredAt = now;
      this.world.phase.onDelivery(now - Number(frame.text.slice(frame.text.indexOf(' ') + 1)));
    }

    // Has it everything but what was sent in the last moments?
    get whole() {
      return this.up && Date.now() - this.deliveredAt < 3_000;
    }
  };

export const OneRoom = stackClient(ResumingClient);
export const SeveralRooms = stackClient(MultiClient);
