// The shipped docker-compose.yml, up and running: the real Dockerfile, the real networks, volumes and
// limits. What differs on a test machine is in compose.test.yml.
import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from '../system/lib/env.mjs';
import { run } from '../system/lib/process.mjs';
import { isAlive } from '../system/lib/procfs.mjs';
import { freePort } from '../system/lib/ports.mjs';
import { poll } from '../system/lib/wait.mjs';
import { servers, sumOf } from './balancer.mjs';
import { command } from './command.mjs';

const PROJECT = 'banterstack';
const NEXT_IMAGE = 'banter:next';
const SERVICES = ['gateway', 'broker', 'haproxy', 'nginx', 'db', 'keys'];
const UP_MS = 300_000;

export class DockerStack {
  // dir: a folder for files of this run. log: where sentences go.
  constructor({ dir, log }) {
    Object.assign(this, { dir, log });
    this.nginxDir = path.join(dir, 'nginx');
  }

  async start() {
    this.port = await freePort();
    this.env = {
      BANTER_DB_PASSWORD: 'stackpassword',
      BANTER_PORT: String(this.port),
      BANTER_TRUSTED_PROXIES: '198.18.0.0/15', // where engine.sh puts networks
      BANTER_ACCESS_LOG: '1',
      BANTER_STACK_NGINX_DIR: this.nginxDir,
      DOCKER_BUILDKIT: '1',
      COMPOSE_DOCKER_CLI_BUILD: '1',
      COMPOSE_PROJECT_NAME: PROJECT,
      COMPOSE_FILE: `${ROOT}/docker-compose.yml:${ROOT}/tests/stack/compose.test.yml`,
    };
    fs.mkdirSync(this.nginxDir, { recursive: true });
    // What a run that was cut short left.
    await this.compose(['down', '-v', '--remove-orphans', '-t', '1']);
    const since = Date.now();
    await this.compose(['build', 'gateway'], UP_MS);
    this.log(`the image is built after ${((Date.now() - since) / 1000).toFixed(1)} s`);
    await this.compose(['up', '-d'], UP_MS);
    // Not loopback, where the engine's own proxy would copy every byte: by the packet filter, as for
    // a client of another machine.
    const [bridge] = await this.inspect('haproxy', '{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}');
    this.url = `http://${bridge}:${this.port}`;
    this.clientAddress = bridge;
    const [database] = await this.ids('db');
    this.sqlCommand = ['docker', 'exec', '-i', database, 'mariadb', '--no-defaults', '--batch', '--skip-column-names',
      '--default-character-set=utf8mb4', '--socket=/run/mysqld/mysqld.sock', 'banter'];
  }

  compose(args, timeoutMs = 120_000) {
    return command('docker-compose', args, { env: this.env, timeoutMs, cwd: ROOT });
  }

  async ids(service) {
    return (await this.compose(['ps', '-q', service])).split('\n').filter(Boolean);
  }

  // One line for each container of the service.
  async inspect(service, format) {
    const ids = await this.ids(service);
    if (ids.length === 0) return [];
    return (await command('docker', ['inspect', '-f', format, ...ids])).trim().split('\n');
  }

  // [{name, status, sockets}] of the gateways that the balancer knows.
  async balancer() {
    const [pid] = await this.inspect('haproxy', '{{.State.Pid}}');
    return servers(`/proc/${pid}/root/tmp/haproxy-admin.sock`);
  }

  async gatewayAddresses() {
    const list = await this.inspect('gateway', `{{(index .NetworkSettings.Networks "${PROJECT}_front").IPAddress}}`);
    return list.filter(Boolean);
  }

  // The engine is not asked, so it sees a container die, and does what "restart" says.
  async kill(service) {
    const [[id, pid]] = (await this.inspect(service, '{{.Id}} {{.State.Pid}}')).map((line) => line.split(' '));
    this.log(`kill -9: ${service} ${id.slice(0, 12)}`);
    process.kill(Number(pid), 'SIGKILL');
    await poll('the container to die', () => !isAlive(Number(pid)));
    await poll('the engine to start it again', async () => {
      const [, now] = (await command('docker', ['inspect', '-f', '{{.Id}} {{.State.Pid}}', id])).trim().split(' ');
      return Number(now) !== 0 && now !== pid;
    }, { timeoutMs: 60_000, everyMs: 200 });
  }

  killGateway() {
    return this.kill('gateway');
  }

  killBroker() {
    return this.kill('broker');
  }

