// The manifests in deploy/kubernetes: each document against Kubernetes' schemas, by their validators
// (values, what is required) and by their TypeScript types (fields that nobody knows, which the
// validators let through); and what has to fit together: times, ports, paths, names, settings.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import test from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { parse, parseAllDocuments } from 'yaml';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const ROOT = path.join(HERE, '../..');
const FOLDER = path.join(ROOT, 'deploy/kubernetes');
const MODULES = { 'monitoring.coreos.com': '@kubernetes-models/prometheus-operator' };
const require = createRequire(import.meta.url);

const read = (file) => fs.readFileSync(path.join(ROOT, file), 'utf8');
const yamlIn = (folder) =>
  fs.readdirSync(path.join(FOLDER, folder)).filter((name) => name.endsWith('.yml')).map((name) => path.join(folder, name));

// Settings of a tool, no objects of Kubernetes.
const NO_OBJECTS = ['kustomization.yml', 'examples/prometheus-adapter.yml'];
const objects = [...yamlIn('.'), ...yamlIn('examples')]
  .filter((file) => !NO_OBJECTS.includes(file))
  .flatMap((file) =>
    parseAllDocuments(read(path.join('deploy/kubernetes', file)), { merge: true, version: '1.1' }).map((document) => {
      assert.deepEqual(document.errors, [], file);
      return { file, object: document.toJS() };
    }),
  );

// As { name: "banter-gateway", kind: "Deployment" } with the module that has its model.
function modelOf({ apiVersion, kind }) {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : [undefined, apiVersion];
  const name = MODULES[group] ?? 'kubernetes-models';
  return { module: [name, ...(group === undefined ? [] : [group]), version].join('/'), kind };
}

const find = (kind, name) => {
  const found = objects.find(({ object }) => object.kind === kind && object.metadata.name === name);
  assert.ok(found, `${kind} ${name}`);
  return found.object;
};
const only = (pod) => pod.containers[0];
const pods = () => ({
  gateway: find('Deployment', 'banter-gateway').spec.template.spec,
  broker: find('StatefulSet', 'banter-broker').spec.template.spec,
});
const settingsOf = (container) => ({
  ...Object.assign({}, ...container.envFrom.map(({ configMapRef }) => find('ConfigMap', configMapRef.name).data)),
  ...Object.fromEntries((container.env ?? []).map(({ name, value }) => [name, value])),
});
const portOf = (container, name) => container.ports.find((port) => port.name === name)?.containerPort;

// What TypeScript says of the objects as literals of their types.
function complaints(list) {
  const lines = list.map(({ object }, i) => {
    const { module, kind } = modelOf(object);
    return `import type { I${kind} as T${i} } from '${module}';\nexport const o${i}: T${i} = ${JSON.stringify(object)};`;
  });
  const file = path.join(HERE, 'literals.ts');
  const options = { strict: true, noEmit: true, skipLibCheck: true, types: [], target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists } = host;
  host.fileExists = (name) => name === file || fileExists(name);
  host.getSourceFile = (name, ...rest) =>
    name === file ? ts.createSourceFile(name, lines.join('\n'), ts.ScriptTarget.ES2022) : getSourceFile(name, ...rest);
  const program = ts.createProgram([file], options, host);
  return ts.getPreEmitDiagnostics(program).map((one) => ts.flattenDiagnosticMessageText(one.messageText, '\n'));
}

test('every object fits its schema', () => {
  for (const { file, object } of objects) {
    const { module, kind } = modelOf(object);
    const Model = require(module)[kind];
    assert.ok(Model, `${file}: there is no ${kind} in ${object.apiVersion}`);
    assert.doesNotThrow(() => new Model(object).validate(), `${file}: ${kind} ${object.metadata.name}`);
  }
});

test('no object has a field that Kubernetes does not know', () => {
  assert.deepEqual(complaints(objects), []);
});

