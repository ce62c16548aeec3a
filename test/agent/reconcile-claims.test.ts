import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { fieldAt, INSTALLATION_LABEL } from '@steward/shared';
import { waitUntil } from '../support/wait-until.ts';
import { AS_RELEASED, STOPPED } from './remedy-world.ts';
import { ReconcileFixture, type Published, type RunningAgent, type Where } from './reconcile-fixture.ts';

let fixture: ReconcileFixture;
let agent: RunningAgent;
let release: Published;
let hasty: Published;
let store: Published;
let shared: Published;

const storageClass = 'growing';

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  const allowed = ['upgrade', 'rollback', 'uninstall', 'restart', 'scale'].map((rule) => [rule, 'allow']);
  await fixture.policy({ rules: Object.fromEntries(allowed) });
  const provisioner = 'kubernetes.io/host-path';
  const metadata = { name: storageClass };
  const storage = { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata };
  await fixture.apply([{ ...storage, provisioner, allowVolumeExpansion: true }]);
  agent = await fixture.start();
  release = await fixture.publish({ chart: 'claim' });
  store = await fixture.publish({ chart: 'store' });
  shared = await fixture.publish({ chart: 'shared' });
  const upgrade = { deadlineSeconds: 10, settleSeconds: 0 };
  const change = (signed: Published['release']) => void (signed.upgrade = upgrade);
  hasty = await fixture.publish({ chart: 'claim', version: '1.1.0', change });
});
afterAll(async () => {
  await agent?.stop();
  await fixture?.close();
});

async function size({ name, namespace }: Where): Promise<unknown> {
  const claim = await fixture.get('PersistentVolumeClaim', name, namespace);
  return fieldAt(claim, ['spec', 'resources', 'requests', 'storage']);
}