  async scale(count) {
    await this.compose(['up', '-d', '--no-recreate', '--scale', `gateway=${count}`, 'gateway']);
  }

  // Another image under another name, as a new version would be.
  async makeNextVersion() {
    const args = ['DEBIAN_IMAGE', 'NODE_IMAGE'].flatMap((name) =>
      ['--build-arg', `${name}=${process.env[`BANTER_STACK_${name.replace('_IMAGE', '')}`]}`]);
    await command('docker', ['build', '-q', '-t', NEXT_IMAGE, '--label', 'version=next', ...args, '.'],
      { env: this.env, timeoutMs: UP_MS, cwd: ROOT });
    this.env.BANTER_IMAGE = NEXT_IMAGE;
  }

  async update(what, timeoutMs) {
    const said = await command('sh', ['deploy/compose-update.sh', what],
      { env: { ...this.env, COMPOSE: 'docker-compose' }, timeoutMs, cwd: ROOT });
    for (const line of said.split('\n').filter((text) => text.startsWith('update:'))) this.log(line);
    const images = await this.inspect(what, '{{.Config.Image}}');
    if (images.some((image) => image !== NEXT_IMAGE)) throw new Error(`still there: ${images}`);
  }

  updateGateways() {
    return this.update('gateway', 300_000);
  }

  updateBroker() {
    return this.update('broker', 120_000);
  }

  // nginx before the same gateways. Returns its address.
  async startNginx() {
    const list = await this.gatewayAddresses();
    fs.copyFileSync(path.join(ROOT, 'deploy/nginx/nginx.conf'), path.join(this.nginxDir, 'nginx.conf'));
    fs.writeFileSync(path.join(this.nginxDir, 'banter-gateways.conf'),
      list.map((address) => `server ${address}:8000 max_fails=0;\n`).join(''));
    await this.compose(['--profile', 'nginx', 'up', '-d', '--no-deps', 'nginx']);
    const [address] = await this.inspect('nginx', '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}');
    return `http://${address}:8000`;
  }

  async startPrometheus() {
    await this.compose(['--profile', 'monitoring', 'up', '-d', '--no-deps', 'prometheus']);
    const [address] = await this.inspect('prometheus',
      `{{(index .NetworkSettings.Networks "${PROJECT}_monitoring").IPAddress}}`);
    return `http://${address}:9090`;
  }

  // Somebody who speaks another protocol, from a container beside the broker.
  async knockAtBroker() {
    const [broker] = await this.ids('broker');
    const [gateway] = await this.ids('gateway');
    const inside = (id, line) => command('docker', ['exec', id, 'bash', '-c', line]);
    const refused = async () => sumOf(await inside(broker, 'curl -fsS http://127.0.0.1:9101/metrics'), 'banter_bus_refused_handshakes_total');
    const before = await refused();
    await inside(gateway, 'curl -sS -m 2 -o /dev/null http://broker:7000/ || true');
    await poll('the refusal to be counted', async () => (await refused()) > before);
    const { broker: log } = await this.logs('broker');
    return { before, after: await refused(), lines: log.split('\n').filter((line) => line.includes('refused')).length };
  }

  // Stops one gateway in order. Returns its exit code.
  async drainGateway() {
    const [id] = await this.ids('gateway');
    await command('docker', ['stop', '-t', '60', id], { timeoutMs: 90_000 });
    const code = Number(await command('docker', ['inspect', '-f', '{{.State.ExitCode}}', id]));
    await command('docker', ['rm', id]);
    return code;
  }

  // What was said, by service.
  async logs(...services) {
    const all = {};
    for (const service of services.length > 0 ? services : SERVICES) {
      all[service] = '';
      for (const id of await this.ids(service)) {
        const { stdout, stderr } = await run('docker', ['logs', id], { timeoutMs: 60_000 });
        all[service] += stdout + stderr;
      }
    }
    return all;
  }

  // Stops all in order, each in its time and with its work done.
  async stop() {
    await this.compose(['--profile', 'nginx', '--profile', 'monitoring', 'stop'], 180_000);
    for (const service of ['gateway', 'broker', 'db']) {
      const codes = (await this.inspect(service, '{{.State.ExitCode}}')).map(Number);
      if (codes.length === 0 || codes.some((code) => code !== 0)) {
        throw new Error(`${service} ended with ${codes.join(', ')}`);
      }
    }
  }

  async discard() {
    if (!this.env) return;
    await this.compose(['--profile', 'nginx', '--profile', 'monitoring', 'down', '-v', '--remove-orphans', '-t', '1'], 180_000);
  }
}
