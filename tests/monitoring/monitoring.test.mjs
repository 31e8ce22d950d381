// What deploy/monitoring promises, shown with a real Prometheus over real processes: it takes our
// metrics, every panel of the dashboard has data, and alerts come when they should and only then.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Api, Socket, makeRoom } from '../system/lib/client.mjs';
import { EventStream } from '../system/lib/event_stream.mjs';
import { ROOT } from '../system/lib/env.mjs';
import { freePort } from '../system/lib/ports.mjs';
import { run } from '../system/lib/process.mjs';
import { startStack } from '../system/lib/stack.mjs';
import { poll } from '../system/lib/wait.mjs';
import { MONITORING, Prometheus } from './prometheus.mjs';

const GATEWAY = 'banter-gateway';
const BROKER = 'banter-broker';
// A second between scrapes: enough for two samples in any window.
const RATE_INTERVAL = '15s';

const dashboard = JSON.parse(fs.readFileSync(path.join(MONITORING, 'grafana/dashboards/banter.json'), 'utf8'));
const rules = fs.readFileSync(path.join(MONITORING, 'alerts.yml'), 'utf8');

const panels = dashboard.panels.filter((panel) => panel.targets);
const queries = panels.flatMap((panel) => panel.targets.map(({ expr }) => ({ panel: panel.title, expr })));

const filled = (expr) =>
  expr.replaceAll('$__rate_interval', RATE_INTERVAL).replaceAll('$instance', '.*');

async function promtool(args, input) {
  const { code, stdout, stderr } = await run('promtool', args, { input, cwd: MONITORING });
  return { code, text: stdout + stderr };
}

