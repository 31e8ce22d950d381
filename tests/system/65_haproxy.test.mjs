// Through Debian's HAProxy: with the PROXY protocol, by version 1 and 2, and with X-Forwarded-For.
// The gateway sees the client, not the balancer, whatever the client pretends.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ask, untilLogged } from './lib/access_log.mjs';
import { Api, Socket, makeRoom } from './lib/client.mjs';
import { ROOT } from './lib/env.mjs';
import { freePort } from './lib/ports.mjs';
import { Program } from './lib/process.mjs';
import { startStack } from './lib/stack.mjs';
import { poll } from './lib/wait.mjs';

const BALANCER = '127.0.0.2';
const CLIENT = '127.0.0.7';

// What the shipped configuration writes of a request.
const LOG_FORMAT = /^\s*(log-format .*)$/m.exec(fs.readFileSync(path.join(ROOT, 'deploy/haproxy/haproxy.cfg'), 'utf8'))[1];

// Every way to the gateway is a frontend of its own. HAProxy speaks from BALANCER.
function configuration(ways, port, proxyPort) {
  const check = 'check inter 200ms rise 1';
  const lines = [
    'global', '  log stdout format raw local0', '  maxconn 200',
    'defaults', '  log global', '  timeout connect 3s', '  timeout client 30s', '  timeout server 30s',
    '  timeout tunnel 60s', '  option httpchk GET /readyz', '  http-check expect status 200',
  ];
  const add = (name, mode, more, server) =>
    lines.push(`listen ${name}`, `  mode ${mode}`, `  bind 127.0.0.1:${ways[name]}`, ...more.map((one) => `  ${one}`),
      `  server gateway ${server} source ${BALANCER}`);
  add('forwarded', 'http', [LOG_FORMAT, 'option forwardfor', 'http-request set-header X-Request-Id %[uuid()]'], `127.0.0.1:${port} ${check}`);
  add('proxy_v1', 'tcp', [], `127.0.0.1:${proxyPort} send-proxy ${check} check-send-proxy`);
  add('proxy_v2', 'tcp', [], `127.0.0.1:${proxyPort} send-proxy-v2 ${check} check-send-proxy`);
  add('proxy_v2_http', 'http', ['http-reuse never'],
    `127.0.0.1:${proxyPort} send-proxy-v2 proxy-v2-options unique-id,crc32c ${check} check-send-proxy`);
  return `${lines.join('\n')}\n`;
}

describe('behind HAProxy', () => {
  const ways = {};
  let stack;
  let gateway;
  let haproxy;
  before(async () => {
    for (const name of ['forwarded', 'proxy_v1', 'proxy_v2', 'proxy_v2_http']) ways[name] = await freePort();
    const proxyPort = await freePort();
    stack = await startStack({
      workers: 2,
      gatewayEnv: { access_log: 1, trusted_proxies: BALANCER, proxy_listen: `127.0.0.1:${proxyPort}` },
    });
    [gateway] = stack.gateways;
    const file = path.join(stack.dir, 'haproxy.cfg');
    fs.writeFileSync(file, configuration(ways, stack.port, proxyPort));
    haproxy = new Program({
      name: 'haproxy',
      file: ['/usr/sbin/haproxy', '/usr/local/sbin/haproxy'].find((one) => fs.existsSync(one)) ?? 'haproxy',
      args: ['-db', '-f', file],
      env: { PATH: process.env.PATH },
      log: path.join(stack.logDir, 'haproxy.log'),
      cwd: stack.dir,
    });
    for (const [name, port] of Object.entries(ways)) {
      await poll(`${name} to be up`, async () => (await ask(port, '/health')).status === 200);
    }
  });
  after(async () => {
    haproxy?.kill('SIGKILL');
    await haproxy?.exited;
    await stack?.stop();
  });

  for (const name of ['forwarded', 'proxy_v1', 'proxy_v2', 'proxy_v2_http']) {
    it(`${name}: a request's client`, async () => {
      const answer = await ask(ways[name], '/health', {
        from: CLIENT,
        headers: { 'x-forwarded-for': '6.6.6.6', 'x-request-id': 'mine' },
      });
      assert.equal(answer.status, 200);
      const id = answer.headers['x-request-id'];
      if (name === 'forwarded') assert.match(id, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'the id that HAProxy made');
      else assert.notEqual(id, 'mine');
      const line = await untilLogged(gateway, 'http.request', (one) => one.req === id);
      assert.equal(line.client, name === 'forwarded' ? CLIENT : `${CLIENT}:${answer.localPort}`);
    });

    it(`${name}: a WebSocket's client`, async () => {
      const { room, members: [member] } = await makeRoom(new Api(stack.url), 1);
      const url = `http://127.0.0.1:${ways[name]}`;
      const socket = await Socket.open(url, room.id, member.token, { since: 0, headers: { 'X-Forwarded-For': '6.6.6.6' } });
      await socket.settle();
      await socket.say('through the balancer');
      const user = String(member.id);
      const open = await untilLogged(gateway, 'ws.open', (one) => one.user === user);
      const client = name === 'forwarded' ? '127.0.0.1' : `127.0.0.1:${socket.localPort}`;
      assert.equal(open.client, client);
      await socket.end();
      const close = await untilLogged(gateway, 'ws.close', (one) => one.user === user);
      assert.deepEqual([close.client, close.conn, close.by], [client, open.conn, 'client']);
    });
  }

  it('writes no token and no ticket into its log, and lets own pages through', async () => {
    const { owner, room } = await makeRoom(new Api(stack.url), 0);
    const url = `http://127.0.0.1:${ways.forwarded}`;
    const { ticket } = (await new Api(url, { token: owner.token }).post('/api/ws-ticket')).json;
    const sockets = [
      [owner.token, {}],
      [undefined, { query: `ticket=${ticket}` }],
      [undefined, { protocols: ['banter.v1', `banter.token.${owner.token}`], headers: { origin: url } }],
      [undefined, { headers: { authorization: `Bearer ${owner.token}` } }],
    ];
    for (const [token, options] of sockets) {
      const socket = await Socket.open(url, room.id, token, { since: 0, ...options });
      await socket.waitType('caught_up');
      await socket.end();
    }
    const foreign = new Socket(url, room.id, owner.token, { headers: { origin: 'https://evil.example' } });
    await assert.rejects(foreign.opened, { status: 403 });
    await poll('all of them in the log', () => haproxy.output().split(`/ws/chat/${room.id}`).length > sockets.length + 1);
    for (const secret of [owner.token, ticket, 'token=', 'ticket=']) {
      assert.ok(!haproxy.output().includes(secret), secret);
    }
  });

  it('does not believe who comes past it', async () => {
    const answer = await ask(stack.port, '/health', { from: CLIENT, headers: { 'x-forwarded-for': '6.6.6.6' } });
    const line = await untilLogged(gateway, 'http.request', (one) => one.req === answer.headers['x-request-id']);
    assert.equal(line.client, `${CLIENT}:${answer.localPort}`);
  });
});
