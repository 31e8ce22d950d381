// The same stack where no container engine can run: each host is a network namespace with an address
// of its own on one bridge, names come from a DNS server (dnsmasq), and every process is the one that
// make built. HAProxy's and nginx's files are the shipped ones, but for the places of their sockets.
import fs from 'node:fs';
import path from 'node:path';
import { BIN_DIR, ROOT, WITHOUT_RATES, binary } from '../system/lib/env.mjs';
import { Program } from '../system/lib/process.mjs';
import { delay, poll } from '../system/lib/wait.mjs';
import { servers, sumOf } from './balancer.mjs';
import { command } from './command.mjs';

const PREFIX = 'bnt-';
const BRIDGE = 'bnt0';
const BRIDGE_ADDRESS = '02:62:6e:74:00:01';
const NETWORK = '198.19.0'; // a range for benchmarks; it meets no real network
const DATABASE_PASSWORD = 'stackpassword';
const RESTART_MS = 1_000; // as systemd's RestartSec
const STOP_MS = 60_000;

const ip = (...args) => command('ip', args);
const quietly = (promise) => promise.catch(() => '');

export class NetnsStack {
  constructor({ dir, log }) {
    Object.assign(this, { dir, log });
    this.binDir = BIN_DIR;
    this.hosts = new Map(); // name -> {address, service}
    this.programs = new Map(); // name of the host -> its program
    this.next = 2;
    this.gateways = 0;
    this.clientAddress = `${NETWORK}.1`;
    this.hostsFile = path.join(dir, 'hosts');
    this.socket = path.join(dir, 'mariadb/mariadb.sock');
    this.sqlCommand = ['mariadb', '--no-defaults', '--batch', '--skip-column-names',
      '--default-character-set=utf8mb4', `--socket=${this.socket}`, '--user=banter', 'banter'];
  }

  async start() {
    await this.sweep();
    this.up = true;
    // An address of its own: else it has that of one of its ports, and changes it when one comes or goes.
    await ip('link', 'add', BRIDGE, 'address', BRIDGE_ADDRESS, 'type', 'bridge');
    await ip('address', 'add', `${NETWORK}.1/24`, 'dev', BRIDGE);
    await ip('link', 'set', BRIDGE, 'up');
    await this.passFilter('-I');
    await this.startNames();
    await this.startDatabase();
    await command(binary('banterctl'), ['keys', path.join(this.dir, 'keys'), 'gateway']);
    await this.addHost('broker', 'broker');
    this.startBroker();
    for (let i = 0; i < 3; i += 1) await this.addGateway();
    await this.startBalancer();
  }

  // --- hosts and names --------------------------------------------------------------------------

  async addHost(name, service) {
    const address = `${NETWORK}.${this.next}`;
    const inside = `${PREFIX}${name}`;
    fs.mkdirSync(`/etc/netns/${inside}`, { recursive: true });
    fs.writeFileSync(`/etc/netns/${inside}/resolv.conf`, `nameserver ${NETWORK}.1\n`);
    await ip('netns', 'add', inside);
    await ip('link', 'add', `bntv${this.next}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', inside);
    await ip('link', 'set', `bntv${this.next}`, 'master', BRIDGE, 'up');
    await ip('-n', inside, 'address', 'add', `${address}/24`, 'dev', 'eth0');
    await ip('-n', inside, 'link', 'set', 'eth0', 'up');
    await ip('-n', inside, 'link', 'set', 'lo', 'up');
    await ip('-n', inside, 'route', 'add', 'default', 'via', `${NETWORK}.1`);
    this.next += 1;
    this.hosts.set(name, { address, service });
    this.tellNames();
    return address;
  }

  async removeHost(name) {
    this.hosts.delete(name);
    this.programs.delete(name);
    this.tellNames();
    await ip('netns', 'delete', `${PREFIX}${name}`);
    fs.rmSync(`/etc/netns/${PREFIX}${name}`, { recursive: true, force: true });
  }

  async startNames() {
    fs.writeFileSync(this.hostsFile, '');
    fs.chmodSync(this.hostsFile, 0o644);
    this.names = new Program({
      name: 'dnsmasq', file: 'dnsmasq', log: path.join(this.dir, 'dnsmasq.log'), env: process.env,
      args: ['--keep-in-foreground', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--local=//', '--local-ttl=1',
        `--addn-hosts=${this.hostsFile}`, `--listen-address=${NETWORK}.1`, '--bind-interfaces',
        '--pid-file=', '--user=root', '--log-facility=-'],
    });
    await delay(300);
    if (this.names.exit) throw new Error(`dnsmasq: ${this.names.output()}`);
  }

  tellNames() {
    const lines = [...this.hosts.values()].map(({ address, service }) => `${address} ${service}\n`);
    fs.writeFileSync(this.hostsFile, lines.join(''));
    this.names.kill('SIGHUP');
  }

  // Where an engine has told the kernel to filter bridges, too, ours is let through.
  async passFilter(how) {
    const file = '/proc/sys/net/bridge/bridge-nf-call-iptables';
    if (!fs.existsSync(file) || fs.readFileSync(file, 'utf8').trim() !== '1') return;
    await quietly(command('iptables', [how, 'FORWARD', '-i', BRIDGE, '-o', BRIDGE, '-j', 'ACCEPT']));
  }

  // --- processes --------------------------------------------------------------------------------

  launch(host, args, env = {}) {
    const program = new Program({
      name: host,
      file: 'ip',
      args: ['netns', 'exec', `${PREFIX}${host}`, ...args],
      env: { PATH: process.env.PATH, HOME: this.dir, ...env },
      log: path.join(this.dir, `${host}.log`),
      cwd: this.dir,
    });
    program.again = () => this.launch(host, args, env);
    this.programs.set(host, program);
    return program;
  }

  environment(host) {
    const runDir = path.join(this.dir, `run-${host}`);
    fs.mkdirSync(runDir, { recursive: true });
    return {
      BANTER_RUN_DIR: runDir,
      BANTER_DATABASE_URL: `mysql://banter:${DATABASE_PASSWORD}@db:3306/banter`,
      BANTER_ADMIN_LISTEN: '0.0.0.0:9100',
    };
  }

