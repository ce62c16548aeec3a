// @module-tag one-try
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import type { RunState } from '@steward/shared';
import { waitUntil } from '../support/wait-until.ts';
import type { Published, ReconcileFixture } from './reconcile-fixture.ts';
import { AS_RELEASED, openRemedyWorld, replicasOf, STOPPED, type RemedyWorld } from './remedy-world.ts';

let world: RemedyWorld;
let fixture: ReconcileFixture;
let web: Published;
let store: Published;
let pods: RemedyWorld['pods'];
let installed: RemedyWorld['installed'];

beforeAll(async () => {
  world = await openRemedyWorld(inject('kubeconfig'));
  ({ fixture, web, store, pods, installed } = world);
});
beforeEach(() => world.allow());
afterAll(() => world?.close());

describe('restart', () => {
  it('replaces every pod once, by the way of rolling out that the workload has, and keeps the count', async () => {
    const one = await installed(web, { replicas: 2 });
    const before = await one.livePods();
    const end = await one.end({ kind: 'restart', runState: { ...AS_RELEASED, restartToken: 'first' } });
    expect(end).toMatchObject({ state: 'succeeded', message: expect.stringContaining(`restart of ${one.name}`) });
    expect(pods.get(one.name)?.size).toBe(4);
    const after = await one.livePods();
    expect(after.filter(({ metadata }) => before.some((old) => old.metadata.uid === metadata.uid))).toEqual([]);
    // The next upgrade of something else restarts nothing.
    await one.end({
      kind: 'upgrade',
      runState: { ...AS_RELEASED, restartToken: 'first' },
      parameters: { replicas: 2 },
    });
    expect(pods.get(one.name)?.size).toBe(4);
    await one.agent.stop();
  });

  it('killed when its good end is written has ended well, also when its pods are not ready since then', async () => {
    const one = await installed(web);
    await one.end({ kind: 'upgrade', parameters: { text: 'b' } });
    await one.agent.stop();
    const of = `Installation/${one.name} running`;
    const { client } = await fixture.start({ write: 1, of, when: 'after' });
    const runState = { ...AS_RELEASED, restartToken: 'first' };
    const restart = fixture.offer(one.next({ kind: 'restart', runState, parameters: { text: 'b' } }));
    await client.died;
    const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'none', namespace: one.name } };
    await fixture.apply([{ ...quota, spec: { hard: { pods: '0' } } }]);
    await fixture.kubectl('delete', 'pod', '--all', '--wait=false', '--namespace', one.name);
    const agent = await fixture.start();
    expect(await fixture.hub.end(restart)).toMatchObject({ state: 'succeeded' });
    expect(agent.client.writes.filter((write) => write.startsWith('apply '))).toEqual([]);
    expect(fixture.hub.observed[one.installationId]).toMatchObject({ state: 'running', observedGeneration: 3 });
    await agent.stop();
  });

  it('does not push older releases out of what can be gone back to', async () => {
    const one = await installed(web);
    await one.end({ kind: 'upgrade', parameters: { text: 'b' } });
    for (let round = 1; round <= 6; round += 1) {
      const runState = { ...AS_RELEASED, restartToken: `r${round}` };
      await one.end({ kind: 'restart', runState, parameters: { text: 'b' } });
    }
    const endpoints = [{ service: one.name, port: 80 }];
    expect(fixture.hub.observed[one.installationId]).toMatchObject({
      observedGeneration: 8,
      kept: [{ generation: 1, version: '1.0.0' }],
      endpoints,
    });
    // Generation 2 brought the set that generation 8 runs; both stand for it.
    const back = await one.end({ kind: 'rollback', toGeneration: 1 });
    expect(back).toMatchObject({ state: 'succeeded' });
    expect(await one.end({ kind: 'rollback', toGeneration: 2, parameters: { text: 'b' } })).toMatchObject({
      state: 'succeeded',
    });
    await one.agent.stop();
  });
});

