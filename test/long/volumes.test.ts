// @module-tag one-try
import { join } from 'node:path';
import type { Installation, Operation, OperationDetails } from '@steward/shared';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { down, up, type ClusterHandle } from '../cluster/cluster.ts';
import { probeImage } from '../cluster/images.ts';
import { findProcess } from '../cluster/node/leftovers.ts';
import { GROWING_CLASS, loopDevicesOf, removeVolumes, setExpansion, startVolumes } from '../cluster/volumes.ts';
import { TEST_CLUSTER, testCluster } from '../support/cluster-setup.ts';
import { startNatsLoad } from '../support/nats-load.ts';
import { outsideAddress } from '../support/outside-address.ts';
import { fileSystemSize, fillFileSystem } from '../support/pod-volume.ts';
import { publishNats } from '../support/publish-nats.ts';
import { startStackHere } from '../support/stack-of-test.ts';
import type { Stack } from '../support/stack.ts';
import { waitUntil } from '../support/wait-until.ts';

const BOX = join(import.meta.dirname, '../charts/box');

let cluster: ClusterHandle;
let stack: Stack;

beforeAll(async () => {
  cluster = await testCluster();
  await startVolumes(cluster, console.error);
  stack = await startStackHere();
  await publishNats(stack, inject('natsImages'));
  await stack.publish(BOX, { version: '1.0.0', images: [inject('probeImages').one], args: ['--channel', 'stable'] });
  await stack.enrol();
  await stack.policy({ upgrade: 'allow', rollback: 'allow' });
});
afterAll(async () => {
  await stack?.stop();
  if (cluster) await removeVolumes(cluster);
});

beforeEach(async () => {
  await setExpansion(cluster, 'controller-expand', 'go');
  await setExpansion(cluster, 'node-expand', 'go');
});

interface Pod {
  metadata: { name: string; uid: string };
  status: { containerStatuses?: { restartCount: number }[] };
}
interface Claim {
  metadata: { name: string };
  spec: { resources: { requests: { storage: string } } };
  status: { capacity: { storage: string }; conditions?: { type: string }[] };
}

const namespaceOf = (name: string): string => `${stack.organization}-${name}`;

async function list<T>(kind: string, name: string): Promise<T[]> {
  const text = await stack.kubectl(['get', kind, '-n', namespaceOf(name), '-o', 'json']);
  return (JSON.parse(text) as { items: T[] }).items;
}
const pods = (name: string): Promise<Pod[]> => list('pods', name);
const claims = (name: string): Promise<Claim[]> => list('persistentvolumeclaims', name);
const asked = async (name: string): Promise<string[]> =>
  (await claims(name)).map(({ spec }) => spec.resources.requests.storage);
const had = async (name: string): Promise<string[]> =>
  (await claims(name)).map(({ status }) => status.capacity.storage);

/** Of each pod, in whole MiB and without what the file system keeps for itself. */
async function sizes(name: string, program: string): Promise<number[]> {
  const found = await pods(name);
  return Promise.all(found.map(({ metadata }) => fileSystemSize(metadata.uid, program, '/data')));
}

/** Waits for a health, with this reason among its reasons, or without any. */
async function is(name: string, health: Installation['health'], code?: string): Promise<Installation> {
  return waitUntil(
    async () => {
      const found = await stack.installation(name);
      const codes = found.reasons.map((reason) => reason.code);
      if (found.health === health && (code === undefined ? codes.length === 0 : codes.includes(code))) return found;
      throw new Error(`it is ${found.health}: ${JSON.stringify(found.reasons)}`);
    },
    { what: `${name} is ${health}${code === undefined ? '' : ` because of ${code}`}`, timeoutMs: 150_000 },
  );
}

const push = (name: string, parameters: Record<string, unknown>): Promise<string> =>
  stack.pushTo(name, { kind: 'upgrade', parameters });

const changesOf = ({ plan }: OperationDetails): string => JSON.stringify(plan?.changes);

async function latest(name: string): Promise<Operation> {
  const { id } = await stack.installation(name);
  const { items } = await stack.api.get<{ items: Operation[] }>(`/operations?installation=${id}&limit=1`);
  const [newest] = items;
  if (!newest) throw new Error(`${name} has no operation`);
  return newest;
}

