import type { MetricSeries } from '@steward/shared';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import type { ReconcileOptions } from '../../agent/src/reconcile/reconciler.ts';
import { waitUntil } from '../support/wait-until.ts';
import { ReconcileFixture, type RunningAgent } from './reconcile-fixture.ts';

let fixture: ReconcileFixture;
let agent: RunningAgent;
let namespace = '';

/** This process has no way to the pods' own addresses: the API server passes it on. How the agent itself asks, a unit test and level system show. */
const looks: NonNullable<ReconcileOptions['looks']> = {
  startSpreadMs: 0,
  intervalMs: 1_000,
  fetchPage: async ({ pod, port, endpoint: { path = '/metrics' } }) => {
    try {
      const url = `/api/v1/namespaces/${namespace}/pods/${pod}:${port}/proxy${path}`;
      return { ok: true, value: await fixture.kubectl('get', '--raw', url) };
    } catch {
      return { ok: false, error: 'it answered 404' };
    }
  },
};
const start = (): Promise<RunningAgent> => fixture.start(undefined, {}, looks);

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  await fixture.policy({ rules: { uninstall: 'allow' } });
  agent = await start();
});
afterAll(async () => {
  await agent?.stop();
  await fixture?.close();
});

it(
  'what the release names is measured of its pods, also by an agent that starts anew, until it is removed',
  { tags: ['one-try'] },
  async () => {
    const { hub } = fixture;
    const release = await fixture.publish({ chart: 'metered' });
    const where = fixture.installation();
    namespace = where.namespace;
    await fixture.grant(where.name, release);
    const install = fixture.offer({ ...where, generation: 1, release, kind: 'install' });
    expect(await hub.end(install)).toMatchObject({ state: 'succeeded' });
    const pod = (
      await fixture.kubectl('get', 'pods', '-n', where.namespace, '-o', 'jsonpath={.items[0].metadata.name}')
    ).trim();
    const own = { endpoint: 'page', pod };
    const expected: [MetricSeries, number][] = [
      [['jobs_done_total', own], 12],
      [['jobs_waiting', { ...own, queue: 'mail' }], 7],
      [['up', { endpoint: 'none', pod }], 0],
      [['up', own], 1],
    ];
    const isAsDeclared = ({ series, values }: (typeof hub.looks)[number]): boolean =>
      JSON.stringify(series.map((one, at) => [one[0], one[1]['endpoint'], values[at]])) ===
      JSON.stringify(expected.map(([[name, labels], value]) => [name, labels['endpoint'], value]));
    const look = await waitUntil(() => hub.looks.find(isAsDeclared), {
      what: `a look; last ${JSON.stringify(hub.looks.at(-1))}`,
      timeoutMs: 20_000,
    });
    expect(look.series).toEqual(expected.map(([series]) => series));
    expect(look.installationId).toBe(where.installationId);

    const reasons = () => hub.health[where.installationId]?.reasons ?? [];
    await waitUntil(() => reasons().length === 2, { what: 'what is wrong to be told', timeoutMs: 20_000 });
    const code = 'MetricsUnavailable';
    expect(hub.health[where.installationId]).toMatchObject({
      health: 'healthy',
      reasons: [
        {
          code,
          object: `Namespace/${where.namespace}`,
          message: 'no CPU and memory of the pods: this cluster has no metrics API (metrics-server brings it)',
        },
        {
          code,
          object: `Service/${where.name}`,
          message: `no metrics of endpoint "none": pod ${pod}, port 8080: it answered 404`,
        },
      ],
    });

    agent.kill();
    hub.looks.length = 0;
    agent = await start();
    await waitUntil(() => hub.looks.some(isAsDeclared), { what: 'a look of the next agent', timeoutMs: 20_000 });

    const removal = fixture.offer({ ...where, generation: 2, release, kind: 'uninstall' });
    expect(await hub.end(removal)).toMatchObject({ state: 'succeeded' });
    const after = await fixture.admin.get(
      { group: 'steward.dev', version: 'v1alpha1', kind: 'Installation', plural: 'installations', namespaced: true },
      fixture.namespace,
      where.name,
    );
    expect(after?.['status']).not.toHaveProperty('metrics');
  },
);