describe('stop and start', () => {
  it('ends every pod, and stays so over an upgrade, a rollback and another life of the agent', async () => {
    const one = await installed(web, { replicas: 2 });
    const end = await one.end({ kind: 'stop', runState: STOPPED, parameters: { replicas: 2 } });
    expect(end).toMatchObject({ state: 'succeeded' });
    expect(await one.livePods()).toEqual([]);
    const health = await waitUntil(
      () => {
        const told = fixture.hub.health[one.installationId];
        // The count of ready pods comes with the workload's own status, a moment later.
        const isStopped = told?.reasons.some(({ code }) => code === 'Stopped') && told.workloads[0]?.ready === 0;
        return isStopped ? told : undefined;
      },
      { what: 'its health to say that it is stopped, with no pod ready' },
    );
    expect(health).toMatchObject({ health: 'healthy', workloads: [{ ready: 0, wanted: 0 }] });
    const upgrade = await one.end({ kind: 'upgrade', runState: STOPPED, parameters: { replicas: 2, text: 'b' } });
    expect(upgrade).toMatchObject({ state: 'succeeded' });
    const plan = [...(fixture.hub.results.get(upgrade.operationId)?.values() ?? [])].find((told) => told.plan)?.plan;
    expect(plan?.summary).toContain('How it runs: stopped');
    await one.agent.stop();
    const agent = await fixture.start();
    // A hub that does not know of it says nothing of how it is to run.
    expect(await one.end({ kind: 'upgrade', parameters: { replicas: 2, text: 'c' } })).toMatchObject({
      state: 'succeeded',
    });
    expect(await one.end({ kind: 'rollback', toGeneration: 1, runState: STOPPED })).toMatchObject({
      state: 'succeeded',
    });
    expect(replicasOf(await one.workload())).toBe(0);
    expect(pods.get(one.name)?.size).toBe(2);
    const started = await one.end({ kind: 'start', runState: AS_RELEASED, parameters: { replicas: 2 } });
    expect(started).toMatchObject({ state: 'succeeded' });
    expect(replicasOf(await one.workload())).toBe(2);
    expect((await one.workload())?.metadata.annotations).not.toHaveProperty('steward.dev/stopped');
    expect(await one.livePods()).toHaveLength(2);
    await agent.stop();
  });

  it('stops what crashes', async () => {
    const one = await installed(web);
    await fixture.policy({ rules: { upgrade: 'allow', rollback: 'deny', scale: 'allow' } });
    await fixture.kubectl('patch', 'deployment', one.name, '-n', one.name, '--type=json', '-p', CRASH);
    await waitUntil(
      async () => (await one.livePods()).some((pod) => JSON.stringify(pod).includes('CrashLoopBackOff')),
      { what: 'a pod that crashes', timeoutMs: 60_000 },
    );
    expect(await one.end({ kind: 'stop', runState: STOPPED })).toMatchObject({ state: 'succeeded' });
    expect(await one.livePods()).toEqual([]);
    await one.agent.stop();
  });
});

describe('a remedy for something else than what runs', () => {
  it('takes no upgrade back that the hub had not heard of when it was pushed', async () => {
    const one = await installed(web, { text: 'a' });
    expect(await one.end({ kind: 'upgrade', parameters: { text: 'b' } })).toMatchObject({ state: 'succeeded' });
    const before = await one.workload();
    const late = await one.end({ kind: 'restart', runState: { ...AS_RELEASED, restartToken: 'late' } });
    expect(late).toMatchObject({ state: 'failed', reason: 'not-what-runs' });
    expect(late.message).toMatch(
      /^restart of .* was asked for as 1\.0\.0 ran; .* generation 2 \(with other parameters\)/,
    );
    expect(await one.workload()).toEqual(before);
    expect(fixture.hub.observed[one.installationId]).toMatchObject({ observedGeneration: 2, state: 'running' });
    // Asked for again it does what it says.
    const runState = { ...AS_RELEASED, restartToken: 'again' };
    expect(await one.end({ kind: 'restart', runState, parameters: { text: 'b' } })).toMatchObject({
      state: 'succeeded',
    });
    await one.agent.stop();
  });
});

const CRASH = JSON.stringify([{ op: 'add', path: '/spec/template/spec/containers/0/args', value: ['exit', '3'] }]);

