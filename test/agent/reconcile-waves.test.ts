// @module-tag one-try
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { AS_RELEASED, type OperationKind } from '@steward/shared';
import { waitUntil } from '../support/wait-until.ts';
import { ReconcileFixture, type Published, type RunningAgent } from './reconcile-fixture.ts';

let fixture: ReconcileFixture;
let waves: Published;
const agents: RunningAgent[] = [];

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  await fixture.policy({ rules: { upgrade: 'allow', rollback: 'allow', uninstall: 'allow', scale: 'allow' } });
  waves = await fixture.publish({ chart: 'waves' });
});
afterAll(async () => {
  await Promise.all(agents.map((agent) => agent.stop()));
  await fixture?.close();
});

async function start(): Promise<RunningAgent> {
  const agent = await fixture.start();
  agents.push(agent);
  return agent;
}

/** Pods of the first wave start when it is there. */
async function openGate(namespace: string): Promise<void> {
  await fixture.apply([{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `${namespace}-gate`, namespace } }]);
}

const told = (id: string): string[] => [...(fixture.hub.results.get(id)?.values() ?? [])].map(({ message }) => message);
const untilWaiting = (id: string): Promise<unknown> =>
  waitUntil(() => told(id).some((message) => message.startsWith('wave -1: 0 of 1 ready')), { what: 'wave -1' });

describe('waves', () => {
  it('end at an object that somebody else has made since the plan, with whose field it is', async () => {
    const { hub } = fixture;
    const agent = await fixture.start();
    const where = fixture.installation();
    const { name, namespace } = where;
    await fixture.grant(name, waves);
    const install = fixture.offer({ ...where, release: waves, generation: 1, kind: 'install' });
    await untilWaiting(install);
    const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace }, data: { text: 'theirs' } };
    await fixture.admin.apply(map, { fieldManager: 'their-tool' });
    await openGate(name);
    const end = await hub.end(install);
    expect(end).toMatchObject({ state: 'failed', reason: 'conflict' });
    expect(end.message).toContain(`fields of ConfigMap/${name} belong to their-tool: .data.text`);
    expect(await fixture.get('ConfigMap', name, namespace)).toMatchObject({ data: { text: 'theirs' } });
    expect(await fixture.get('Deployment', `${name}-second`, namespace)).toBeUndefined();
    await agent.stop();
  });

  it('begin when the one before is ready, also after a kill in one, and go in reverse', async () => {
    const { hub } = fixture;
    const where = fixture.installation();
    const [first, second] = [`${where.name}-first`, `${where.name}-second`];
    await fixture.grant(where.name, waves);
    const offer = (generation: number, kind: OperationKind, more: object = {}): string =>
      fixture.offer({ ...where, release: waves, generation, kind, ...more });

    const mortal = await start();
    const install = offer(1, 'install');
    await untilWaiting(install);
    mortal.kill();
    const before = told(install).length;
    const agent = await start();
    await waitUntil(() => told(install).length > before, { what: 'the next life to wait too' });
    expect(await fixture.get('Deployment', first, where.name)).toBeDefined();
    expect(await fixture.get('Deployment', second, where.name)).toBeUndefined();
    await openGate(where.name);
    expect(await hub.end(install)).toMatchObject({ state: 'succeeded' });
    const plans = [...(hub.results.get(install)?.values() ?? [])].map(({ plan }) => plan?.summary);
    expect(plans.join()).toContain(
      `Wave by wave, each ready before the next: -1 (Deployment/${first}), 0 (ConfigMap/${where.name}), 1 (Deployment/${second})`,
    );

    const { changes = [] } = [...(hub.results.get(install)?.values() ?? [])].find(({ plan }) => plan)?.plan ?? {};
    expect(changes.map(({ object }) => object)).toEqual([
      `Deployment/${first}`,
      `ConfigMap/${where.name}`,
      `Deployment/${second}`,
    ]);

    // A wave that fails is the last that was touched.
    const { writes } = agent.client;
    const upgraded = writes.length;
    const bad = offer(2, 'upgrade', { parameters: { text: 'b', fault: 'first' } });
    expect(await hub.end(bad)).toMatchObject({ state: 'rolled-back', reason: 'config-error' });
    const changed = writes.slice(upgraded).filter((write) => /Deployment|ConfigMap/.test(write));
    expect(changed).toEqual([`apply Deployment/${first}`, `apply Deployment/${first}`]);

    const stopped = writes.length;
    const stop = offer(3, 'stop', { runState: { ...AS_RELEASED, stopped: true } });
    expect(await hub.end(stop)).toMatchObject({ state: 'succeeded' });
    expect(writes.slice(stopped).filter((write) => write.includes('Deployment'))).toEqual([
      `apply Deployment/${second}`,
      `apply Deployment/${first}`,
    ]);

    const removed = writes.length;
    const removal = offer(4, 'uninstall');
    expect(await hub.end(removal)).toMatchObject({ state: 'succeeded' });
    expect(writes.slice(removed).filter((write) => write.startsWith('remove') && !write.includes('Secret'))).toEqual([
      `remove Deployment/${second}`,
      `remove ConfigMap/${where.name}`,
      `remove Deployment/${first}`,
    ]);
  });
});