test('a misspelt field, a wrong type and a value out of bounds are noticed', () => {
  const changed = (change) => {
    const copy = structuredClone(find('Deployment', 'banter-gateway'));
    change(copy.spec.template.spec);
    return [{ object: copy }];
  };
  const broken = [
    (pod) => (only(pod).readinessProbe.periodSecond = 2),
    (pod) => (pod.terminationGracePeriodSeconds = '60'),
    (pod) => delete only(pod).name,
  ];
  for (const change of broken) assert.equal(complaints(changed(change)).length, 1, String(change));
  const { Deployment } = require('kubernetes-models/apps/v1');
  const [{ object }] = changed((pod) => (only(pod).ports[0].containerPort = 'http'));
  assert.throws(() => new Deployment(object).validate());
});

test('the kustomization names every file, and the version of the source', () => {
  const { resources, images } = parse(read('deploy/kubernetes/kustomization.yml'));
  assert.deepEqual([...resources].sort(), yamlIn('.').filter((file) => !NO_OBJECTS.includes(file)).sort());
  assert.equal(images[0].newTag, /BANTER_VERSION "(.*)"/.exec(read('src/common/version.h'))[1]);
  for (const pod of Object.values(pods())) assert.equal(only(pod).image, images[0].name);
});

test('every setting exists, for the program that gets it', () => {
  const rows = [...read('src/common/settings.def').matchAll(/SETTING_\w+\(\w+, "(\w+)", ([GBC| ]+),/g)];
  const programs = new Map(rows.map(([, name, letters]) => [name, letters]));
  for (const [program, pod] of Object.entries(pods()))
    for (const name of Object.keys(settingsOf(only(pod))).filter((one) => one !== 'POD_IP')) {
      const letters = programs.get(name.replace(/^BANTER_/, '').replace(/_FILE$/, ''));
      assert.ok(letters?.includes(program === 'gateway' ? 'G' : 'B'), `${program}: ${name}`);
    }
});

test('a gateway has the time to drain', () => {
  const { gateway } = pods();
  const settings = settingsOf(only(gateway));
  const preStop = Number(only(gateway).lifecycle.preStop.exec.command[1]);
  const notice = Number(settings.BANTER_DRAIN_NOTICE_MS) / 1000;
  const drain = Number(settings.BANTER_DRAIN_MS) / 1000;
  const probe = only(gateway).readinessProbe;
  // Five seconds at most for what is left (docs/ARCHITECTURE.md), and five to spare.
  assert.ok(gateway.terminationGracePeriodSeconds >= preStop + notice + drain + 10);
  assert.ok(notice > probe.periodSeconds * probe.failureThreshold, 'the notice is longer than a probe takes');
});

test('probes ask for paths that there are, at ports that there are', () => {
  const routes = read('src/gateway/routes.c');
  const admin = read('src/common/admin.h');
  for (const [program, pod] of Object.entries(pods()))
    for (const kind of ['readinessProbe', 'livenessProbe', 'startupProbe']) {
      const { path: asked, port } = only(pod)[kind].httpGet;
      assert.ok(portOf(only(pod), port), `${program} ${kind} ${port}`);
      assert.match(program === 'gateway' ? routes : admin, new RegExp(asked.replace('/', '["/ ]/?')), `${program} ${asked}`);
    }
});

test('ports are those of the settings', () => {
  const { gateway, broker } = pods();
  const own = settingsOf(only(gateway));
  const port = (address) => Number(/:(\d+)$/.exec(address)[1]);
  assert.equal(portOf(only(gateway), 'http'), port(own.BANTER_LISTEN));
  assert.equal(portOf(only(gateway), 'metrics'), port(own.BANTER_ADMIN_LISTEN));
  assert.equal(portOf(only(broker), 'metrics'), port(settingsOf(only(broker)).BANTER_ADMIN_LISTEN) + 1);
  const commands = port(settingsOf(only(broker)).BANTER_BROKER_LISTEN);
  assert.equal(portOf(only(broker), 'commands'), commands);
  assert.equal(portOf(only(broker), 'events'), commands + 1);
  for (const { object } of objects.filter(({ object: one }) => one.kind === 'NetworkPolicy')) {
    const pod = pods()[object.spec.podSelector.matchLabels['app.kubernetes.io/component']];
    const open = object.spec.ingress.flatMap(({ ports }) => ports.map((one) => one.port)).sort();
    assert.deepEqual(open, only(pod).ports.map((one) => one.containerPort).sort(), object.metadata.name);
  }
});

test('gateways know every broker by its name', () => {
  const { spec } = find('StatefulSet', 'banter-broker');
  const service = find('Service', spec.serviceName);
  assert.equal(service.spec.clusterIP, 'None');
  const names = Array.from({ length: spec.replicas }, (_, i) => `tcp://banter-broker-${i}.${spec.serviceName}:${service.spec.ports[0].port}`);
  assert.equal(settingsOf(only(pods().gateway)).BANTER_BROKERS, names.join(','));
});

test('selectors find their pods, files their secrets and mounts', () => {
  const labels = (component) => ({ 'app.kubernetes.io/name': 'banter', 'app.kubernetes.io/component': component });
  for (const { object } of objects) {
    const selector = object.spec?.selector?.matchLabels ?? (object.kind === 'Service' ? object.spec.selector : undefined);
    if (selector !== undefined) assert.deepEqual(selector, labels(object.metadata.name.replace('banter-', '')), object.kind);
  }
  for (const [program, pod] of Object.entries(pods())) {
    const mounts = new Map(only(pod).volumeMounts.map((mount) => [mount.name, mount]));
    const files = pod.volumes.filter((volume) => volume.secret).flatMap((volume) => {
      const { stringData } = find('Secret', volume.secret.secretName);
      return Object.keys(stringData).map((name) => `${mounts.get(volume.name).mountPath}/${name}`);
    });
    for (const value of Object.values(settingsOf(only(pod))))
      if (value?.startsWith('/run/secrets/')) assert.ok(files.includes(value), `${program}: ${value}`);
    assert.deepEqual([...mounts.keys()].sort(), pod.volumes.map((volume) => volume.name).sort());
  }
});

test('nothing runs with rights that it does not need', () => {
  for (const pod of Object.values(pods())) {
    assert.equal(pod.automountServiceAccountToken, false);
    assert.equal(pod.enableServiceLinks, false, 'BANTER_GATEWAY_PORT would stand among the settings');
    assert.equal(pod.securityContext.runAsNonRoot, true);
    assert.equal(pod.securityContext.runAsUser, Number(/useradd .*--uid (\d+)/.exec(read('Dockerfile'))[1]));
    assert.deepEqual(only(pod).securityContext, {
      allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } });
  }
});

test('the autoscaler counts a metric that there is, and the adapter provides it', () => {
  const [{ pods: { metric } }] = find('HorizontalPodAutoscaler', 'banter-gateway').spec.metrics;
  assert.match(read('docs/METRICS.md'), new RegExp(`\`${metric.name}\``));
  const [rule] = parse(read('deploy/kubernetes/examples/prometheus-adapter.yml')).rules.custom;
  assert.equal(rule.name.as, metric.name);
  assert.ok(rule.seriesQuery.startsWith(`${metric.name}{`));
});

test('the jobs are called as the alert rules ask for them', () => {
  const jobs = objects.filter(({ object }) => object.kind === 'PodMonitor')
    .map(({ object }) => object.spec.podMetricsEndpoints[0].relabelings[0].replacement);
  const known = [...read('deploy/monitoring/prometheus.yml').matchAll(/job_name: (banter-\w+)/g)].map(([, name]) => name);
  assert.deepEqual(jobs.sort(), known.sort());
});