  async startDatabase() {
    await this.addHost('db', 'db');
    const env = {
      BANTER_MARIADB_TEMPLATE: path.join(ROOT, 'build/mariadb-template'),
      BANTER_MARIADB_ARGS: '--skip-networking=0 --bind-address=0.0.0.0',
    };
    await command('ip', ['netns', 'exec', `${PREFIX}db`, 'sh', path.join(ROOT, 'deploy/mariadb.sh'), 'start',
      path.join(this.dir, 'mariadb')], { env, timeoutMs: 90_000 });
    const root = this.sqlCommand.map((word) => (word === '--user=banter' ? '--user=root' : word));
    await command(root[0], root.slice(1), {
      input: `CREATE USER banter@'%' IDENTIFIED BY '${DATABASE_PASSWORD}'; GRANT ALL ON banter.* TO banter@'%';`,
    });
  }

  startBroker() {
    return this.launch('broker', [path.join(this.binDir, 'banter-broker')], {
      ...this.environment('broker'),
      BANTER_BROKER_LISTEN: 'tcp://0.0.0.0:7000',
      BANTER_BUS_KEY: path.join(this.dir, 'keys/broker.key'),
      BANTER_BUS_GATEWAY_KEYS: path.join(this.dir, 'keys/gateways.allow'),
    });
  }

  startGateway(host) {
    return this.launch(host, [path.join(this.binDir, 'banter-gateway')], {
      ...this.environment(host),
      BANTER_LISTEN: '0.0.0.0:8000',
      BANTER_BROKERS: 'tcp://broker:7000',
      BANTER_ASSETS_DIR: path.join(ROOT, 'build/assets'),
      BANTER_ACCESS_LOG: '1',
      ...WITHOUT_RATES,
      BANTER_TRUSTED_PROXIES: `${NETWORK}.0/24`,
      BANTER_BUS_KEY: path.join(this.dir, 'keys/gateway.key'),
      BANTER_BUS_BROKER_KEY_FILE: path.join(this.dir, 'keys/broker.pub'),
    });
  }

  async addGateway() {
    this.gateways += 1;
    const host = `gateway${this.gateways}`;
    await this.addHost(host, 'gateway');
    this.startGateway(host);
    return host;
  }

  get gatewayHosts() {
    return [...this.hosts.keys()].filter((name) => name.startsWith('gateway'));
  }

  async startBalancer() {
    const address = await this.addHost('haproxy', 'haproxy');
    const shipped = fs.readFileSync(path.join(ROOT, 'deploy/haproxy/haproxy.cfg'), 'utf8');
    this.adminSocket = path.join(this.dir, 'haproxy.sock');
    const file = path.join(this.dir, 'haproxy.cfg');
    fs.writeFileSync(file, shipped.replace('/tmp/haproxy-admin.sock', this.adminSocket));
    this.launch('haproxy', ['haproxy', '-W', '-db', '-f', file]);
    this.url = `http://${address}:8000`;
  }

  balancer() {
    return servers(this.adminSocket);
  }

  // --- what happens to it -----------------------------------------------------------------------

  // Every process of a host at once; then its supervisor starts it again.
  async kill(host) {
    const program = this.programs.get(host);
    const pids = (await ip('netns', 'pids', `${PREFIX}${host}`)).split('\n').filter(Boolean).map(Number);
    this.log(`kill -9: ${host}, ${pids.length} processes`);
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await program.exited;
    await delay(RESTART_MS);
    program.again();
  }

  killGateway() {
    return this.kill(this.gatewayHosts[0]);
  }

  killBroker() {
    return this.kill('broker');
  }