describe('volumes of a service that does not depend on their size', () => {
  let before: Pod[];
  const expectSamePods = async (): Promise<void> => {
    const uidsOf = (found: Pod[]): string[] => found.map(({ metadata }) => metadata.uid);
    const now = await pods('box');
    expect(uidsOf(now)).toEqual(uidsOf(before));
    expect(now.flatMap(({ status }) => status.containerStatuses ?? []).map((one) => one.restartCount)).toEqual([0, 0]);
  };

  const expectGrown = async (beyondMiB: number): Promise<void> => {
    await is('box', 'healthy');
    for (const size of await sizes('box', 'probe')) expect(size).toBeGreaterThan(beyondMiB);
    await expectSamePods();
  };

  it('grow under its pods, which run on as the plan says, also while the file system is behind', async () => {
    const { operation } = await stack.install('box', 'box', { parameters: { storageClass: GROWING_CLASS } });
    expect(await stack.finished(operation.id)).toMatchObject({ state: 'succeeded' });
    before = await pods('box');
    expect(before).toHaveLength(2);
    await setExpansion(cluster, 'node-expand', 'hold');
    const end = await stack.finished(await push('box', { storageClass: GROWING_CLASS, storage: '800Mi' }));
    expect(end).toMatchObject({ state: 'succeeded' });
    expect(changesOf(end)).toMatch(/spec.template: the same, its pods run on/);
    const { reasons } = await is('box', 'progressing', 'VolumeGrowing');
    expect(reasons[0]?.message).toMatch(
      /has 400Mi of the 800Mi asked for: the volume is larger already, its file system/,
    );
    for (const size of await sizes('box', 'probe')) expect(size).toBeLessThan(400);
    await setExpansion(cluster, 'node-expand', 'go');
    await expectGrown(700);
  });

  it('grow though the agent is killed in the middle', async () => {
    await setExpansion(cluster, 'controller-expand', 'hold');
    const operation = await push('box', { storageClass: GROWING_CLASS, storage: '1Gi' });
    await waitUntil(async () => (await asked('box')).includes('1Gi'), {
      what: 'a claim to be asked for more',
      timeoutMs: 60_000,
      intervalMs: 20,
    });
    await stack.killAgent();
    expect(await stack.finished(operation)).toMatchObject({ state: 'succeeded' });
    expect(await asked('box')).toEqual(['1Gi', '1Gi']);
    await is('box', 'progressing', 'VolumeGrowing');
    await setExpansion(cluster, 'controller-expand', 'go');
    await expectGrown(900);
  });

  it('that the storage driver refuses to make larger are said to be so on both sides, and hold nothing up', async () => {
    await setExpansion(cluster, 'controller-expand', 'refuse the pool has no room left');
    const parameters = { storageClass: GROWING_CLASS, storage: '3Gi' };
    const end = await stack.finished(await push('box', parameters));
    expect(end).toMatchObject({ state: 'succeeded' });
    const { reasons } = await is('box', 'degraded', 'VolumeNotGrown');
    expect(reasons[0]?.message).toMatch(/has 1Gi of the 3Gi asked for, and .* refuses .*: the pool has no room left/);
    const told = ['get', 'operations', '-n', stack.agentNamespace, '-o', 'json'];
    expect(await stack.kubectl(told)).toMatch(/the pool has no room left/);
    expect(await stack.finished(await push('box', { ...parameters, text: 'b' }))).toMatchObject({ state: 'succeeded' });
    const less = await stack.finished(await push('box', { ...parameters, storage: '1536Mi' }));
    expect(less).toMatchObject({ state: 'succeeded' });
    expect(await asked('box')).toEqual(['1536Mi', '1536Mi']);
    await is('box', 'degraded', 'VolumeNotGrown');
    const back = await stack.finished(await push('box', { ...parameters, storage: '1Gi' }));
    expect(back).toMatchObject({ state: 'succeeded' });
    await is('box', 'healthy');
    await setExpansion(cluster, 'controller-expand', 'go');
    await waitUntil(async () => (await had('box')).every((size) => size === '1536Mi'), {
      what: 'the volumes to be as large as asked',
      // The driver's side waits ever longer between two tries.
      timeoutMs: 120_000,
    });
    await is('box', 'healthy');
    await expectSamePods();
  });

  it('that a quota does not allow end before anything is changed, and the next upgrade works', async () => {
    const quota = {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'small', namespace: namespaceOf('box') },
    };
    await stack.kubectl(
      ['apply', '-f', '-'],
      JSON.stringify({ ...quota, spec: { hard: { 'requests.storage': '3Gi' } } }),
    );
    const used = ['get', 'resourcequota', 'small', '-n', namespaceOf('box'), '-o', 'jsonpath={.status.used}'];
    await waitUntil(async () => (await stack.kubectl(used)).includes('3Gi'), { what: 'the quota to be counted' });
    const parameters = { storageClass: GROWING_CLASS, storage: '2Gi' };
    const refused = await stack.finished(await push('box', parameters));
    expect(refused).toMatchObject({ state: 'failed', reasonCode: 'apply-refused' });
    expect(refused.message).toMatch(/quota/);
    expect(await asked('box')).toEqual(['1536Mi', '1536Mi']);
    await stack.kubectl(['delete', 'resourcequota', 'small', '-n', namespaceOf('box')]);
    expect(await stack.finished(await push('box', parameters))).toMatchObject({ state: 'succeeded' });
    await is('box', 'healthy');
    expect(await had('box')).toEqual(['2Gi', '2Gi']);
    await expectSamePods();
  });
});

