// A client of /ws/chat: one WebSocket for many rooms.
import assert from 'node:assert/strict';
import { Socket, uniqueName } from './client.mjs';

export class MultiSocket extends Socket {
  // Open, and past the hello.
  static async open(url, token, options) {
    const socket = new MultiSocket(url, null, token, options);
    await socket.opened;
    socket.hello = await socket.waitType('hello');
    return socket;
  }

  // Resolves with the subscribed frame; with since, caughtUp() says when the log was read.
  async subscribe(roomId, { since, epoch } = {}) {
    const from = this.frames.length;
    this.send({ type: 'subscribe', room_id: roomId, since, epoch });
    return this.answerFor(roomId, 'subscribed', from);
  }

  caughtUp(roomId, timeoutMs = 60_000) {
    const isIt = (frame) => frame.type === 'caught_up' && frame.room_id === roomId;
    return this.waitFor(isIt, timeoutMs, { what: `caught_up of room ${roomId}` });
  }

  async unsubscribe(roomId) {
    const from = this.frames.length;
    this.send({ type: 'unsubscribe', room_id: roomId });
    return this.answerFor(roomId, 'unsubscribed', from);
  }

  async answerFor(roomId, type, from) {
    const isIt = (frame) => frame.room_id === roomId && (frame.type === type || frame.type === 'error');
    const frame = await this.waitFor(isIt, 20_000, { from, what: `${type} of room ${roomId}` });
    assert.equal(frame.type, type, JSON.stringify(frame));
    return frame;
  }

  // Sends a text and waits for its ack.
  async say(roomId, text, clientId = uniqueName('c')) {
    const from = this.frames.length;
    this.send({ type: 'message', room_id: roomId, text, client_id: clientId });
    const isIt = (frame) =>
      (frame.type === 'ack' || frame.type === 'error') && frame.client_id === clientId && frame.room_id === roomId;
    const frame = await this.waitFor(isIt, 20_000, { from, what: `the ack of ${clientId}` });
    assert.equal(frame.type, 'ack', JSON.stringify(frame));
    return frame;
  }

  // The next error after sending this; the socket is shown to live on.
  async errorOf(data) {
    const from = this.frames.length;
    if (typeof data === 'object' && !Buffer.isBuffer(data)) this.send(data);
    else this.sendRaw(data);
    const error = await this.waitType('error', 10_000, { from });
    await this.ping();
    return error;
  }

  async ping() {
    const from = this.frames.length;
    this.send({ type: 'ping' });
    assert.deepEqual(await this.waitType('pong', 10_000, { from }), { type: 'pong' });
  }

  // The log's events of a room, in the order in which they came.
  eventsOf(roomId) {
    return this.frames.filter((frame) => frame.room_id === roomId && frame.id !== undefined && frame.type !== 'ack');
  }

  textsOf(roomId) {
    return this.eventsOf(roomId).filter((event) => event.type === 'new_message').map((event) => event.text);
  }
}
