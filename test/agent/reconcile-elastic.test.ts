// @module-tag one-try
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { WEEKDAYS, type RunState, type Schedule } from '@steward/shared';
import type { KubeObject } from '../../agent/src/kube/client.ts';
import { waitUntil } from '../support/wait-until.ts';
import { someOf, writesToDieAt } from './deaths.ts';
import type { Published, ReconcileFixture } from './reconcile-fixture.ts';
import { AS_RELEASED, openRemedyWorld, replicasOf, type RemedyWorld, type Running } from './remedy-world.ts';
import { desiredState } from './scripted-hub.ts';

let world: RemedyWorld;
let fixture: ReconcileFixture;
let web: Published;
let pods: RemedyWorld['pods'];
let installed: RemedyWorld['installed'];

beforeAll(async () => {
  world = await openRemedyWorld(inject('kubeconfig'));
  ({ fixture, web, pods, installed } = world);
});
beforeEach(() => world.allow());
afterAll(() => world?.close());

describe('resize', () => {
  it('replaces the pods by larger ones inside what is offered, and a later upgrade keeps that', async () => {
    const one = await installed(web);
    const container = `Deployment/${one.name}/probe`;
    const sized = (memoryLimit: string): RunState => ({
      ...AS_RELEASED,
      resources: { [container]: { memoryLimit, cpuRequest: '5m' } },
    });
    const outside = await one.end({ kind: 'resize', runState: sized('1Gi') });
    expect(outside).toMatchObject({ state: 'failed', reason: 'not-offered' });
    expect(pods.get(one.name)?.size).toBe(1);
    const inside = await one.end({ kind: 'resize', runState: sized('128Mi') });
    expect(inside).toMatchObject({ state: 'succeeded', message: expect.stringContaining('memory limit 128Mi') });
    expect(pods.get(one.name)?.size).toBe(2);
    await one.end({ kind: 'upgrade', runState: sized('128Mi'), parameters: { text: 'b' } });
    const spec = { containers: [{ resources: { limits: { memory: '128Mi' }, requests: { cpu: '5m' } } }] };
    expect(await one.livePods()).toMatchObject([{ spec }]);
    await one.agent.stop();
  });
});

describe('what replaces every pod', () => {
  const deaths = [
    ['restart', 'before'],
    ['restart', 'after'],
    ['resize', 'before'],
    ['resize', 'after'],
  ] as const;

  it.each(someOf(deaths))('%s is done once when the agent is killed %s any of its changes', async (kind, when) => {
    const one = await installed(web);
    const container = `Deployment/${one.name}/probe`;
    await one.agent.stop();
    for (const [round, write] of writesToDieAt(when).entries()) {
      const change: Partial<RunState> =
        kind === 'restart'
          ? { restartToken: `once-${write}` }
          : { resources: { [container]: { memoryLimit: `${32 + write}Mi` } } };
      const wanted = desiredState(one.next({ kind, runState: { ...AS_RELEASED, ...change } }));
      const mortal = await fixture.start({ write, when });
      fixture.hub.offer(wanted);
      const { id } = wanted.operation;
      const hasDied = await Promise.race([
        mortal.client.died.then(() => true),
        fixture.hub.end(id).then(() => new Promise<false>((resolve) => setTimeout(resolve, 100, false))),
      ]);
      mortal.kill();
      const next = await fixture.start();
      if (!fixture.hub.last(id)?.phase.includes('done')) fixture.hub.offer(wanted);
      const at = `${when} ${mortal.client.writes.at(-1)}`;
      expect(await fixture.hub.end(id), at).toMatchObject({ state: 'succeeded' });
      expect(pods.get(one.name)?.size, at).toBe(round + 2);
      const history = [{ generation: round + 2, setGeneration: 1, runState: change }];
      expect(await fixture.get('Installation', one.name), at).toMatchObject({ status: { history } });
      expect(fixture.hub.contradictions).toEqual([]);
      await next.stop();
      if (!hasDied) return;
    }
    throw new Error(`a ${kind} takes more changes than expected`);
  });
});