describe.concurrent('a volume', () => {
  it('that a chart names stays as large as a version made it that is taken back, and so over the next one', async () => {
    const { hub } = fixture;
    const where = await fixture.installed(release, { storageClass });
    const want = { ...where, release, kind: 'upgrade' as const };
    const parameters = { storageClass, storage: '4Mi', fault: 'unready' };
    const bad = await hub.end(fixture.offer({ ...want, release: hasty, generation: 2, parameters }), 90_000);
    expect(bad).toMatchObject({ state: 'rolled-back', reason: 'rollout-deadline' });
    expect(await size(where)).toBe('4Mi');
    const next = await hub.end(fixture.offer({ ...want, generation: 3, parameters: { storageClass, text: 'b' } }));
    expect(next).toMatchObject({ state: 'succeeded' });
    expect(await size(where)).toBe('4Mi');
    const larger = await hub.end(
      fixture.offer({ ...want, generation: 4, parameters: { storageClass, storage: '8Mi' } }),
    );
    expect(larger).toMatchObject({ state: 'succeeded' });
    expect(await size(where)).toBe('8Mi');
    const less = await hub.end(fixture.offer({ ...want, generation: 5, parameters: { storageClass } }));
    expect(less).toMatchObject({ state: 'failed', reason: 'apply-refused' });
    const back = { ...where, release, kind: 'rollback' as const, toGeneration: 3, generation: 6 };
    expect(await hub.end(fixture.offer({ ...back, parameters: { storageClass, text: 'b' } }))).toMatchObject({
      state: 'succeeded',
    });
    expect(await size(where)).toBe('8Mi');
  });

  it('that a chart names stays as large as the customer made it, over an upgrade and when something else of it is put right', async () => {
    const { hub } = fixture;
    const where = await fixture.installed(release, { storageClass });
    const { name, namespace } = where;
    const grown = JSON.stringify({ spec: { resources: { requests: { storage: '4Mi' } } } });
    await fixture.kubectl('patch', 'pvc', name, '-n', namespace, '-p', grown);
    const parameters = { storageClass, text: 'b' };
    const end = await hub.end(fixture.offer({ ...where, release, kind: 'upgrade', generation: 2, parameters }));
    expect(end).toMatchObject({ state: 'succeeded' });
    await fixture.kubectl('label', 'pvc', name, '-n', namespace, '--overwrite', `${INSTALLATION_LABEL}=other`);
    const label = async () => (await fixture.get('PersistentVolumeClaim', name, namespace))?.metadata.labels;
    await waitUntil(async () => (await label())?.[INSTALLATION_LABEL] === name, { what: 'its label to be put right' });
    expect(await size(where)).toBe('4Mi');
  });

  it('that a chart names is told of while somebody deletes it under its pods, holds up what needs it before its first write, and lets a stop through', async () => {
    const { hub } = fixture;
    const where = await fixture.installed(release, { storageClass });
    const { name, namespace, installationId } = where;
    const parameters = { storageClass };
    await fixture.kubectl('delete', 'pvc', name, '-n', namespace, '--wait=false');
    const told = (): boolean => JSON.stringify(hub.health[installationId] ?? '').includes('is being deleted');
    await waitUntil(told, { what: 'the deletion to be told', timeoutMs: 30_000 });
    const want = { ...where, release, parameters };
    const restart = { ...want, kind: 'restart' as const, runState: { ...AS_RELEASED, restartToken: 'a' } };
    for (const [index, refused] of [restart, { ...want, kind: 'upgrade' as const }].entries()) {
      const end = await hub.end(fixture.offer({ ...refused, generation: index + 2 }));
      expect(end).toMatchObject({ state: 'failed', reason: 'apply-refused' });
      expect(end.message).toContain(`PersistentVolumeClaim/${name} is being deleted`);
      expect(hub.phases(end.operationId)).not.toContain('apply');
    }
    expect(await fixture.get('Installation', name)).toMatchObject({ status: { state: 'running' } });
    const stop = { ...want, kind: 'stop' as const, generation: 4, runState: STOPPED };
    expect(await hub.end(fixture.offer(stop))).toMatchObject({ state: 'succeeded' });
    const isGone = async () => (await fixture.get('PersistentVolumeClaim', name, namespace)) === undefined;
    await waitUntil(isGone, { what: 'the claim to go' });
  });

  it('of a StatefulSet is kept just so: nothing ends or makes pods of it but a stop', async () => {
    const { hub } = fixture;
    const where = await fixture.installed(store, { replicas: 1 });
    const { name, namespace, installationId } = where;
    const claim = `data-${name}-0`;
    await fixture.kubectl('delete', 'pvc', claim, '-n', namespace, '--wait=false');
    const isTold = (): boolean =>
      JSON.stringify(hub.health[installationId] ?? '').includes(`${claim} is being deleted`);
    await waitUntil(isTold, { what: 'the deletion to be told', timeoutMs: 30_000 });
    const want = { ...where, release: store, parameters: { replicas: 1 } };
    const restart = { ...want, kind: 'restart' as const, runState: { ...AS_RELEASED, restartToken: 'a' } };
    const larger = { ...want, kind: 'upgrade' as const, parameters: { replicas: 2 } };
    const uninstall = { ...want, kind: 'uninstall' as const };
    for (const [index, refused] of [restart, larger, uninstall].entries()) {
      const end = await hub.end(fixture.offer({ ...refused, generation: index + 2 }));
      expect(end).toMatchObject({ state: 'failed', reason: 'apply-refused' });
      expect(end.message).toContain(`PersistentVolumeClaim/${claim} is being deleted`);
      expect(hub.phases(end.operationId)).not.toContain('apply');
    }
    const stop = { ...want, kind: 'stop' as const, generation: 5, runState: STOPPED };
    expect(await hub.end(fixture.offer(stop))).toMatchObject({ state: 'succeeded' });
    const isGone = async () => (await fixture.get('PersistentVolumeClaim', claim, namespace)) === undefined;
    await waitUntil(isGone, { what: 'the claim to go' });
    const end = await hub.end(fixture.offer({ ...uninstall, generation: 6 }));
    expect(end).toMatchObject({ state: 'succeeded' });
    expect(end.message).not.toContain(claim);
  });

  it('of a StatefulSet that goes with it is not made empty by a repair: it waits for the claims, or for a push that says so', async () => {
    const { hub } = fixture;
    const where = await fixture.installed(store, { replicas: 2 });
    const { name, namespace, installationId } = where;
    const claims = [0, 1].map((ordinal) => `data-${name}-${ordinal}`);
    const live = (kind: string, of: string) => fixture.get(kind, of, namespace);
    const uids = () =>
      Promise.all(claims.map(async (claim) => (await live('PersistentVolumeClaim', claim))?.metadata.uid));
    const told = (): object[] => hub.health[installationId]?.reasons ?? [];
    const isTold = (words: string) => () => JSON.stringify(told()).includes(words);
    await fixture.kubectl('delete', 'statefulset,pvc', '--all', '-n', namespace);
    await waitUntil(isTold(`are gone: ${claims.join(', ')}`), { what: 'the loss to be told', timeoutMs: 30_000 });
    expect(told()).toContainEqual(expect.objectContaining({ code: 'RepairRefused', object: `StatefulSet/${name}` }));
    expect([await live('StatefulSet', name), ...(await uids())]).toEqual([undefined, undefined, undefined]);

    const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '8Mi' } } };
    const restored = claims.map((claim) => ({ metadata: { name: claim, namespace }, spec }));
    await fixture.apply(restored.map((claim) => ({ apiVersion: 'v1', kind: 'PersistentVolumeClaim', ...claim })));
    const kept = await uids();
    const isThere = async () => (await live('StatefulSet', name)) !== undefined;
    await waitUntil(isThere, { what: 'it to go on by itself', timeoutMs: 30_000 });
    await waitUntil(() => told().length === 0, { what: 'the reasons to go', timeoutMs: 30_000 });
    expect(await uids()).toEqual(kept);

    const policy = { spec: { persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete' } } };
    const areOwned = async () => {
      const found = await Promise.all(claims.map((claim) => live('PersistentVolumeClaim', claim)));
      return found.every((claim) => claim?.metadata.ownerReferences);
    };
    const giveUpWhenDeleted = async (): Promise<void> => {
      await fixture.kubectl(
        'patch',
        'statefulset',
        name,
        '-n',
        namespace,
        '--type=merge',
        '-p',
        JSON.stringify(policy),
      );
      await waitUntil(areOwned, { what: 'the claims to belong to it', timeoutMs: 30_000 });
    };
    await giveUpWhenDeleted();
    await fixture.kubectl('delete', 'statefulset', name, '-n', namespace);
    await waitUntil(isTold('are gone'), { what: 'the loss to be told', timeoutMs: 30_000 });
    const isGone = async () => (await uids()).every((uid) => uid === undefined);
    await waitUntil(isGone, { what: 'the claims to go', timeoutMs: 30_000 });
    const runState = { ...AS_RELEASED, restartToken: 'a' };
    const want = { ...where, release: store, parameters: { replicas: 2 }, runState };
    const restart = fixture.offer({ ...want, kind: 'restart' as const, generation: 2 });
    expect(await hub.end(restart)).toMatchObject({ state: 'succeeded' });
    const changesIn = (operation: string): object[] =>
      [...(hub.results.get(operation)?.values() ?? [])].flatMap(({ plan }) => plan?.changes ?? []);
    const fields = [`volumes: new and empty, since these claims are not there: ${claims.join(', ')}`];
    expect(changesIn(restart)).toContainEqual({ action: 'create', object: `StatefulSet/${name}`, fields });

    await giveUpWhenDeleted();
    const uninstall = fixture.offer({ ...want, kind: 'uninstall' as const, generation: 3 });
    const end = await hub.end(uninstall);
    expect(end).toMatchObject({ state: 'succeeded' });
    expect(end.message).toMatch(
      /^.* is done\. Kubernetes deletes what belongs to something that goes.*Only the namespace stays/s,
    );
    const by = [`by Kubernetes, with StatefulSet/${name}, which owns it`];
    for (const claim of claims)
      expect(changesIn(uninstall)).toContainEqual({
        action: 'delete',
        object: `PersistentVolumeClaim/${claim}`,
        fields: by,
      });
    await waitUntil(isGone, { what: 'the claims to go', timeoutMs: 30_000 });
  });

  it.each([
    { of: 'by its owner, as it says', deleteVolumes: false },
    { of: 'by itself', deleteVolumes: true },
  ])(
    'goes $of, though a pod of a hook that has ended and a neighbour of its owner hold it',
    async ({ deleteVolumes }) => {
      const { hub } = fixture;
      const where = await fixture.installed(shared, {});
      const claim = `data-${where.name}-0`;
      const jobs = await fixture.kubectl('get', 'job', '-n', where.namespace, '-o', 'name');
      expect(jobs).toContain('job.batch/');
      const want = { ...where, release: shared, kind: 'uninstall' as const, generation: 2 };
      const end = await hub.end(fixture.offer({ ...want, deleteVolumes }));
      expect(end).toMatchObject({ state: 'succeeded' });
      const isGone = async () => (await fixture.get('PersistentVolumeClaim', claim, where.namespace)) === undefined;
      await waitUntil(isGone, { what: 'the claim to go', timeoutMs: 30_000 });
    },
  );
});
