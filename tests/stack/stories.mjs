// What is shown of a whole stack behind its balancer, however its hosts are made. Each story is one
// check; stack is a DockerStack or a NetnsStack.
import assert from 'node:assert/strict';
import { Api, Follower, Socket, makeRoom } from '../system/lib/client.mjs';
import { delay, poll } from '../system/lib/wait.mjs';
import { Load } from './load/load.mjs';
import { figures, histogram } from './report.mjs';

const GATEWAYS = 3;
const SCALE_WAIT_MS = 60_000;

export const clientsWanted = Number(process.env.STACK_CLIENTS || 2_000);
export const roomsWanted = Math.max(10, Math.round(clientsWanted / 200) * 10);
export const messagesWanted = Number(process.env.STACK_RATE || 200);

const used = (list) => list.filter(({ sockets }) => sockets > 0).length;

// The balancer knows this many gateways, and all of them are ready.
export async function waitGateways(stack, count) {
  let list;
  await poll(`the balancer to have ${count} gateways`, async () => {
    list = await stack.balancer();
    return list.length === count && list.every(({ status }) => status === 'UP');
  }, { timeoutMs: SCALE_WAIT_MS, everyMs: 250 }).catch((error) => {
    throw new Error(`${error.message}: ${JSON.stringify(list)}`, { cause: error });
  });
}