describe('autoscale', () => {
  const scaler = async (name: string): Promise<KubeObject | undefined> => {
    const ref = await fixture.admin.resourceOf('autoscaling/v2', 'HorizontalPodAutoscaler');
    return ref && fixture.admin.get(ref, name, `steward-deployment-${name}`);
  };

  it('leaves the count to the cluster over an upgrade and a stop, and takes it back once after a kill', async () => {
    const one = await installed(web);
    const workload = `Deployment/${one.name}`;
    const on: RunState = { ...AS_RELEASED, autoscale: { [workload]: { minimum: 2, maximum: 3, cpuPercent: 70 } } };
    const blind = await one.end({ kind: 'autoscale', runState: on });
    expect(blind).toMatchObject({ state: 'failed', reason: 'not-offered' });
    const measured: RunState = { ...on, resources: { [`${workload}/probe`]: { cpuRequest: '5m' } } };
    const end = await one.end({ kind: 'autoscale', runState: measured });
    // There is nothing in this cluster that measures.
    expect(end).toMatchObject({ state: 'succeeded', message: expect.stringContaining('cannot measure yet') });
    expect(replicasOf(await one.workload())).toBe(2);
    await one.end({ kind: 'upgrade', runState: measured, parameters: { replicas: 1, text: 'b' } });
    expect(await one.livePods()).toHaveLength(2);
    await one.end({ kind: 'stop', runState: { ...measured, stopped: true }, parameters: { replicas: 1, text: 'b' } });
    expect(await one.livePods()).toHaveLength(0);
    await one.end({ kind: 'start', runState: measured, parameters: { replicas: 1, text: 'b' } });
    expect(await one.livePods()).toHaveLength(2);
    const told = fixture.hub.events.filter(({ installationId }) => installationId === one.installationId);
    expect(told.filter(({ kind }) => kind.startsWith('drift.'))).toEqual([]);
    expect(await fixture.get('Installation', one.name)).not.toMatchObject({ status: { drift: expect.anything() } });
    await one.agent.stop();
    const name = `steward-deployment-${one.name}`;
    const mortal = await fixture.start({ write: 1, of: `HorizontalPodAutoscaler/${name}`, when: 'after' });
    const { autoscale: _, ...runState } = measured;
    const off = fixture.offer(one.next({ kind: 'autoscale', runState, parameters: { replicas: 1, text: 'b' } }));
    await mortal.client.died;
    mortal.kill();
    // Nothing was applied yet that the autoscaler would have undone.
    expect(mortal.client.writes.filter((write) => write.startsWith(`apply Deployment/`))).toEqual([]);
    const next = await fixture.start();
    expect(await fixture.hub.end(off)).toMatchObject({ state: 'succeeded' });
    expect([await scaler(one.name), replicasOf(await one.workload())]).toEqual([undefined, 1]);
    expect(await one.livePods()).toHaveLength(1);
    await next.stop();
  });
});

const HOUR_MS = 3_600_000;
/** Of a window that has been open for two hours, and will be for some more. */
function openSchedule(): Schedule {
  const clock = (ms: number): string => new Date(ms).toISOString().slice(11, 16);
  const from = Date.now() - 2 * HOUR_MS;
  const day = WEEKDAYS[(new Date(from).getUTCDay() + 6) % 7] ?? 'mon';
  return { timeZone: 'UTC', stop: [{ days: [day], from: clock(from), to: clock(from + 8 * HOUR_MS) }] };
}
const podsAre = (one: Running, count: number) =>
  waitUntil(async () => (await one.livePods()).length === count, { what: `${count} pods`, timeoutMs: 30_000 });

