// The WebSocket of a room: messages to everyone, acknowledgements, presence, error frames that the
// socket survives, and what closes it.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { metric } from './lib/bus_keys.mjs';
import {
  Api, Socket, TIMESTAMP, assertEnvelope, makeRoom, socketOnEachWorker, uniqueName,
} from './lib/client.mjs';
import { freePort } from './lib/ports.mjs';
import { startStack, withStack } from './lib/stack.mjs';
import { poll } from './lib/wait.mjs';

for (const workers of [1, 4]) {
  describe(`WebSocket, workers: ${workers}`, () => {
    let stack;
    let api;
    before(async () => {
      // Sockets of a session that has ended are closed by what the bus says, and by nothing else.
      stack = await startStack({ workers, gatewayEnv: { session_check_ms: 3_600_000 } });
      api = new Api(stack.url);
    });
    after(() => stack?.stop());

    const open = (room, user, options) => Socket.open(stack.url, room.id, user.token, options);
    const isMessage = (text) => (frame) => frame.type === 'new_message' && frame.text === text;
    const isActivity = (user, action) => (frame) =>
      frame.type === 'user_activity' && frame.user_id === user.id && frame.action === action;

    // A member's sockets, one on every worker; they have heard everything there was to hear.
    async function onEachWorker(room, user) {
      const sockets = await socketOnEachWorker(stack, () => open(room, user));
      const list = [...sockets.values()];
      await Promise.all(list.map((socket) => socket.settle()));
      return list;
    }

    it('brings a message to every member, the sender too, on whatever worker', async () => {
      const { owner, room, members: [member] } = await makeRoom(api, 1);
      const sockets = [...(await onEachWorker(room, owner)), ...(await onEachWorker(room, member))];
      const sender = sockets.at(-1);
      sender.send({ text: 'Hello everybody' });
      const frames = await Promise.all(sockets.map((socket) => socket.waitFor(isMessage('Hello everybody'))));
      for (const frame of frames) {
        assert.match(frame.created_at, TIMESTAMP);
        assert.deepEqual(frame, {
          type: 'new_message',
          id: 3,
          text: 'Hello everybody',
          sender_id: member.id,
          sender_username: member.username,
          room_id: room.id,
          created_at: frames[0].created_at,
        });
      }
      const [stored] = await owner.api.history(room.id);
      const { type, ...fields } = frames[0];
      assert.deepEqual(stored, fields, 'the history says the same');
      for (const socket of sockets) {
        await socket.settle();
        assert.equal(socket.messages.length, 1);
        assert.equal(socket.ofType('ack').length, 0, 'an ack is for a client_id');
        await socket.end();
      }
    });

    it('brings a message that was sent by REST, too', async () => {
      const { owner, room } = await makeRoom(api, 0);
      const sockets = await onEachWorker(room, owner);
      const answer = await owner.api.post(`/api/chat/rooms/${room.id}/messages`, { text: 'by REST' });
      const { duplicate, ...stored } = answer.json;
      for (const socket of sockets) {
        const frame = await socket.waitFor(isMessage('by REST'));
        assert.deepEqual(frame, { type: 'new_message', ...stored });
        await socket.end();
      }
    });

    it('begins with now: what was before is in the history', async () => {
      const { owner, room } = await makeRoom(api, 0);
      const first = await open(room, owner);
      await first.say('before');
      const second = await open(room, owner);
      await second.settle();
      await first.say('after');
      await second.waitFor(isMessage('after'));
      assert.deepEqual(second.messages.map((frame) => frame.text), ['after']);
      await first.end();
      await second.end();
    });

    it('keeps rooms apart', async () => {
      const { owner, room } = await makeRoom(api, 0);
      const other = await owner.api.createRoom();
      const [here, there] = [await open(room, owner), await open(other, owner)];
      await there.settle();
      await here.say('here');
      await here.waitFor(isMessage('here'));
      await there.say('there');
      await there.waitFor(isMessage('there'));
      assert.deepEqual(there.messages.map((frame) => frame.text), ['there']);
      assert.deepEqual(here.messages.map((frame) => frame.text), ['here']);
      await here.end();
      await there.end();
    });

    it('acknowledges what has a client_id', async () => {
      const { owner, room } = await makeRoom(api, 0);
      const socket = await open(room, owner);
      const clientId = '\u{1F4CE}'.repeat(64);
      const ack = await socket.say('with a name', clientId);
      const message = await socket.waitFor(isMessage('with a name'));
      assert.deepEqual(ack, {
        type: 'ack',
        client_id: clientId,
        room_id: room.id,
        id: message.id,
        created_at: message.created_at,
        duplicate: false,
      });
      await socket.end();
    });

    it('answers a repeat with the first one, whichever way it comes', async () => {
      const { owner, room } = await makeRoom(api, 0);
      const sockets = await onEachWorker(room, owner);
      const clientId = uniqueName('c');
      const first = await sockets[0].say('once', clientId);
      for (const socket of sockets) {
        const again = await socket.say('once', clientId);
        assert.deepEqual(again, { ...first, duplicate: true });
      }
      const rest = await owner.api.post(`/api/chat/rooms/${room.id}/messages`, { text: 'once', client_id: clientId });
      assert.equal(rest.json.id, first.id);
      assert.equal(rest.json.duplicate, true);
      for (const socket of sockets) {
        await socket.settle();
        assert.equal(socket.messages.length, 1, 'delivered once');
        await socket.end();
      }
      assert.equal((await owner.api.history(room.id)).length, 1);
    });

    it('keeps the first text of a client_id, whatever a repeat says', async () => {
      const { owner, room } = await makeRoom(api, 0);
      const sockets = await onEachWorker(room, owner);
      const clientId = uniqueName('c');
      const first = await sockets[0].say('the first', clientId);
      for (const socket of sockets) {
        assert.deepEqual(await socket.say('another', clientId), { ...first, duplicate: true });
      }
      const rest = await owner.api.post(`/api/chat/rooms/${room.id}/messages`, { text: 'a third', client_id: clientId });
      assert.deepEqual([rest.json.id, rest.json.text], [first.id, 'the first']);
      for (const socket of sockets) {
        await socket.settle();
        assert.deepEqual(socket.messages.map(({ id, text }) => [id, text]), [[first.id, 'the first']]);
        await socket.end();
      }
    });

    it('keeps the order of what one socket sends', async () => {
      const { owner, room, members: [member] } = await makeRoom(api, 1);
      const [sender, receiver] = [await open(room, owner), await open(room, member)];
      await receiver.settle();
      const texts = Array.from({ length: 200 }, (_, i) => `${i}`);
      for (const text of texts) sender.send({ text });
      await receiver.waitFor(isMessage('199'));
      assert.deepEqual(receiver.messages.map((frame) => frame.text), texts);
      await sender.end();
      await receiver.end();
    });

    it('tells who comes and goes, once for each user', async () => {
      const { owner, room, members: [member] } = await makeRoom(api, 1);
      const watcher = await open(room, owner);
      const own = await watcher.waitFor(isActivity(owner, 'joined'));
      assert.match(own.timestamp, TIMESTAMP);
      assert.deepEqual(own, {
        type: 'user_activity',
        room_id: room.id,
        user_id: owner.id,
        action: 'joined',
        timestamp: own.timestamp,
      });
      const sockets = await onEachWorker(room, member);
      await watcher.waitFor(isActivity(member, 'joined'));
      const last = sockets.pop();
      for (const socket of sockets) await socket.end();
      await last.say('still here');
      await watcher.waitFor(isMessage('still here'));
      await watcher.settle();
      assert.equal(watcher.frames.filter(isActivity(member, 'joined')).length, 1);
      assert.equal(watcher.frames.filter(isActivity(member, 'left')).length, 0);
      await last.end();
      await watcher.waitFor(isActivity(member, 'left'));
      const again = await open(room, member);
      await watcher.waitFor(isActivity(member, 'joined'), 10_000, { from: watcher.frames.length });
      again.terminate();
      await watcher.waitFor(isActivity(member, 'left'), 10_000, { from: watcher.frames.length });
      await watcher.end();
    });

    it('tells who has sent, joined or left to those who resume only', async () => {
      const { owner, room } = await makeRoom(api, 0);
      const guest = await api.user('guest');
      const plain = await open(room, owner);
      await plain.waitType('user_activity'); // its own: from now on it hears
      const resumed = await open(room, owner, { since: 0 });
      await resumed.waitType('caught_up');
      await guest.api.join(room.id);
      await guest.api.leave(room.id);
      const left = await resumed.waitType('member_left');
      assert.match(left.created_at, TIMESTAMP);
      const { created_at, ...fields } = left;
      assert.deepEqual(fields, {
        type: 'member_left', id: 3, room_id: room.id, user_id: guest.id, username: guest.username,
      });
      await plain.say('the end');
      await plain.waitFor(isMessage('the end'));
      const kinds = new Set(plain.frames.map((frame) => frame.type));
      assert.deepEqual([...kinds].sort(), ['ack', 'new_message', 'user_activity']);
      await plain.end();
      await resumed.end();
    });

    describe('what is wrong gets an error frame, and the socket lives', () => {
      const cases = [
        ['not JSON', 'hello', 'bad_frame'],
        ['nothing', '', 'bad_frame'],
        ['half an object', '{"text":', 'bad_frame'],
        ['something behind it', '{"text":"x"} y', 'bad_frame'],
        ['a string', '"hello"', 'bad_frame'],
        ['a number', '1', 'bad_frame'],
        ['null', 'null', 'bad_frame'],
        ['a list', '[{"text":"x"}]', 'bad_frame'],
        ['an empty object', '{}', 'bad_frame'],
        ['another field', '{"message":"x"}', 'bad_frame'],
        ['a text of the wrong type', '{"text":5}', 'bad_frame'],
        ['a text that is null', '{"text":null}', 'bad_frame'],
        ['an empty text', '{"text":""}', 'bad_frame'],
        ['a text with U+0000', '{"text":"a\\u0000b"}', null],
        ['half a surrogate pair', '{"text":"\\ud83d"}', null],
        ['4,001 characters', JSON.stringify({ text: 'x'.repeat(4001) }), 'message_too_long'],
        ['a client_id of the wrong type', '{"text":"x","client_id":5}', 'bad_frame'],
        ['an empty client_id', '{"text":"x","client_id":""}', 'bad_frame'],
        ['a client_id that is too long', JSON.stringify({ text: 'x', client_id: 'c'.repeat(65) }), 'bad_frame'],
        ['deep JSON', `{"text":"x","a":${'['.repeat(1000)}${']'.repeat(1000)}}`, null],
        ['binary', Buffer.from('{"text":"x"}'), 'bad_frame'],
      ];
      let owner;
      let room;
      let socket;
      before(async () => {
        ({ owner, room } = await makeRoom(api, 0));
        socket = await open(room, owner);
      });
      after(async () => {
        await socket.end();
        assert.equal(
          (await owner.api.history(room.id)).length, cases.length, 'nothing but the proofs of life is stored',
        );
      });

      for (const [name, data, code] of cases) {
        it(name, async () => {
          const from = socket.frames.length;
          socket.sendRaw(data);
          const frame = await socket.waitFor((one) => one.type === 'error', 10_000, { from, what: 'an error' });
          assert.equal(typeof frame.code, 'string');
          if (code) assert.equal(frame.code, code, JSON.stringify(frame));
          else assert.ok(['malformed_json', 'bad_frame', 'validation_failed'].includes(frame.code), frame.code);
          assert.ok(frame.message.length > 0);
          assert.equal(frame.temporary, false);
          assert.equal((await socket.say(`alive after ${name}`)).duplicate, false);
        });
      }

      it('names the client_id that it is about', async () => {
        const from = socket.frames.length;
        socket.send({ text: 'x'.repeat(4001), client_id: 'too long' });
        const frame = await socket.waitFor((one) => one.type === 'error', 10_000, { from });
        assert.deepEqual(Object.keys(frame).sort(), ['client_id', 'code', 'message', 'temporary', 'type']);
        assert.equal(frame.client_id, 'too long');
        socket.send({ text: '' });
        const other = await socket.waitFor((one) => one.type === 'error', 10_000, { from: from + 1 });
        assert.deepEqual(Object.keys(other).sort(), ['code', 'message', 'temporary', 'type']);
      });
    });

    it('delivers 4,000 characters of any kind', async () => {
      const { owner, room, members: [member] } = await makeRoom(api, 1);
      const [sender, receiver] = [await open(room, owner), await open(room, member)];
      await receiver.settle();
      for (const text of ['\u{1F600}'.repeat(4000), '"\\'.repeat(2000), '<b>&amp;\u2028'.repeat(400)]) {
        await sender.say(text);
        await receiver.waitFor(isMessage(text));
      }
      await sender.end();
      await receiver.end();
    });

    it('closes 1009 what is larger than any message', async () => {
      const { owner, room } = await makeRoom(api, 0);
      const socket = await open(room, owner);
      socket.sendRaw(JSON.stringify({ text: 'x'.repeat(70_000) }));
      assert.equal((await socket.waitClosed()).code, 1009);
    });

    it('closes 1008 who may not be there', async () => {
      const { owner, room } = await makeRoom(api, 0);
      const stranger = await api.user('stranger');
      const gone = await api.user('gone');
      await gone.api.post('/api/logout');
      const cases = [
        [room.id, undefined, 'Invalid token'],
        [room.id, '', 'Invalid token'],
        [room.id, 'nonsense', 'Invalid token'],
        [room.id, 'ab'.repeat(32), 'Invalid token'],
        [room.id, gone.token, 'Invalid token'],
        [room.id, stranger.token, 'Not a member of this room'],
        [4_000_000_000, owner.token, 'Room not found'],
      ];
      for (const [roomId, token, reason] of cases) {
        const socket = await Socket.open(stack.url, roomId, token);
        socket.ws.send(JSON.stringify({ text: 'too early' }), () => {});
        assert.deepEqual(await socket.waitClosed(), { code: 1008, reason });
        assert.deepEqual(socket.frames, [], 'not a word before');
      }
      assert.deepEqual(await owner.api.history(room.id), []);
    });

    it('closes every socket of a session that ends, on every worker, as soon as it is told', async () => {
      const { owner, room, members: [member] } = await makeRoom(api, 1);
      const others = await onEachWorker(room, owner);
      const second = await api.login(member);
      const stays = await Socket.open(stack.url, room.id, second);
      const sockets = await onEachWorker(room, member);
      assertEnvelope(await member.api.post('/api/logout'));
      for (const socket of sockets) {
        assert.deepEqual(await socket.waitClosed(), { code: 4001, reason: 'Session ended' });
      }
      for (const socket of [...others, stays]) {
        await socket.say('still here');
        await socket.end();
      }
    });

    it('closes the sockets of who leaves, and only those', async () => {
      const { owner, room, members: [member] } = await makeRoom(api, 1);
      const elsewhere = await member.api.createRoom();
      const stays = await open(elsewhere, member);
      const watcher = await open(room, owner);
      const sockets = await onEachWorker(room, member);
      await member.api.leave(room.id);
      for (const socket of sockets) {
        assert.deepEqual(await socket.waitClosed(), { code: 4003, reason: 'Removed from the room' });
      }
      await watcher.say('without you');
      for (const socket of sockets) assert.equal(socket.messages.length, 0);
      await stays.say('still here');
      const refused = await open(room, member);
      assert.deepEqual(await refused.waitClosed(), { code: 1008, reason: 'Not a member of this room' });
      await member.api.join(room.id);
      const back = await open(room, member);
      await back.say('here again');
      for (const socket of [watcher, stays, back]) await socket.end();
    });

    it('answers the close handshake with the same code', async () => {
      const { owner, room } = await makeRoom(api, 0);
      for (const code of [1000, 1001, 3000, 4999]) {
        const socket = await open(room, owner);
        // ws does not let a client send 1001 by name; the frame is the same.
        if (code === 1001) socket.ws._sender.close(1001, '', true, () => {});
        else socket.ws.close(code);
        assert.equal((await socket.waitClosed()).code, code);
      }
    });

    it('answers a ping with what it said', async () => {
      const { owner, room } = await makeRoom(api, 0);
      const socket = await open(room, owner);
      for (const data of ['', 'x', 'y'.repeat(125)]) {
        const pong = new Promise((resolve) => socket.ws.once('pong', resolve));
        socket.ws.ping(data);
        assert.equal((await pong).toString(), data);
      }
      await socket.end();
    });

    it('refuses a room, a since or an epoch that is no number before the handshake', async () => {
      const { owner, room } = await makeRoom(api, 0);
      const bad = [['x', {}], [room.id, { since: 'x' }], [room.id, { since: '-1' }], [room.id, { since: '1.5' }],
        [room.id, { since: '99999999999999999999' }], [room.id, { since: 0, epoch: 'x' }]];
      for (const [roomId, options] of bad) {
        const what = `${roomId} ${JSON.stringify(options)}`;
        await assert.rejects(Socket.open(stack.url, roomId, owner.token, options), (error) => {
          assert.equal(error.status, 422, `${what}: ${error.status}`);
          assert.equal(JSON.parse(error.text).code, 'validation_failed');
          return true;
        }, what);
      }
      // A number that no room has is an unknown room, or none.
      for (const roomId of ['0', '-1', '99999999999999999999']) {
        const socket = new Socket(stack.url, roomId, owner.token);
        const outcome = await socket.opened.then(() => socket.waitClosed(), (error) => error.status);
        assert.ok(outcome === 422 || outcome.reason === 'Room not found', `${roomId}: ${JSON.stringify(outcome)}`);
      }
    });

    it('asks a plain GET to upgrade', async () => {
      const { owner, room } = await makeRoom(api, 0);
      const answer = await owner.api.get(`/ws/chat/${room.id}?token=${owner.token}`);
      assert.equal(answer.status, 426);
      assert.equal(answer.json.code, 'upgrade_required');
      assert.match(answer.headers.upgrade ?? '', /websocket/i);
    });

    it('takes a message that comes in the same segment as the handshake, and many at once', async () => {
      const { owner, room } = await makeRoom(api, 0);
      const { encodeFrame, openRawSocket } = await import('./lib/raw.mjs');
      const early = Buffer.concat(
        ['one', 'two', 'three'].map((text) => encodeFrame(JSON.stringify({ text, client_id: text }))),
      );
      const raw = await openRawSocket(stack, `/ws/chat/${room.id}?token=${owner.token}`, { extra: early });
      for (const text of ['one', 'two', 'three']) {
        let ack;
        do ack = await raw.readJson('ack');
        while (ack.client_id !== text);
      }
      raw.destroy();
      assert.deepEqual((await owner.api.history(room.id)).map((m) => m.text), ['one', 'two', 'three']);
    });
  });
}

describe('WebSocket ping', () => {
  it('pings, and closes who does not answer', async () => {
    const admin = await freePort();
    await withStack({ gatewayEnv: { ping_ms: 1_000, admin_listen: `127.0.0.1:${admin}` } }, async (stack) => {
      const { owner, room } = await makeRoom(new Api(stack.url), 0);
      const awake = await Socket.open(stack.url, room.id, owner.token);
      const { openRawSocket, OPCODE } = await import('./lib/raw.mjs');
      const asleep = await openRawSocket(stack, `/ws/chat/${room.id}?token=${owner.token}`);
      await asleep.readFrameUntil((frame) => frame.opcode === OPCODE.PING, 20_000);
      const close = await asleep.readClose(20_000);
      assert.deepEqual([close.code, close.reason], [4010, 'Pings were not answered']);
      await asleep.waitEnd(20_000);
      await poll('it to be counted', async () => (await metric(admin, 'ws_ping_timeouts_total')) === 1);
      asleep.destroy();
      assert.ok(awake.pings >= 1);
      assert.ok(awake.isOpen, 'who answers stays');
      await awake.say('awake');
      await awake.end();
    });
  });
});