export const shortStories = {
  async 'three gateways are found and ready'(stack) {
    await waitGateways(stack, GATEWAYS);
    const answer = await new Api(stack.url).get('/health');
    assert.equal(answer.status, 200);
  },

  async 'the pages are there, and what is for operators is not'(stack) {
    const api = new Api(stack.url);
    const page = await api.get('/', { headers: { accept: 'text/html' } });
    assert.equal(page.status, 200);
    assert.match(page.text, /<html/i);
    assert.equal((await api.get('/docs/')).status, 200);
    for (const path of ['/readyz', '/metrics']) assert.equal((await api.get(path)).status, 404, path);
  },

  async 'members on different gateways hear the same, in the same order'(stack) {
    const api = new Api(stack.url);
    const { room, everyone } = await makeRoom(api, 8);
    const sockets = [];
    for (const { token } of everyone) sockets.push(await Socket.open(stack.url, room.id, token, { since: 0 }));
    for (const socket of sockets) await socket.waitType('caught_up');
    assert.equal(used(await stack.balancer()), GATEWAYS, 'every gateway has sockets of this room');
    await Promise.all(sockets.map(async (socket, i) => {
      for (let k = 0; k < 20; k += 1) await socket.say(`${i}.${k}`);
    }));
    const head = everyone.length * 21;
    for (const socket of sockets) await socket.waitFor((frame) => frame.id === head);
    const lists = sockets.map((socket) => socket.frames.filter((frame) => frame.id !== undefined && frame.type !== 'ack'));
    for (const list of lists) {
      assert.deepEqual(list.map(({ id }) => id), Array.from({ length: head }, (_, i) => i + 1));
      assert.deepEqual(list, lists[0]);
    }
    for (const socket of sockets) await socket.end();
  },

  async 'who is online is known through every gateway'(stack) {
    const api = new Api(stack.url);
    const { owner, room, members } = await makeRoom(api, 5);
    const watcher = await Socket.open(stack.url, room.id, owner.token);
    await watcher.settle();
    const sockets = await Promise.all(members.map(({ token }) => Socket.open(stack.url, room.id, token)));
    for (const { id } of members) {
      await watcher.waitFor((frame) => frame.type === 'user_activity' && frame.user_id === id && frame.action === 'joined');
    }
    for (let i = 0; i < 2 * GATEWAYS; i += 1) {
      const { users } = (await owner.api.get(`/api/chat/rooms/${room.id}/users`)).json.data;
      assert.ok(users.every((user) => user.is_online), JSON.stringify(users));
    }
    for (const socket of [watcher, ...sockets]) await socket.end();
  },

  async 'a socket that is lost resumes through whatever gateway'(stack) {
    const api = new Api(stack.url);
    const { owner, room, members: [member] } = await makeRoom(api, 1);
    const follower = new Follower(stack.url, room.id, member.token);
    const sender = await Socket.open(stack.url, room.id, owner.token);
    for (let i = 0; i < 30; i += 1) {
      await sender.say(`${i}`);
      if (i % 5 === 4) follower.socket.terminate();
    }
    await follower.waitSeq(32);
    assert.deepEqual(follower.messages.map(({ text }) => text), Array.from({ length: 30 }, (_, i) => `${i}`));
    await follower.stop();
    await sender.end();
  },

  async 'logging out ends sockets on every gateway'(stack) {
    const api = new Api(stack.url);
    const { room, members: [member] } = await makeRoom(api, 1);
    const sockets = [];
    for (let i = 0; i < 6; i += 1) sockets.push(await Socket.open(stack.url, room.id, member.token));
    await Promise.all(sockets.map((socket) => socket.settle()));
    assert.equal(used(await stack.balancer()), GATEWAYS);
    assert.equal((await member.api.post('/api/logout')).status, 200);
    for (const socket of sockets) assert.equal((await socket.waitClosed()).code, 4001);
  },

  async 'gateways know who their client is, and not by its own word'(stack) {
    const api = new Api(stack.url);
    const lie = '203.0.113.66';
    const headers = { 'x-forwarded-for': lie, forwarded: `for=${lie}`, 'x-request-id': 'mine' };
    const answer = await api.get('/health', { headers });
    const id = answer.headers['x-request-id'];
    assert.ok(id && id !== 'mine', `the balancer names the request: ${id}`);
    const line = await poll('the line of this request', async () => {
      const { gateway } = await stack.logs('gateway');
      assert.ok(!gateway.includes(lie), 'nobody believes what a client says of itself');
      return gateway.split('\n').find((each) => each.includes(`req=${id}`));
    });
    assert.ok(line.includes(`client=${stack.clientAddress}`), line);
    const { haproxy } = await stack.logs('haproxy');
    assert.ok(haproxy.includes(id), 'the balancer has logged it, too');
  },

  async 'a peer without the key is refused by the broker, with one line and a counter'(stack) {
    const { before, after, lines } = await stack.knockAtBroker();
    assert.ok(after > before, `refused: ${before}, then ${after}`);
    assert.ok(lines > 0, 'it is logged');
  },

  async 'Prometheus finds every gateway and the broker'(stack) {
    const url = await stack.startPrometheus();
    const get = async (path) => (await fetch(`${url}${path}`)).json();
    await poll('every target to be up', async () => {
      const targets = (await get('/api/v1/targets')).data.activeTargets;
      const up = (job) => targets.filter(({ labels, health }) => labels.job === job && health === 'up').length;
      return up('banter-gateway') === GATEWAYS && up('banter-broker') === 1;
    }, { timeoutMs: 60_000, everyMs: 500 });
    const { groups } = (await get('/api/v1/rules')).data;
    assert.ok(groups.some(({ rules }) => rules.length > 0), 'the alert rules are loaded');
  },

  async 'nginx carries a WebSocket, and asks another gateway when one drains'(stack) {
    const url = await stack.startNginx();
    const api = new Api(url);
    await poll('nginx to answer', async () => (await api.get('/health')).status === 200);
    const { owner, room, members } = await makeRoom(api, 6);
    const sockets = [];
    for (const { token } of members) sockets.push(await Socket.open(url, room.id, token, { since: 0 }));
    for (const socket of sockets) await socket.waitType('caught_up');
    await sockets[0].say('before');
    for (const socket of sockets) await socket.waitFor((frame) => frame.text === 'before');
    // Whoever was on it is told to come back; who comes new is never sent away.
    const closed = [];
    sockets.forEach((socket) => socket.closed.then((close) => closed.push(close.code)));
    let asked = 0;
    let draining = true;
    const watching = (async () => {
      while (draining) {
        const socket = await Socket.open(url, room.id, owner.token);
        await socket.say(`during ${asked}`);
        await socket.end();
        const answer = await owner.api.get(`/api/chat/rooms/${room.id}`);
        assert.equal(answer.status, 200);
        asked += 1;
        await delay(50);
      }
    })();
    const code = await stack.drainGateway();
    draining = false;
    await watching;
    assert.equal(code, 0);
    assert.ok(asked >= 5, `${asked} sockets were opened meanwhile`);
    assert.ok(closed.length > 0 && closed.every((each) => each === 1012), `closed with ${closed}`);
    const back = await Socket.open(url, room.id, members[0].token, { since: 0 });
    await back.waitType('caught_up');
    assert.equal(back.messages.length, 1 + asked);
    for (const socket of [back, ...sockets]) socket.terminate();
    await stack.scale(GATEWAYS);
    await waitGateways(stack, GATEWAYS);
  },
};