  async stopInOrder(host) {
    const { code, signal } = await this.programs.get(host).end('SIGTERM', STOP_MS);
    if (code !== 0) throw new Error(`${host} ended with ${code ?? signal}`);
  }

  async drainGateway() {
    const host = this.gatewayHosts[0];
    await this.stopInOrder(host);
    await this.removeHost(host);
    return 0;
  }

  async scale(count) {
    while (this.gatewayHosts.length < count) await this.addGateway();
    const leaving = this.gatewayHosts.slice(count);
    await Promise.all(leaving.map((host) => this.stopInOrder(host)));
    for (const host of leaving) await this.removeHost(host);
  }

  async makeNextVersion() {
    const binDir = path.join(this.dir, 'next');
    fs.cpSync(this.binDir, binDir, { recursive: true });
    this.binDir = binDir;
  }

  // In place, as on a host of one's own: the next one goes when this one is back.
  async updateGateways() {
    for (const host of this.gatewayHosts) {
      await this.stopInOrder(host);
      this.startGateway(host);
      await poll('every gateway to be back', async () => {
        const list = await this.balancer();
        return list.length === this.gatewayHosts.length && list.every(({ status }) => status === 'UP');
      }, { timeoutMs: 60_000, everyMs: 250 });
      this.log(`${host} is replaced`);
    }
  }

  async updateBroker() {
    await this.stopInOrder('broker');
    this.startBroker();
  }

  async startPrometheus() {
    const address = await this.addHost('prometheus', 'prometheus');
    this.launch('prometheus', ['prometheus', `--config.file=${ROOT}/deploy/monitoring/prometheus.yml`,
      `--storage.tsdb.path=${path.join(this.dir, 'prometheus')}`]);
    const url = `http://${address}:9090`;
    await poll('Prometheus to be ready', async () => (await fetch(`${url}/-/ready`)).ok, { timeoutMs: 30_000 });
    return url;
  }

  // Somebody who speaks another protocol.
  async knockAtBroker() {
    const address = this.hosts.get('broker').address;
    const refused = async () => sumOf(await (await fetch(`http://${address}:9101/metrics`)).text(), 'banter_bus_refused_handshakes_total');
    const before = await refused();
    await quietly(command('curl', ['-sS', '-m', '2', '-o', '/dev/null', `http://${address}:7000/`]));
    await poll('the refusal to be counted', async () => (await refused()) > before);
    const lines = this.programs.get('broker').output().split('\n').filter((line) => line.includes('refused')).length;
    return { before, after: await refused(), lines };
  }

  async startNginx() {
    const address = await this.addHost('nginx', 'nginx');
    const dir = path.join(this.dir, 'nginx');
    fs.mkdirSync(dir);
    const shipped = fs.readFileSync(path.join(ROOT, 'deploy/nginx/nginx.conf'), 'utf8');
    fs.writeFileSync(path.join(dir, 'nginx.conf'), shipped.replace('/run/nginx.pid', path.join(dir, 'pid')));
    fs.writeFileSync(path.join(dir, 'banter-gateways.conf'), this.gatewayHosts
      .map((host) => `server ${this.hosts.get(host).address}:8000 max_fails=0;\n`).join(''));
    this.launch('nginx', ['nginx', '-c', path.join(dir, 'nginx.conf'), '-g', 'daemon off;']);
    return `http://${address}:8000`;
  }

  // --- the end ----------------------------------------------------------------------------------

  async logs() {
    const logs = { gateway: '' };
    for (const name of fs.readdirSync(this.dir).filter((each) => each.endsWith('.log'))) {
      const text = fs.readFileSync(path.join(this.dir, name), 'utf8');
      if (name.startsWith('gateway')) logs.gateway += text;
      else logs[name.slice(0, -4)] = text;
    }
    return logs;
  }

  async stop() {
    await Promise.all(this.gatewayHosts.map((host) => this.stopInOrder(host)));
    await this.stopInOrder('broker');
    await command('sh', [path.join(ROOT, 'deploy/mariadb.sh'), 'stop', path.join(this.dir, 'mariadb')]);
  }

  async discard() {
    if (!this.up) return;
    await this.sweep();
    this.names?.kill('SIGKILL');
  }

  // Takes away every namespace of ours, from whatever run, with all that lives in it.
  async sweep() {
    const list = (await ip('netns', 'list')).split('\n').map((line) => line.split(' ')[0]);
    for (const name of list.filter((each) => each.startsWith(PREFIX))) {
      for (const pid of (await quietly(ip('netns', 'pids', name))).split('\n').filter(Boolean)) {
        try {
          process.kill(Number(pid), 'SIGKILL');
        } catch {
          // gone meanwhile
        }
      }
      await quietly(ip('netns', 'delete', name));
      fs.rmSync(`/etc/netns/${name}`, { recursive: true, force: true });
    }
    await this.passFilter('-D');
    await quietly(ip('link', 'delete', BRIDGE));
    try {
      fs.rmdirSync('/etc/netns');
    } catch {
      // it is not there, or others use it
    }
  }
}