describe('scale', () => {
  it('waits until the pods are there or gone, and a later upgrade keeps it', async () => {
    const one = await installed(store);
    const workload = `StatefulSet/${one.name}`;
    const scaled = (count: number): RunState => ({ stopped: false, replicas: { [workload]: count } });
    const up = await one.end({ kind: 'scale', runState: scaled(3) });
    expect(up).toMatchObject({ state: 'succeeded', message: expect.stringContaining(`to ${workload}=3`) });
    expect(await one.livePods()).toHaveLength(3);
    await one.end({ kind: 'upgrade', runState: scaled(3), parameters: { text: 'b' } });
    expect(replicasOf(await one.workload())).toBe(3);
    expect(await one.end({ kind: 'scale', runState: scaled(1), parameters: { text: 'b' } })).toMatchObject({
      state: 'succeeded',
    });
    expect(await one.livePods()).toHaveLength(1);
    await one.agent.stop();
  });

  it('is refused for a workload that is not there, before anything is written, with those that are', async () => {
    const one = await installed(web);
    const before = one.agent.client.writes.length;
    const runState = { stopped: false, replicas: { 'Deployment/wbe': 3 } };
    const end = await one.end({ kind: 'scale', runState });
    expect(end).toMatchObject({ state: 'failed', reason: 'unknown-workload' });
    expect(end.message).toContain(`Deployment/${one.name}`);
    expect(one.agent.client.writes.slice(before).filter((write) => write.startsWith('apply '))).toEqual([]);
    await one.agent.stop();
  });

  it('stays inside what is signed, whatever the hub asks for, and one of before waits where another release says less', async () => {
    const one = await installed(web);
    const scaled = (count: number): RunState => ({ stopped: false, replicas: { [`Deployment/${one.name}`]: count } });
    const outside = await one.end({ kind: 'scale', runState: scaled(5) });
    expect(outside).toMatchObject({ state: 'failed', reason: 'not-offered' });
    expect(outside.message).toContain(`allows 0 to 4 pods of Deployment/${one.name}, not 5 pods`);
    expect(await one.end({ kind: 'scale', runState: scaled(2) })).toMatchObject({ state: 'succeeded' });
    const narrower = await fixture.publish({
      chart: 'web',
      version: '1.1.0',
      change: (release) => {
        const own = { kind: 'Deployment' as const, name: '${installation}', minimum: 1, maximum: 1 };
        release.remedies = { ...web.release.remedies, scale: [own] };
        release.permissions = web.release.permissions;
      },
    });
    const upgrade = await one.end({ kind: 'upgrade', release: narrower, runState: scaled(2) });
    expect(upgrade).toMatchObject({ state: 'succeeded' });
    expect(replicasOf(await one.workload())).toBe(1);
    const plan = [...(fixture.hub.results.get(upgrade.operationId)?.values() ?? [])].find((told) => told.plan)?.plan;
    expect(plan?.summary).toContain(`The scale of Deployment/${one.name} waits: this release allows 1 to 1 pods`);
    await one.agent.stop();
  });

  it('goes back to how it ran when the pods do not come up', async () => {
    const one = await installed(web);
    const scaled = (count: number): RunState => ({ stopped: false, replicas: { [`Deployment/${one.name}`]: count } });
    expect(await one.end({ kind: 'scale', runState: scaled(2) })).toMatchObject({ state: 'succeeded' });
    const quota = { apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'few', namespace: one.name } };
    await fixture.apply([{ ...quota, spec: { hard: { pods: '2' } } }]);
    const end = await one.end({ kind: 'scale', runState: scaled(4) });
    expect(end).toMatchObject({ state: 'rolled-back', reason: 'pod-refused' });
    expect(replicasOf(await one.workload())).toBe(2);
    expect(fixture.hub.observed[one.installationId]).toMatchObject({ state: 'rolled-back', observedGeneration: 2 });
    await one.agent.stop();
  });
});

describe('what is only set at installation', () => {
  it('is refused to be another later by what is signed, before anything is written', async () => {
    const parameters = { properties: { replicas: { default: 1 } } };
    const publish = (version: string, fallback: number) =>
      fixture.publish({
        chart: 'web',
        version,
        change: (release) => {
          release.onlyAtInstall = ['replicas'];
          release.parameters = { properties: { replicas: { ...parameters.properties.replicas, default: fallback } } };
        },
      });
    const [first, second] = [await publish('3.0.0', 1), await publish('3.1.0', 2)];
    const one = await installed(first);
    const before = one.agent.client.writes.length;
    const later = await one.end({ kind: 'upgrade', parameters: { replicas: 2 } });
    expect(later).toMatchObject({ state: 'failed', reason: 'only-at-install' });
    expect(later.message).toContain('replicas is only set at installation: it is 1 here, and this would make it 2');
    const byDefault = await one.end({ kind: 'upgrade', release: second, parameters: {} });
    expect(byDefault).toMatchObject({ state: 'failed', reason: 'only-at-install' });
    expect(one.agent.client.writes.slice(before).filter((write) => write.startsWith('apply '))).toEqual([]);
    const kept = await one.end({ kind: 'upgrade', release: second, parameters: { replicas: 1, text: 'b' } });
    expect(kept).toMatchObject({ state: 'succeeded' });
    await one.agent.stop();
  });
});

describe('the policy', () => {
  it('asks for a restart unless told, and has one rule for stop, start and scale', async () => {
    const one = await installed(web);
    await fixture.policy({ rules: { scale: 'deny' } });
    expect(await one.end({ kind: 'stop', runState: STOPPED })).toMatchObject({
      state: 'denied',
      message: expect.stringContaining('class scale'),
    });
    const asked = fixture.offer(one.next({ kind: 'restart', runState: { ...AS_RELEASED, restartToken: 'x' } }));
    expect(await fixture.hub.reach(asked, { state: 'awaiting-approval' })).toMatchObject({ phase: 'approve' });
    // What the hub calls it does not matter: this would stop it.
    await fixture.policy({ rules: { restart: 'allow', upgrade: 'deny', scale: 'deny' } });
    await fixture.hub.end(asked);
    const hidden = await one.end({ kind: 'restart', runState: { ...STOPPED, restartToken: 'y' } });
    expect(hidden).toMatchObject({ state: 'denied', message: expect.stringContaining('class scale') });
    await one.agent.stop();
  });
});