// One load from the first story to the last; each says what it felt.
export class LoadStories {
  constructor(stack, say) {
    Object.assign(this, { stack, say });
  }

  get stories() {
    return {
      [`${clientsWanted} clients in ${roomsWanted} rooms, ${messagesWanted} messages a second`]: () => this.begin(),
      'a gateway dies': () => this.during('a gateway dies', () => this.stack.killGateway(), GATEWAYS),
      'the broker dies, and no request is refused for it': () => this.killBroker(),
      'five gateways instead of three': () => this.during('scaling to 5', () => this.stack.scale(5), 5),
      'two gateways instead of five': () => this.during('scaling to 2', () => this.stack.scale(2), 2),
      'three gateways again': () => this.during('scaling to 3', () => this.stack.scale(3), 3),
      'a new version of the broker': () => this.updateBroker(),
      'a new version of every gateway': () => this.updateGateways(),
      'nothing is lost, nothing is repeated': () => this.end(),
    };
  }

  async begin() {
    await waitGateways(this.stack, GATEWAYS);
    this.load = await Load.start({
      url: this.stack.url, clients: clientsWanted, rooms: roomsWanted, perSecond: messagesWanted,
    });
    const sockets = (await this.stack.balancer()).map((each) => each.sockets);
    this.say(`${this.load.users} users; sockets of each gateway: ${sockets.join(', ')}`);
    await this.during('nothing happens', () => delay(5_000), GATEWAYS);
  }

  async during(name, act, gateways) {
    assert.ok(this.load, 'the load runs');
    const phase = await this.load.during(name, async () => {
      await act();
      await waitGateways(this.stack, gateways);
    });
    figures(phase).forEach((line) => this.say(line));
    return phase;
  }

  async killBroker() {
    const phase = await this.during('the broker dies', () => this.stack.killBroker(), GATEWAYS);
    assert.deepEqual(phase.closes, {}, 'no socket was closed');
    assert.equal(phase.balancerErrors, 0, 'what was sent waited in the gateways');
  }

  // First, since it brings the database to its schema.
  async updateBroker() {
    await this.stack.makeNextVersion();
    const phase = await this.during('the broker is replaced', () => this.stack.updateBroker(), GATEWAYS);
    assert.deepEqual(phase.closes, {}, 'no socket was closed');
    assert.equal(phase.balancerErrors, 0, 'no request was refused');
  }

  async updateGateways() {
    const phase = await this.during('the gateways are replaced', () => this.stack.updateGateways(), GATEWAYS);
    this.say('reconnects by the second:');
    histogram(phase.histogram).forEach((line) => this.say(line));
    const sudden = Object.entries(phase.closes).filter(([code]) => code !== '1012');
    assert.deepEqual(sudden, [], 'every socket was closed with 1012');
    assert.equal(phase.failedConnects, 0, 'nobody who came back was refused');
    assert.equal(phase.balancerErrors, 0, 'no request was refused');
    // Every second of a drain takes its part, so no second takes all: see "spread" in OPERATIONS.md.
    const most = Math.max(...phase.histogram);
    assert.ok(most <= phase.reconnects / 5, `${most} of ${phase.reconnects} came back in one second`);
  }

  async end() {
    const verdict = await this.load.finish();
    this.say(`sent ${verdict.sent}, acknowledged ${verdict.acknowledged}, in the log ${verdict.stored}; ` +
      `deliveries checked ${verdict.deliveries}`);
    this.say(`sent again ${verdict.repeats}, answered as a repeat ${verdict.duplicatesAnswered}, ` +
      `errors ${JSON.stringify(verdict.errors)}`);
    this.say(`faults ${JSON.stringify(verdict.faults)}`);
    assert.deepEqual(verdict.firstFaults, []);
    assert.equal(verdict.acknowledged, verdict.sent);
  }

  discard() {
    this.load?.kill();
  }
}

// Of all that was logged: nobody's token, and no report of a program that is broken.
export function checkLogs(logs) {
  for (const [service, text] of Object.entries(logs)) {
    const token = /[?&]token=[0-9a-f]{8}|\b[0-9a-f]{64}\b/.exec(text);
    assert.equal(token, null, `the log of ${service} has a token: ${token?.[0].slice(0, 20)}…`);
    assert.doesNotMatch(text, /check failed|Sanitizer|runtime error:/, `the log of ${service}`);
  }
}