describe('a schedule', () => {
  it('stops it by itself, goes on with that after a kill, and holds while the customer says no', async () => {
    const one = await installed(web);
    await one.agent.stop();
    const runState: RunState = { ...AS_RELEASED, schedule: openSchedule() };
    const mortal = await fixture.start({ write: 1, of: `Deployment/${one.name}`, when: 'before' });
    const set = fixture.offer(one.next({ kind: 'schedule', runState }));
    await mortal.client.died;
    mortal.kill();
    await fixture.policy({ rules: {}, freeze: true }, 'frozen');
    const waiting = await fixture.start();
    const held = { schedule: { held: expect.stringContaining('freezes') } };
    const isHeld = async () => JSON.stringify(await fixture.get('Installation', one.name)).includes('freezes');
    await waitUntil(isHeld, { what: 'the schedule to be held' });
    expect(await fixture.get('Installation', one.name)).toMatchObject({ status: held });
    expect(await fixture.hub.end(set)).toMatchObject({ state: 'succeeded' });
    expect(await one.livePods()).toHaveLength(1);
    await waiting.stop();
    await fixture.policy({ rules: {}, freeze: false }, 'frozen');
    const agent = await fixture.start();
    await podsAre(one, 0);
    const isToldWell = (): boolean => {
      const health = fixture.hub.health[one.installationId];
      return health?.health === 'healthy' && health.reasons.some(({ code }) => code === 'StoppedBySchedule');
    };
    await waitUntil(isToldWell, { what: 'the health to say why, and that all is well' });
    const told = (): string[] =>
      fixture.hub.events
        .filter(({ installationId, kind }) => installationId === one.installationId && kind !== 'health.changed')
        .map(({ kind }) => kind);
    await waitUntil(() => told().length > 0, { what: 'the turn to be told' });
    expect(told()).toEqual(['schedule.stopped']);
    expect(await one.end({ kind: 'upgrade', runState, parameters: { text: 'b' } })).toMatchObject({
      state: 'succeeded',
    });
    expect(await one.livePods()).toHaveLength(0);
    const off = await one.end({ kind: 'schedule', runState: AS_RELEASED, parameters: { text: 'b' } });
    expect(off).toMatchObject({ state: 'succeeded' });
    // It has waited for it, as a start does.
    expect(fixture.hub.phases(off.operationId)).toContain('roll-out');
    expect(await one.livePods()).toMatchObject([{ status: { phase: 'Running' } }]);
    await agent.stop();
  });

  it('gives way to who starts it by hand until its window ends, also over a restart of the agent', async () => {
    const one = await installed(web);
    const runState: RunState = { ...AS_RELEASED, schedule: openSchedule() };
    await one.end({ kind: 'schedule', runState });
    await podsAre(one, 0);
    expect(await one.end({ kind: 'start', runState })).toMatchObject({ state: 'succeeded' });
    expect(await one.livePods()).toHaveLength(1);
    await one.agent.stop();
    const agent = await fixture.start();
    expect(await one.end({ kind: 'upgrade', runState, parameters: { text: 'b' } })).toMatchObject({
      state: 'succeeded',
    });
    expect(await one.livePods()).toHaveLength(1);
    const schedule = { isStopped: false, overriddenUntil: expect.any(String) };
    expect(await fixture.get('Installation', one.name)).toMatchObject({ status: { schedule } });
    // Also over an Installation that somebody deletes: that it was started is in no stored set.
    await fixture.kubectl('delete', 'installation', one.name, '--namespace', fixture.namespace, '--wait=false');
    const isNoticed = (): boolean => fixture.hub.observed[one.installationId]?.state === 'failed';
    await waitUntil(isNoticed, { what: 'the deletion to be noticed' });
    expect(await one.end({ kind: 'upgrade', runState, parameters: { text: 'c' } })).toMatchObject({
      state: 'succeeded',
    });
    expect(await fixture.get('Installation', one.name)).toMatchObject({ status: { schedule } });
    expect(await one.livePods()).toHaveLength(1);
    await agent.stop();
  });
});

describe('a schedule while an operation waits for people', () => {
  it('is kept, and what is agreed to later is for how it runs by then', async () => {
    const one = await installed(web);
    const runState: RunState = { ...AS_RELEASED, schedule: openSchedule() };
    await one.end({ kind: 'schedule', runState });
    await podsAre(one, 0);
    await one.end({ kind: 'start', runState });
    await one.agent.stop();
    await fixture.policy({ rules: { upgrade: 'ask', scale: 'allow' } });
    const soon = { status: { schedule: { overriddenUntil: new Date(Date.now() + 8_000).toISOString() } } };
    const patch = ['--type=merge', '--subresource=status', '-p', JSON.stringify(soon)];
    await fixture.kubectl('patch', 'installation', one.name, '-n', fixture.namespace, ...patch);
    const agent = await fixture.start();
    const upgrade = fixture.offer(one.next({ kind: 'upgrade', runState, parameters: { text: 'b' } }));
    const asked = await fixture.hub.reach(upgrade, { state: 'awaiting-approval' });
    expect(await one.livePods()).toHaveLength(1);
    await podsAre(one, 0);
    const again = await waitUntil(
      () => {
        const last = fixture.hub.last(upgrade);
        return last?.phase === 'approve' && last.plan?.digest !== asked.plan?.digest ? last : undefined;
      },
      { what: 'another plan to be asked for' },
    );
    expect(again.plan?.changes.map(({ fields }) => fields).join()).not.toContain('replicas');
    await fixture.paste(/kubectl create(?:.|\n)*?\nEOF/.exec(again.message)?.[0] ?? again.message);
    expect(await fixture.hub.end(upgrade)).toMatchObject({ state: 'succeeded' });
    expect(await one.livePods()).toHaveLength(0);
    await agent.stop();
  });
});
