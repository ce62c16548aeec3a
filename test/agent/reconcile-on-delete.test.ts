// @module-tag one-try
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { RunState } from '@steward/shared';
import type { KubeObject } from '../../agent/src/kube/client.ts';
import { waitUntil } from '../support/wait-until.ts';
import { ReconcileFixture, type Published } from './reconcile-fixture.ts';
import { desiredState } from './scripted-hub.ts';

let fixture: ReconcileFixture;
let release: Published;

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  await fixture.policy({ rules: { restart: 'allow' } });
  release = await fixture.publish({ chart: 'on-delete' });
});
afterAll(() => fixture?.close());

const restartedBy = (restartToken: string): RunState => ({ stopped: false, replicas: {}, restartToken });

/** Two pods whose controller leaves it to others to replace them. */
async function installed() {
  const where = fixture.installation();
  await fixture.grant(where.name, release);
  const agent = await fixture.start();
  const want = { ...where, release, generation: 1 };
  expect(await fixture.hub.end(fixture.offer({ ...want, kind: 'install' }))).toMatchObject({ state: 'succeeded' });
  const restart = desiredState({ ...want, generation: 2, kind: 'restart', runState: restartedBy('first') });
  const ref = await fixture.admin.resourceOf('v1', 'Pod');
  if (!ref) throw new Error('no Pods');
  const pods = async (): Promise<Map<string, string>> => {
    const live = await fixture.admin.list(ref, where.namespace);
    return new Map(live.map(({ metadata }) => [metadata.name, metadata.uid ?? '']));
  };
  return { where, agent, restart, pods, ref };
}

/** Of the customer: both pods have to be there. */
function budget({ name, namespace }: { name: string; namespace: string }): KubeObject {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'both', namespace },
    spec: { minAvailable: 2, selector: { matchLabels: { app: name } } },
  };
}

describe('pods whose controller leaves it to others to replace them', () => {
  it('are evicted at a restart, when their disruption budget allows it', async () => {
    const { hub } = fixture;
    const { where, agent, restart, pods } = await installed();
    await fixture.admin.create(budget(where));
    const before = await pods();
    hub.offer(restart);
    const { id } = restart.operation;
    const held = await waitUntil(
      () => [...(hub.results.get(id)?.values() ?? [])].find(({ message }) => message.includes('disruption budget')),
      {
        what: 'the budget to be named',
        timeoutMs: 60_000,
      },
    );
    expect(held.message).toContain(`Pod/${where.name}-1 is to be replaced and was not evicted`);
    expect(held.message).toContain('both');
    expect(await pods()).toEqual(before);
    const ref = await fixture.admin.resourceOf('policy/v1', 'PodDisruptionBudget');
    if (ref) await fixture.admin.remove(ref, where.namespace, 'both');
    expect(await hub.end(id)).toMatchObject({ state: 'succeeded' });
    const after = await pods();
    expect([...after.keys()].toSorted()).toEqual([`${where.name}-0`, `${where.name}-1`]);
    for (const [name, uid] of after) expect(uid).not.toBe(before.get(name));
    await agent.stop();
  });

  it.each(['before', 'after'] as const)(
    'are replaced once each when the agent is killed %s an eviction',
    async (when) => {
      const { hub } = fixture;
      const { where, agent, restart, pods, ref } = await installed();
      await agent.stop();
      const seen = new Set<string>();
      const watching = new AbortController();
      const note = ({ metadata }: KubeObject): true => Boolean(seen.add(metadata.uid ?? '')) as true;
      fixture.admin.watch({
        ref,
        namespace: where.namespace,
        project: note,
        onChange: () => {},
        signal: watching.signal,
      });
      const before = await pods();
      const mortal = await fixture.start({ write: 1, of: 'evict', when });
      hub.offer(restart);
      await mortal.client.died;
      const next = await fixture.start();
      expect(await hub.end(restart.operation.id)).toMatchObject({ state: 'succeeded' });
      for (const [name, uid] of await pods()) expect(uid).not.toBe(before.get(name));
      expect(seen.size).toBe(4);
      watching.abort();
      await next.stop();
    },
  );
});