describe('monitoring', () => {
  let stack;
  let prometheus;
  let port;
  let busy = true;
  let load;
  let fault = null;

  // What a quiet evening brings: sends, resumes, pages, and what clients get wrong.
  async function keepBusy() {
    const api = new Api(stack.url);
    const { owner, room, members } = await makeRoom(api, 3);
    const people = [owner, ...members];
    const sockets = await Promise.all(people.map((one) => Socket.open(stack.url, room.id, one.token)));
    const stream = await EventStream.open(stack.url, `/api/chat/rooms/${room.id}/events?since=0`, { token: owner.token });
    await tooOften(api, owner, room);
    for (let i = 0; busy; i += 1) {
      await sockets[i % sockets.length].say(`message ${i}`);
      if (i % 10 !== 0) continue;
      await owner.api.get(`/api/chat/rooms/${room.id}/messages`);
      await owner.api.get('/api/chat/rooms');
      await owner.api.get('/nothing');
      await api.post('/api/login', { username: `nobody-${i}`, password: 'wrong' });
      const late = await Socket.open(stack.url, room.id, owner.token, { since: 0 });
      await late.waitType('caught_up');
      await late.end();
    }
    stream.destroy();
    for (const socket of sockets) await socket.end();
  }

  // What limits count: joining beyond its rate, and a password that is guessed at.
  async function tooOften(api, owner, room) {
    const join = () => owner.api.post(`/api/chat/rooms/${room.id}/join`);
    await poll('joining to be refused', async () => (await join()).status === 429);
    const guess = () => api.post('/api/login', { username: 'nobody', password: 'wrong' });
    for (let i = 0; i < 5; i += 1) assert.equal((await guess()).status, 401);
    assert.equal((await guess()).status, 429);
  }

  before(async () => {
    port = await freePort(2);
    stack = await startStack({
      workers: 2,
      env: { admin_listen: `127.0.0.1:${port}` },
      gatewayEnv: { rate_join: '10/60s', login_delay_ms: 1000 },
    });
    prometheus = await Prometheus.start(path.join(stack.dir, 'prometheus'), {
      [GATEWAY]: `127.0.0.1:${port}`,
      [BROKER]: `127.0.0.1:${port + 1}`,
    });
    load = keepBusy();
    load.catch((error) => {
      fault = error;
    });
  });

  const scrapedAt = async () =>
    Math.min(...(await prometheus.query('timestamp(up)')).map(({ value }) => value));

  after(async () => {
    busy = false;
    await prometheus?.stop();
    await stack?.stop();
  });

  it('promtool takes the rules, their cases and the configuration', async () => {
    for (const args of [
      ['check', 'rules', 'alerts.yml'],
      ['test', 'rules', 'alerts_test.yml'],
      ['check', 'config', 'prometheus.yml'],
    ]) {
      const { code, text } = await promtool(args);
      assert.equal(code, 0, text);
    }
  });

  it('each alert has a case, a severity, texts and a section to read', () => {
    const cases = fs.readFileSync(path.join(MONITORING, 'alerts_test.yml'), 'utf8');
    const names = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
    assert.ok(names.length > 20);
    for (const name of names) assert.ok(cases.includes(`alertname="${name}"`), name);
    for (const what of [/severity: (critical|warning|info)/g, /summary:/g, /description:/g, /runbook_url: docs\/OPERATIONS.md#alert-/g])
      assert.equal([...rules.matchAll(what)].length, names.length, String(what));
  });

  it('the section of each alert is there', () => {
    const file = path.join(ROOT, 'docs/OPERATIONS.md');
    // As GitHub makes anchors of headings: "### Alert: gateway down" is #alert-gateway-down.
    const anchors = new Set(
      [...fs.readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
        heading.toLowerCase().replace(/[^\w\- ]/g, '').replaceAll(' ', '-')),
    );
    for (const [, anchor] of rules.matchAll(/OPERATIONS\.md#([\w-]+)/g)) assert.ok(anchors.has(anchor), anchor);
  });

  it('promtool has no complaint about what gateway and broker say', async () => {
    for (const at of [port, port + 1]) {
      for (const path of ['/metrics', '/metrics?by=process']) {
        await poll(`${path} of ${at} to be clean`, async () => {
          const text = await (await fetch(`http://127.0.0.1:${at}${path}`)).text();
          const complaint = await promtool(['check', 'metrics'], text);
          assert.deepEqual(complaint, { code: 0, text: '' });
          return true;
        });
      }
    }
  });

  it('Prometheus scrapes both', async () => {
    await poll('both to be up', async () => {
      const up = await prometheus.query('up');
      return up.length === 2 && up.every(({ value }) => value === 1);
    });
  });

  it('every metric of the rules is one of ours', async () => {
    const known = new Set();
    for (const at of [port, port + 1]) {
      const text = await (await fetch(`http://127.0.0.1:${at}/metrics`)).text();
      for (const [, name] of text.matchAll(/^# TYPE (\S+)/gm)) known.add(name);
    }
    for (const [name] of rules.matchAll(/\b(banter|process)_[a-z_]+\b/g)) {
      const base = name.replace(/_bucket$/, '');
      assert.ok(known.has(base) || /^banter_bus_refused_$/.test(name), name);
    }
  });

  describe('the dashboard', () => {
    it('has panels that say what they show, and do not overlap', () => {
      assert.ok(panels.length > 30);
      const cells = new Set();
      for (const { title, description, gridPos: { x, y, w, h }, targets } of panels) {
        assert.ok(description && targets.length > 0, title);
        assert.ok(x + w <= 24, title);
        for (let column = x; column < x + w; column += 1)
          for (let line = y; line < y + h; line += 1) {
            assert.ok(!cells.has(`${column},${line}`), `${title} overlaps`);
            cells.add(`${column},${line}`);
          }
      }
      assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
    });

    for (const { panel, expr } of queries)
      it(`${panel}: ${expr}`, async () => {
        let samples;
        assert.ifError(fault);
        await poll(`data for ${filled(expr)}`, async () => {
          samples = await prometheus.query(filled(expr));
          return samples.some(({ value }) => Number.isFinite(value));
        }, { timeoutMs: 30_000, everyMs: 250 }).catch((error) => {
          throw new Error(`${error.message}; the last answer was ${JSON.stringify(samples)}`);
        });
      });
  });

  it('Prometheus can evaluate every rule', async () => {
    const wanted = [...rules.matchAll(/- alert: /g)].length;
    await poll('each to be evaluated', async () => {
      const found = await prometheus.rules();
      return found.length === wanted && found.every(({ health }) => health !== 'unknown');
    });
    for (const { name, health, error } of await prometheus.rules()) assert.equal(health, 'ok', `${name}: ${error}`);
  });

  it('people were busy all the time', () => assert.ifError(fault));

  it('no alert is there while all is well', async () => {
    // What began with the start is over after a few evaluations; from then on nothing is pending.
    await poll('no alert', async () => (await prometheus.alerts()).length === 0);
    let seen = await scrapedAt();
    for (let i = 0; i < 10; i += 1) {
      assert.deepEqual(await prometheus.alerts(), []);
      await poll('another scrape', async () => (await scrapedAt()) > seen);
      seen = await scrapedAt();
    }
  });

  it('a worker that dies is an alert', async () => {
    await stack.killWorker();
    await poll('BanterWorkerDeaths to fire', async () =>
      (await prometheus.alerts()).some(({ name, state }) => name === 'BanterWorkerDeaths' && state === 'firing'),
    { timeoutMs: 30_000, everyMs: 200 });
    await stack.waitReady();
  });

  it('a broker that stops is one, too', async () => {
    busy = false;
    await load.catch(() => {}); // a socket went with the worker
    await stack.killBroker();
    for (const wanted of ['BanterBrokerDown', 'BanterShardsWithoutBroker', 'BanterBrokerAway'])
      await poll(`${wanted} to be pending`, async () =>
        (await prometheus.alerts()).some(({ name, state }) => name === wanted && state === 'pending'),
      { timeoutMs: 60_000, everyMs: 200 });
    await stack.startBroker();
    await poll('all of them to be gone again', async () =>
      (await prometheus.alerts()).every(({ name }) => name === 'BanterWorkerDeaths'),
    { timeoutMs: 60_000, everyMs: 200 });
  });
});
