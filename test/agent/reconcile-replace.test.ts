import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { fieldAt, type Release } from '@steward/shared';
import { waitUntil } from '../support/wait-until.ts';
import type { Death } from './killable-client.ts';
import { ReconcileFixture, type Published, type RunningAgent, type Where } from './reconcile-fixture.ts';
import { desiredState } from './scripted-hub.ts';

let fixture: ReconcileFixture;
let agent: RunningAgent;
let plain: Published;
let allowed: Published;

const EXPANDABLE = 'expandable';

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  await fixture.policy({ rules: { upgrade: 'allow', rollback: 'allow', uninstall: 'allow' } });
  await fixture.apply([
    {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: EXPANDABLE },
      provisioner: 'kubernetes.io/host-path',
      allowVolumeExpansion: true,
    },
  ]);
  agent = await fixture.start();
  plain = await fixture.publish({ chart: 'fixed' });
  allowed = await fixture.publish({ chart: 'fixed', version: '1.1.0', change: allow(['Deployment', 'StatefulSet']) });
});
afterAll(async () => {
  await agent?.stop();
  await fixture?.close();
});

function allow(replace: string[], deadlineSeconds = 60): (release: Release) => void {
  return (release) => void (release.upgrade = { deadlineSeconds, settleSeconds: 0, replace });
}

/** The uid of an object, to see whether it is the same one. */
async function uid(where: Where, kind: string, suffix = ''): Promise<string | undefined> {
  const object = await fixture.get(kind, `${where.name}${suffix}`, where.namespace);
  return object?.metadata.uid;
}

describe.concurrent('a field that cannot change while its object exists', () => {
  it('ends the operation before anything is written, and says how to allow it', async () => {
    const { hub } = fixture;
    const where = await fixture.installed(plain);
    const before = await uid(where, 'Deployment');
    const parameters = { track: 'other', policy: 'Parallel', text: 'new' };
    const end = await hub.end(fixture.offer({ ...where, generation: 2, release: plain, kind: 'upgrade', parameters }));
    expect(end).toMatchObject({ state: 'failed', reason: 'needs-replace' });
    expect(end.message).toContain(`Deployment/${where.name}: spec.selector`);
    expect(end.message).toContain(`StatefulSet/${where.name}-data: spec.podManagementPolicy; its pods would go on`);
    expect(end.message).toContain('upgrade: { replace: [Deployment, StatefulSet] }');
    expect(await uid(where, 'Deployment')).toBe(before);
    expect(hub.observed[where.installationId]).toMatchObject({ state: 'running', observedGeneration: 1 });
  });

  it('is changed by replacing when the release allows it; pods of a StatefulSet live on; and a rollback replaces back', async () => {
    const { hub } = fixture;
    const where = await fixture.installed(plain);
    const pod = await uid(where, 'Pod', '-data-0');
    const [deployment, set] = [await uid(where, 'Deployment'), await uid(where, 'StatefulSet', '-data')];
    await fixture.grant(where.name, allowed);
    const parameters = { track: 'other', policy: 'Parallel' };
    const upgrade = fixture.offer({ ...where, generation: 2, release: allowed, kind: 'upgrade', parameters });
    expect(await hub.end(upgrade)).toMatchObject({ state: 'succeeded' });
    const plans = [...(hub.results.get(upgrade)?.values() ?? [])].flatMap(({ plan }) => plan?.changes ?? []);
    expect(plans).toContainEqual(
      expect.objectContaining({ action: 'replace', object: `StatefulSet/${where.name}-data` }),
    );
    expect(await uid(where, 'Deployment')).not.toBe(deployment);
    expect(await uid(where, 'StatefulSet', '-data')).not.toBe(set);
    expect(await uid(where, 'Pod', '-data-0')).toBe(pod);
    // The version between may have replaced what neither the one after it nor the one before it may.
    const after = await fixture.publish({ chart: 'fixed', version: '1.3.0' });
    const later = fixture.offer({ ...where, generation: 3, release: after, kind: 'upgrade', parameters });
    expect(await hub.end(later)).toMatchObject({ state: 'succeeded' });
    const back = fixture.offer({ ...where, generation: 4, release: plain, kind: 'rollback', toGeneration: 1 });
    expect(await hub.end(back)).toMatchObject({ state: 'succeeded' });
    expect(await fixture.get('Deployment', where.name, where.namespace)).toMatchObject({
      spec: { selector: { matchLabels: { track: 'stable' } } },
    });
    expect(await uid(where, 'Pod', '-data-0')).toBe(pod);
  });

  it('is replaced back when the new one does not get ready', async () => {
    const { hub } = fixture;
    const where = await fixture.installed(plain);
    const hasty = await fixture.publish({ chart: 'fixed', version: '1.2.0', change: allow(['Deployment'], 12) });
    const parameters = { track: 'other', fault: 'unready' };
    const bad = fixture.offer({ ...where, generation: 2, release: hasty, kind: 'upgrade', parameters });
    expect(await hub.end(bad, 90_000)).toMatchObject({ state: 'rolled-back', reason: 'rollout-deadline' });
    const back = await fixture.get('Deployment', where.name, where.namespace);
    expect(back).toMatchObject({ spec: { selector: { matchLabels: { track: 'stable' } } } });
    // It was ready; one probe that a busy machine is late with takes that back for a moment.
    await waitUntil(
      async () =>
        fieldAt(await fixture.get('Deployment', where.name, where.namespace), ['status', 'readyReplicas']) === 1,
      { what: 'its pod to be ready', timeoutMs: 60_000 },
    );
  });

  it('needs no consent in a Job that has ended, which stays though its chart has it tidied away', async () => {
    const { hub } = fixture;
    const where = await fixture.installed(plain);
    const before = await uid(where, 'Job', '-prepare');
    const parameters = { text: 'again' };
    const upgrade = fixture.offer({ ...where, generation: 2, release: plain, kind: 'upgrade', parameters });
    expect(await hub.end(upgrade)).toMatchObject({ state: 'succeeded' });
    const job = await fixture.get('Job', `${where.name}-prepare`, where.namespace);
    expect(job?.metadata.uid).not.toBe(before);
    // The Job is certain of its success a moment before its pod is counted.
    await waitUntil(
      async () => {
        const counted = await fixture.get('Job', `${where.name}-prepare`, where.namespace);
        return (counted?.['status'] as { succeeded?: number } | undefined)?.succeeded === 1;
      },
      { what: 'the pod of the Job is counted', timeoutMs: 20_000 },
    );
  });
});

