// A real Prometheus for a test, with the rules of deploy/monitoring, that looks every second.
import fs from 'node:fs';
import path from 'node:path';
import { ROOT } from '../system/lib/env.mjs';
import { freePort } from '../system/lib/ports.mjs';
import { Program } from '../system/lib/process.mjs';
import { poll } from '../system/lib/wait.mjs';

export const MONITORING = path.join(ROOT, 'deploy/monitoring');

const CONFIG = (jobs) => `
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: ["${MONITORING}/alerts.yml"]
scrape_configs:
${Object.entries(jobs)
  .map(([job, target]) => `  - {job_name: ${job}, static_configs: [{targets: ["${target}"]}]}`)
  .join('\n')}
`;

export class Prometheus {
  // jobs: {name: 'host:port'}
  static async start(dir, jobs) {
    const self = new Prometheus();
    const port = await freePort();
    fs.mkdirSync(dir);
    fs.writeFileSync(path.join(dir, 'prometheus.yml'), CONFIG(jobs));
    self.url = `http://127.0.0.1:${port}`;
    self.program = new Program({
      name: 'prometheus',
      file: 'prometheus',
      args: [
        `--config.file=${dir}/prometheus.yml`,
        `--storage.tsdb.path=${dir}/data`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=warn',
      ],
      env: { PATH: process.env.PATH, HOME: dir },
      log: path.join(dir, 'prometheus.log'),
      cwd: dir,
    });
    await poll('Prometheus to be ready', async () => {
      if (self.program.exit) throw new Error(self.program.output());
      return (await fetch(`${self.url}/-/ready`)).ok;
    });
    return self;
  }

  // The samples of an expression now: [{metric: {…}, value: N}].
  async query(expr) {
    const answer = await fetch(`${this.url}/api/v1/query?query=${encodeURIComponent(expr)}`);
    const { status, data, error } = await answer.json();
    if (status !== 'success') throw new Error(`${expr}: ${error}`);
    return data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  }

  // [{name, state}] of the alerts that are pending or fire.
  async alerts() {
    const { data } = await (await fetch(`${this.url}/api/v1/alerts`)).json();
    return data.alerts.map(({ labels, state }) => ({ name: labels.alertname, state }));
  }

  // [{name, health, error}] of the rules; health is ok, err or unknown.
  async rules() {
    const { data } = await (await fetch(`${this.url}/api/v1/rules`)).json();
    return data.groups.flatMap((group) => group.rules).map(({ name, health, lastError }) => ({ name, health, error: lastError }));
  }

  async stop() {
    await this.program.end('SIGTERM');
  }
}
