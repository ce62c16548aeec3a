// @module-tag one-try
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { OPERATION_KINDS, WEEKDAYS, type RunState, type Schedule } from '@steward/shared';
import type { KubeObject } from '../../agent/src/kube/client.ts';
import { remedyPermissions } from '../../hub/cli/src/checks/remedies/check-remedies.ts';
import { waitUntil } from '../support/wait-until.ts';
import { someOf, writesToDieAt } from './deaths.ts';
import { ReconcileFixture, type Published, type RunningAgent } from './reconcile-fixture.ts';
import { desiredState, type Want } from './scripted-hub.ts';

let fixture: ReconcileFixture;
let web: Published;
let store: Published;
/** Every pod there ever was, by namespace. */
const pods = new Map<string, Set<string>>();
const watching = new AbortController();

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  web = await fixture.publish({
    chart: 'web',
    change: (release) => {
      const memory = { minimum: '16Mi', maximum: '128Mi' };
      const cpu = { minimum: '1m', maximum: '1' };
      const resize = { kind: 'Deployment' as const, name: '${installation}', container: 'probe', cpu, memory };
      const autoscale = { kind: 'Deployment' as const, name: '${installation}', minimum: 1, maximum: 3 };
      const scale = { kind: 'Deployment' as const, name: '${installation}', minimum: 0, maximum: 4 };
      release.remedies = { resize: [resize], autoscale: [autoscale], scale: [scale] };
      release.permissions.push(...remedyPermissions(release));
    },
  });
  store = await fixture.publish({ chart: 'store' });
  const ref = await fixture.admin.resourceOf('v1', 'Pod');
  if (!ref) throw new Error('no Pods');
  const note = ({ metadata }: KubeObject): true => {
    const { namespace = '', uid = '' } = metadata;
    pods.set(namespace, (pods.get(namespace) ?? new Set()).add(uid));
    return true;
  };
  fixture.admin.watch({ ref, project: note, onChange: () => {}, signal: watching.signal });
});
beforeEach(() => fixture.policy({ rules: { upgrade: 'allow', rollback: 'allow', restart: 'allow', scale: 'allow' } }));
afterAll(async () => {
  watching.abort();
  await fixture?.close();
});

const AS_RELEASED: RunState = { stopped: false, replicas: {} };
const STOPPED: RunState = { stopped: true, replicas: {} };

interface Running {
  agent: RunningAgent;
  name: string;
  installationId: string;
  /** Asks for the next generation. */
  next(change: Partial<Want> & Pick<Want, 'kind'>): Want;
  /** Asks for it and waits for its end. */
  end(change: Partial<Want> & Pick<Want, 'kind'>): ReturnType<ReconcileFixture['hub']['end']>;
  workload(): Promise<KubeObject | undefined>;
  livePods(): Promise<KubeObject[]>;
}

/** An installation that runs well at generation 1. */
async function installed(release: Published, parameters: Record<string, unknown> = {}): Promise<Running> {
  const where = fixture.installation();
  await fixture.grant(where.name, release);
  const agent = await fixture.start();
  let generation = 1;
  const first: Want = { ...where, generation, release, kind: 'install', parameters };
  expect(await fixture.hub.end(fixture.offer(first))).toMatchObject({ state: 'succeeded' });
  const ref = await fixture.admin.resourceOf('v1', 'Pod');
  const kind = release === store ? 'StatefulSet' : 'Deployment';
  const running: Running = {
    ...where,
    agent,
    next: (change) => ({ ...first, generation: (generation += 1), ...change }),
    end: (change) => fixture.hub.end(fixture.offer(running.next(change))),
    workload: () => fixture.get(kind, where.name, where.namespace),
    livePods: async () => (ref ? fixture.admin.list(ref, where.namespace) : []),
  };
  return running;
}

const replicasOf = (object: KubeObject | undefined): unknown => (object?.['spec'] as { replicas?: number })?.replicas;

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
    await waitUntil(() => JSON.stringify(fixture.hub.health[one.installationId] ?? '').includes('StoppedBySchedule'), {
      what: 'the health to say why',
    });
    expect(fixture.hub.health[one.installationId]).toMatchObject({ health: 'healthy' });
    const told = fixture.hub.events.filter(({ installationId }) => installationId === one.installationId);
    expect(told.map(({ kind }) => kind).filter((kind) => kind !== 'health.changed')).toEqual(['schedule.stopped']);
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
    // What the hub calls it does not matter: this would stop it, and this is another version.
    await fixture.policy({ rules: { restart: 'allow', upgrade: 'deny', scale: 'deny' } });
    await fixture.hub.end(asked);
    const hidden = await one.end({ kind: 'restart', runState: { ...STOPPED, restartToken: 'y' } });
    expect(hidden).toMatchObject({ state: 'denied', message: expect.stringContaining('class scale') });
    const disguised = await one.end({ kind: 'restart', runState: AS_RELEASED, parameters: { text: 'b' } });
    expect(disguised).toMatchObject({ state: 'denied', message: expect.stringContaining('upgrade of') });
    await one.agent.stop();
  });
});

describe('definitions that are older than the agent', () => {
  const kinds = '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/kind/enum';
  const define = (value: readonly string[]) => {
    const patch = JSON.stringify([{ op: 'replace', path: kinds, value }]);
    return fixture.kubectl('patch', 'crd', 'operations.steward.dev', '--type=json', '-p', patch);
  };
  /** Whether the API server takes a restart by now. */
  async function takesRestarts(): Promise<boolean> {
    const metadata = { name: 'op-try', namespace: fixture.namespace };
    const object = { apiVersion: 'steward.dev/v1alpha1', kind: 'Operation', metadata, spec: { kind: 'restart' } };
    const options = { fieldManager: 'customer', force: true, dryRun: true };
    return fixture.admin.apply(object, options).then(
      () => true,
      () => false,
    );
  }

  it('are named when they do not take a remedy, and hold nothing else up', async () => {
    const one = await installed(web);
    const runState = { ...AS_RELEASED, restartToken: 'x' };
    await define(['install', 'upgrade', 'rollback', 'uninstall']);
    try {
      await waitUntil(async () => !(await takesRestarts()), { what: 'the old definition to count' });
      const end = await one.end({ kind: 'restart', runState });
      expect(end).toMatchObject({ state: 'failed', reason: 'agent-too-old' });
      expect(await one.end({ kind: 'upgrade' })).toMatchObject({ state: 'succeeded' });
    } finally {
      await define(OPERATION_KINDS);
    }
    await waitUntil(takesRestarts, { what: 'the new definition to count' });
    expect(await one.end({ kind: 'restart', runState })).toMatchObject({ state: 'succeeded' });
    await one.agent.stop();
  });
});