describe.concurrent('the volumes of a StatefulSet', () => {
  async function sizes(where: Where): Promise<string> {
    const path = '{range .items[*]}{.metadata.name}={.spec.resources.requests.storage} {end}';
    return (await fixture.kubectl('get', 'pvc', '-n', where.namespace, '-o', `jsonpath=${path}`)).trim();
  }

  it('grow without a pod being restarted, and stay large when going back', async () => {
    const { hub } = fixture;
    const where = await fixture.installed(plain, { storageClass: EXPANDABLE });
    const pod = await uid(where, 'Pod', '-data-0');
    const want = { ...where, release: plain };
    const larger = { storageClass: EXPANDABLE, storage: '16Mi' };
    const end = await hub.end(fixture.offer({ ...want, generation: 2, kind: 'upgrade', parameters: larger }));
    expect(end).toMatchObject({ state: 'succeeded' });
    const [first, second] = [0, 1].map((index) => `data-${where.name}-data-${index}`);
    expect(end.message).toContain(`PersistentVolumeClaim/${first}: it has 8Mi of the 16Mi asked for`);
    expect(await sizes(where)).toBe(`${first}=16Mi ${second}=16Mi`);
    expect(await fixture.get('StatefulSet', `${where.name}-data`, where.namespace)).toMatchObject({
      spec: { volumeClaimTemplates: [{ spec: { resources: { requests: { storage: '16Mi' } } } }] },
    });
    expect(await uid(where, 'Pod', '-data-0')).toBe(pod);
    const smaller = { storageClass: EXPANDABLE, storage: '4Mi' };
    const refused = await hub.end(fixture.offer({ ...want, generation: 3, kind: 'upgrade', parameters: smaller }));
    expect(refused).toMatchObject({ state: 'failed', reason: 'apply-refused' });
    expect(refused.message).toContain('cannot shrink from 16Mi to 4Mi');
    const back = fixture.offer({ ...want, generation: 4, kind: 'rollback', toGeneration: 1 });
    expect(await hub.end(back)).toMatchObject({ state: 'succeeded' });
    expect(await sizes(where)).toBe(`${first}=16Mi ${second}=16Mi`);
    expect(await uid(where, 'Pod', '-data-0')).toBe(pod);
  });

  it("do not grow where their StorageClass does not, said in the API server's words before anything is written", async () => {
    const where = await fixture.installed(plain);
    const parameters = { storage: '16Mi', text: 'new' };
    const upgrade = fixture.offer({ ...where, generation: 2, release: plain, kind: 'upgrade', parameters });
    const end = await fixture.hub.end(upgrade);
    expect(end).toMatchObject({ state: 'failed', reason: 'apply-refused' });
    expect(end.message).toContain('cannot grow from 8Mi to 16Mi');
    expect(end.message).toContain('allowVolumeExpansion: true');
    expect(end.message).toContain('storageclass that provisions the pvc must support resize');
    expect(await sizes(where)).not.toContain('16Mi');
  });
});

const deaths: Death[] = [
  { of: 'mergePatch', write: 1, when: 'after' },
  { of: 'remove Deployment', write: 1, when: 'after' },
  { of: 'remove StatefulSet', write: 1, when: 'before' },
  { of: 'remove StatefulSet', write: 1, when: 'after' },
  { of: 'apply StatefulSet', write: 1, when: 'after' },
];

describe('an agent that is killed in the middle of a replacement', { tags: ['one-try'] }, () => {
  it('goes on with it, whatever was the last thing it did', async () => {
    const { hub } = fixture;
    const where = await fixture.installed(plain, { storageClass: EXPANDABLE });
    await fixture.grant(where.name, allowed);
    await agent.stop();
    const pod = await uid(where, 'Pod', '-data-0');
    let generation = 1;
    for (const death of deaths) {
      generation += 1;
      const track = `t${generation}`;
      const parameters = { storageClass: EXPANDABLE, track, storage: `${8 + generation}Mi` };
      const desired = desiredState({ ...where, generation, release: allowed, kind: 'upgrade', parameters });
      const mortal = await fixture.start(death);
      hub.offer(desired);
      await mortal.client.died;
      const next = await fixture.start();
      hub.offer(desired);
      const end = await hub.end(desired.operation.id);
      expect(end, JSON.stringify(death)).toMatchObject({ state: 'succeeded' });
      await next.stop();
      const deployment = await fixture.get('Deployment', where.name, where.namespace);
      expect(deployment).toMatchObject({ spec: { selector: { matchLabels: { track } } } });
    }
    await waitUntil(async () => (await uid(where, 'Pod', '-data-0')) === pod, {
      what: 'the very pod of the beginning',
    });
    expect(hub.contradictions).toEqual([]);
  });
});