describe('volumes of NATS', () => {
  it('become larger while clients go on: no message is lost, and what is still to come is said until it is there', async () => {
    const parameters = { storage: { className: GROWING_CLASS } };
    const { operation } = await stack.install('nats', 'nats', { version: '2.14.9', parameters });
    expect(await stack.finished(operation.id)).toMatchObject({ state: 'succeeded' });
    await is('nats', 'healthy');
    for (const size of await sizes('nats', 'nats-server')) expect(size).toBeLessThan(1024);
    const before = (await pods('nats')).map(({ metadata }) => metadata.uid);
    expect(before).toHaveLength(3);
    const where = { namespace: namespaceOf('nats'), service: 'nats', port: 4222 };
    const load = await startNatsLoad({ servers: await outsideAddress(stack, cluster.nodeAddress, where) });
    await setExpansion(cluster, 'controller-expand', 'hold');
    const said = await stack.mustSteward('upgrade', 'nats', '--set', 'storage.size=2Gi', '--watch');
    expect(said).toMatch(/Its storage still grows: 3 volumes are smaller than asked/);
    const done = await stack.api.get<OperationDetails>(`/operations/${(await latest('nats')).id}`);
    expect(done.message).toMatch(/PersistentVolumeClaim\/data-nats-0: it has 1Gi of the 2Gi asked for/);
    expect(changesOf(done)).toMatch(/data-nats-2.*1Gi → 2Gi/);
    expect(changesOf(done)).toMatch(/spec.template: its pods are replaced/);
    const after = (await pods('nats')).map(({ metadata }) => metadata.uid);
    expect(after.filter((uid) => before.includes(uid))).toEqual([]);
    await is('nats', 'progressing', 'VolumeGrowing');
    expect(await had('nats')).toEqual(['1Gi', '1Gi', '1Gi']);
    await setExpansion(cluster, 'controller-expand', 'go');
    await is('nats', 'healthy');
    expect(await had('nats')).toEqual(['2Gi', '2Gi', '2Gi']);
    for (const size of await sizes('nats', 'nats-server')) expect(size).toBeGreaterThan(1800);
    const result = await load.stop();
    expect(result).toMatchObject({ failed: 0, lost: 0, unconsumed: 0 });
    expect(result.acked).toBeGreaterThan(100);
    expect((await pods('nats')).map(({ metadata }) => metadata.uid)).toEqual(after);
  });

  it('do not become smaller: that is refused with the reason, and nothing is changed', async () => {
    const { code, stdout, stderr } = await stack.steward('upgrade', 'nats', '--set', 'storage.size=1Gi', '--watch');
    expect(code).toBe(1);
    expect(stdout + stderr).toMatch(/cannot shrink from 2Gi to 1Gi/);
    expect(await had('nats')).toEqual(['2Gi', '2Gi', '2Gi']);
    await is('nats', 'healthy');
  });

  it('that are full show in the health of the pods, with the reason', async () => {
    for (const { metadata } of await pods('nats')) await fillFileSystem(metadata.uid, 'nats-server', '/data');
    const where = { namespace: namespaceOf('nats'), service: 'nats', port: 4222 };
    const servers = await outsideAddress(stack, cluster.nodeAddress, where);
    const load = await startNatsLoad({ servers }).catch(() => undefined);
    const { reasons } = await is('nats', 'unhealthy', 'CrashLoopBackOff');
    await load?.stop();
    const crashing = reasons.find(({ code }) => code === 'CrashLoopBackOff');
    expect(crashing?.message).toMatch(/ended with exit code 1. Read its log/);
    const pod = crashing?.object.replace('Pod/', '') ?? '';
    expect(await stack.kubectl(['logs', pod, '-n', namespaceOf('nats')])).toMatch(/storage directory is not writable/);
  });
});

describe('what volumes leave on this machine', () => {
  it('is no loop device when they are taken out', async () => {
    expect((await loopDevicesOf(cluster.name)).length).toBeGreaterThan(2);
    await removeVolumes(cluster);
    expect(await loopDevicesOf(cluster.name)).toEqual([]);
  });

  it('is no loop device when the cluster is killed with a volume in use', async () => {
    const name = `${TEST_CLUSTER}-v`;
    try {
      const other = await up({ name, log: console.error });
      await startVolumes(other);
      const { archivePath, ref } = await probeImage();
      await other.importImage(archivePath);
      const objects = [claimOf('data'), podWith(ref, 'data')].map((object) => JSON.stringify(object)).join('\n');
      await stack.kubectl(['--kubeconfig', other.kubeconfig, 'apply', '-f', '-'], objects);
      await waitUntil(async () => (await loopDevicesOf(name)).length === 1, {
        what: 'the volume to be mounted',
        timeoutMs: 60_000,
      });
      process.kill((await findProcess(name)) ?? 0, 'SIGKILL');
      await waitUntil(async () => (await loopDevicesOf(name)).length === 0, { what: 'no loop device to be left' });
    } finally {
      await down(name);
    }
  });
});

function claimOf(name: string): object {
  const resources = { requests: { storage: '400Mi' } };
  const spec = { accessModes: ['ReadWriteOnce'], storageClassName: GROWING_CLASS, resources };
  return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name, namespace: 'default' }, spec };
}

function podWith(image: string, claimName: string): object {
  const containers = [{ name: 'probe', image, volumeMounts: [{ name: 'data', mountPath: '/data' }] }];
  const spec = { containers, volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }] };
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'holds', namespace: 'default' }, spec };
}
