// @module-tag one-try
import { existsSync } from 'node:fs';
import { readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attach, down, halt, up, type ClusterHandle } from './cluster.ts';
import { driverOf, probe, type Driver } from './driver.ts';
import { probeImage } from './images.ts';
import { cgroupsOf, machine, processesIn, type Machine } from './machine-traces.ts';
import { findProcess } from './node/leftovers.ts';
import { readLayout } from './node/record.ts';
import { waitUntil } from './node/wait-until.ts';

const name = 'halttest';
let driver: Driver;
let cluster: ClusterHandle;
let before: Machine;
let identities: string;
let haltedInMs: number;
let namespaces: string[];

const uids = 'jsonpath={range .items[*]}{.kind}/{.metadata.name} {.metadata.uid}{"\\n"}{end}';
const identitiesNow = (): Promise<string> => driver.kubectl('get', 'statefulset,deployment,pod,pvc,pv', '-o', uids);
const lastExit = 'jsonpath={.items[0].status.containerStatuses[0].lastState.terminated.exitCode}';

function template(app: string, container: object): object {
  const containers = [{ name: app, imagePullPolicy: 'Never', ...container }];
  return { selector: { matchLabels: { app } }, template: { metadata: { labels: { app } }, spec: { containers } } };
}

function workload(kind: string, app: string, container: object, spec: object = {}): object {
  const metadata = { name: app, namespace: 'default' };
  return { apiVersion: 'apps/v1', kind, metadata, spec: { replicas: 1, ...template(app, container), ...spec } };
}

const note = (): Promise<string> =>
  driver.kubectl('exec', 'keeper-0', '--', '/usr/local/bin/probe', 'cat', '/data/note');

async function rolledOut(...workloads: string[]): Promise<void> {
  for (const one of workloads) await driver.kubectl('rollout', 'status', one, '--timeout=15s');
}

beforeAll(async () => {
  await down(name);
  driver = await driverOf(name);
  before = await machine();
  cluster = await up({ name, log: console.error });
  await cluster.importImage((await probeImage('1')).archivePath);
  const claim = {
    metadata: { name: 'data' },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '10Mi' } } },
  };
  const volumeMounts = [{ name: 'data', mountPath: '/data' }];
  const keeper = { image: 'steward.test/probe:1', volumeMounts, securityContext: { runAsUser: 0 } };
  await driver.apply(
    workload('StatefulSet', 'keeper', keeper, { serviceName: 'keeper', volumeClaimTemplates: [claim] }),
    workload('Deployment', 'web', { image: 'steward.test/probe:1' }),
    probe('stubborn', { env: [{ name: 'STUBBORN', value: 'yes' }] }, { terminationGracePeriodSeconds: 600 }),
  );
  await rolledOut('statefulset/keeper', 'deployment/web');
  await driver.ready('stubborn');
  await driver.putFile('keeper-0', '/data/note', 'kept');
  identities = await identitiesNow();
  const pid = await findProcess(name);
  namespaces = await Promise.all(['pid', 'net', 'mnt'].map((kind) => readlink(`/proc/${pid}/ns/${kind}`)));
  const startedAt = Date.now();
  await cluster.halt();
  haltedInMs = Date.now() - startedAt;
}, 30 * 60_000);

afterAll(async () => {
  await down(name);
});

async function expectNothingRuns(hostLink: string | undefined): Promise<void> {
  expect(await attach(name)).toBeUndefined();
  const read = async (): Promise<boolean> => (await processesIn(namespaces)).length === 0;
  await waitUntil('no process to be left', read, { timeoutMs: 10_000 });
  expect(await cgroupsOf(name)).toEqual([]);
  expect(hostLink).toBeDefined();
  expect(await readdir('/sys/class/net')).not.toContain(hostLink);
  expect(await machine()).toEqual(before);
}

describe('a halted cluster', () => {
  it('runs nothing, and is mounted and linked nowhere', async () => {
    expect(haltedInMs).toBeLessThan(12_000);
    await expectNothingRuns((await readLayout(name))?.hostLink);
  });

  it('goes on with the same objects and data, at the same address', async () => {
    const startedAt = Date.now();
    const again = await up({ name, log: console.error });
    await rolledOut('statefulset/keeper', 'deployment/web');
    expect(Date.now() - startedAt).toBeLessThan(15_000);
    expect(again).toMatchObject({ nodeAddress: cluster.nodeAddress, kubeconfig: cluster.kubeconfig });
    expect(await identitiesNow()).toBe(identities);
    expect(await note()).toBe('kept');
  });

  it('had asked its containers to end, and killed only those that did not', async () => {
    expect(await driver.kubectl('get', 'pod', '-l', 'app=web', '-o', lastExit)).toBe('0');
    expect(await driver.kubectl('get', 'pod', '-l', 'app=stubborn', '-o', lastExit)).toBe('137');
    for (const one of ['deployment/web', 'pod/stubborn']) {
      expect(await driver.kubectl('logs', one, '--previous')).toContain('probe was told to stop');
    }
    await driver.kubectl('delete', 'pod', 'stubborn', '--now');
  });

  it('is made anew, and says so, when its data is of no use', async () => {
    await halt(name);
    const members = join(cluster.stateDir, 'var-lib', 'etcd', 'member');
    await rm(members, { recursive: true });
    await writeFile(members, 'not a folder');
    const said: string[] = [];
    await up({ name, resumePatienceMs: 2000, log: (line) => said.push(line) });
    expect(said.join()).toMatch(/waited 2 s for the API server.*making it anew, without its former objects/);
    expect(await driver.kubectl('get', 'statefulset', '-A')).toBe('');
  });

  it('leaves nothing when it is taken down', async () => {
    const hostLink = (await readLayout(name))?.hostLink;
    await halt(name);
    await down(name);
    await expectNothingRuns(hostLink);
    expect(existsSync(cluster.stateDir)).toBe(false);
  });
});

describe('a cluster whose first process ends while it is brought up', () => {
  it('is given up at once', async () => {
    const bringing = up({ name });
    const failed = expect(bringing).rejects.toThrow(/process 1 of (the )?cluster/);
    const started = async (): Promise<boolean> => existsSync(join(cluster.stateDir, 'init.sock'));
    await waitUntil('it to be launched', started, { timeoutMs: 10_000, intervalMs: 10 });
    process.kill(Number(await findProcess(name)), 'SIGKILL');
    const killedAt = Date.now();
    await failed;
    expect(Date.now() - killedAt).toBeLessThan(3000);
    expect(await cgroupsOf(name)).toEqual([]);
  });
});
