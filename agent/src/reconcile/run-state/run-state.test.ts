import { describe, expect, it } from 'vitest';
import { AS_RELEASED, canonicalJson, sha256, type DesiredState, type RunState } from '@steward/shared';
import type { KubeObject } from '../../kube/client.ts';
import type { HistoryEntry, InstallationStatus } from '../../operations/installation/installation-object.ts';
import type { ReleaseSet } from '../render/release-set.ts';
import { withGeneration } from '../history/good-generations.ts';
import { checkRunState } from './check-run-state.ts';
import { classify } from './classes.ts';
import { setAsItRuns, withRunState } from './with-run-state.ts';

function object(apiVersion: string, kind: string, name: string, spec: object): KubeObject {
  return { apiVersion, kind, metadata: { name, annotations: { own: 'x' } }, spec };
}
const template = { metadata: { annotations: { checksum: 'a' } }, spec: { nodeSelector: { disk: 'fast' } } };
const web = object('apps/v1', 'Deployment', 'web', { replicas: 2, template });
const db = object('apps/v1', 'StatefulSet', 'db', { replicas: 3, template });
const log = object('apps/v1', 'DaemonSet', 'log', { template });
const nightly = object('batch/v1', 'CronJob', 'nightly', { schedule: '0 1 * * *' });
const config = object('v1', 'ConfigMap', 'config', {});
const foreign = object('other.example/v1', 'Deployment', 'other', { replicas: 1 });
const scaler = object('autoscaling/v2', 'HorizontalPodAutoscaler', 'scaler', {
  scaleTargetRef: { kind: 'Deployment', name: 'web' },
  minReplicas: 2,
  maxReplicas: 8,
});
const keda = object('keda.sh/v1alpha1', 'ScaledObject', 'queue', {
  scaleTargetRef: { name: 'web' },
  maxReplicaCount: 5,
});
const all = [web, db, log, nightly, config, foreign];
const specs = (objects: readonly KubeObject[]): unknown[] => objects.map((one) => one['spec']);
const scaled = (replicas: Record<string, number>): RunState => ({ stopped: false, replicas });

describe('the objects as they are to run', () => {
  it('are as they were rendered while nobody said anything else, and stay so themselves', () => {
    const before = structuredClone(all);
    expect(withRunState(all, AS_RELEASED)).toEqual(before);
    withRunState(all, { stopped: true, replicas: {}, restartToken: 'x' });
    expect(all).toEqual(before);
  });

  it('have Jobs that the cluster does not tidy away, whoever stored them', () => {
    const job = object('batch/v1', 'Job', 'once', { ttlSecondsAfterFinished: 0, backoffLimit: 1 });
    const other = object('ray.io/v1', 'Job', 'other', { ttlSecondsAfterFinished: 0 });
    const set = { objects: [job, other], hooks: [], meta: {} } as unknown as ReleaseSet;
    expect(specs(setAsItRuns(set, {}).objects)).toEqual([{ backoffLimit: 1 }, { ttlSecondsAfterFinished: 0 }]);
  });

  it('have no pods when stopped, each kind in its own way, and say so', () => {
    const found = withRunState(all, { stopped: true, replicas: { 'Deployment/web': 5 } });
    expect(specs(found)).toMatchObject([
      { replicas: 0 },
      { replicas: 0 },
      { template: { spec: { nodeSelector: { disk: 'fast', 'steward.dev/stopped': 'true' } } } },
      { suspend: true },
      {},
      { replicas: 1 },
    ]);
    const marked = found.filter(({ metadata }) => metadata.annotations?.['steward.dev/stopped'] === 'true');
    expect(marked.map(({ kind }) => kind)).toEqual(['Deployment', 'StatefulSet', 'DaemonSet', 'CronJob']);
    expect(marked.every(({ metadata }) => metadata.annotations?.['own'] === 'x')).toBe(true);
  });

  it('name their images as they were found only where they were adopted and no pod was replaced since', () => {
    const pinned = `docker.io/library/nats:2.15@${digest}`;
    const podSpec = (image: string) => ({ template: { spec: { containers: [{ name: 'nats', image }] } } });
    const found = { kind: 'Deployment', name: 'web', container: 'nats', image: 'nats:2.15', digests: [digest] };
    const set = {
      objects: [object('apps/v1', 'Deployment', 'web', podSpec(pinned))],
      hooks: [],
      meta: { found: [found] },
    };
    const imagesOf = (entry: object) => specs(setAsItRuns(set as unknown as ReleaseSet, entry).objects);
    expect(imagesOf({ isAsFound: true })).toEqual([podSpec('nats:2.15')]);
    expect(imagesOf({})).toEqual([podSpec(pinned)]);
  });

  it('carry the restart in every pod template, also while they are stopped', () => {
    const restarted = { metadata: { annotations: { checksum: 'a', 'steward.dev/restart': 't' } } };
    const found = withRunState([web, db, log, nightly], { ...AS_RELEASED, restartToken: 't' });
    expect(specs(found)).toMatchObject([{ template: restarted }, { template: restarted }, { template: restarted }, {}]);
    const stopped = withRunState([web], { stopped: true, replicas: {}, restartToken: 't' });
    expect(specs(stopped)).toMatchObject([{ replicas: 0, template: restarted }]);
  });

  it('have the counts of a scale, but not where an autoscaler has its own', () => {
    const runState = scaled({ 'Deployment/web': 5, 'StatefulSet/db': 0 });
    expect(specs(withRunState([web, db], runState))).toMatchObject([{ replicas: 5 }, { replicas: 0 }]);
    expect(specs(withRunState([web, scaler], runState))[0]).toMatchObject({ replicas: 2 });
    expect(specs(withRunState([web, scaler], { ...runState, stopped: true }))[0]).toMatchObject({ replicas: 0 });
    expect(specs(withRunState([web, keda], runState))[0]).toMatchObject({ replicas: 2 });
  });

  it('have no count that the release does not allow, though it was asked for under another one', () => {
    const own = { kind: 'Deployment' as const, name: 'web', minimum: 1, maximum: 4 };
    const counts = (count: number) => withRunState([web], scaled({ 'Deployment/web': count }), { scale: [own] });
    expect(specs([...counts(4), ...counts(5)])).toMatchObject([{ replicas: 4 }, { replicas: 2 }]);
  });

  it('have an autoscaler of KEDA that rests while they are stopped, which it would not do by itself', () => {
    const paused = { 'autoscaling.keda.sh/paused-replicas': '0' };
    const [, found] = withRunState([web, keda], { stopped: true, replicas: {} });
    expect(found?.metadata.annotations).toMatchObject(paused);
    expect(withRunState([web, keda], AS_RELEASED)[1]).toBe(keda);
  });
});

describe('before anything is written', () => {
  it('a workload that is not there is refused, with those that are', () => {
    for (const name of ['Deployment/wbe', 'Deployment/other', 'StatefulSet/web']) {
      const found = checkRunState(all, scaled({ [name]: 3 }), AS_RELEASED);
      expect(found).toMatchObject({ ok: false, failure: { reason: 'unknown-workload' } });
      expect(found).toMatchObject({ failure: { message: expect.stringContaining('Deployment/web, StatefulSet/db') } });
    }
  });

  it('what an autoscaler scales is refused, with its name and bounds', () => {
    const found = checkRunState([web, scaler], scaled({ 'Deployment/web': 3 }), AS_RELEASED);
    expect(found).toMatchObject({ ok: false, failure: { reason: 'autoscaled' } });
    const other = checkRunState([web, keda], scaled({ 'Deployment/web': 3 }), AS_RELEASED);
    expect(other).toMatchObject({
      failure: { message: expect.stringContaining('ScaledObject/queue (minReplicas 0, maxReplicas 5)') },
    });
    const message = expect.stringContaining('HorizontalPodAutoscaler/scaler (minReplicas 2, maxReplicas 8)');
    expect(found).toMatchObject({ failure: { message } });
  });

  it('a count outside of what is signed is refused when it is asked for now, and waits when it was asked for earlier', () => {
    const own = { kind: 'Deployment' as const, name: 'web', minimum: 1, maximum: 4 };
    const five = scaled({ 'Deployment/web': 5 });
    const asked = checkRunState(all, five, AS_RELEASED, { scale: [own] });
    expect(asked).toMatchObject({ failure: { reason: 'not-offered', message: matching(/1 to 4 pods .* not 5 pods/) } });
    const earlier = checkRunState(all, five, five, { scale: [own] });
    expect(earlier).toMatchObject({ ok: true, value: [matching(/^The scale of Deployment\/web waits: /)] });
  });

  it('what was asked for earlier does not hold up an upgrade that has no place for it, but is told', () => {
    const earlier = scaled({ 'Deployment/gone': 3, 'Deployment/web': 4 });
    const found = checkRunState([web, scaler], earlier, earlier);
    expect(found).toMatchObject({ ok: true, value: [/gone is not in/, /its autoscaler/].map(matching) });
  });

  it('what a restart or a stop does not reach is told, and a restart of nothing refused', () => {
    const onDelete = object('apps/v1', 'StatefulSet', 'db', { updateStrategy: { type: 'OnDelete' }, template });
    const restart = { ...AS_RELEASED, restartToken: 'x' };
    expect(checkRunState([onDelete], restart, AS_RELEASED)).toMatchObject({
      ok: true,
      value: [matching(/publish it/)],
    });
    const evicted = checkRunState([onDelete], restart, AS_RELEASED, { evicts: true });
    expect(evicted).toMatchObject({ ok: true, value: [matching(/StatefulSet\/db are evicted one by one/)] });
    expect(checkRunState([config], restart, AS_RELEASED)).toMatchObject({ ok: false });
    expect(checkRunState([config], restart, restart)).toEqual({ ok: true, value: [] });
    const kept = { timeZone: 'UTC', stop: [{ days: ['mon' as const], from: '20:00', to: '06:00' }] };
    const lost = { ...AS_RELEASED, schedule: { ...kept, timeZone: 'Europe/Atlantis' } };
    expect(checkRunState([web], lost, AS_RELEASED)).toMatchObject({ failure: { reason: 'unknown-time-zone' } });
    expect(checkRunState([web], { ...AS_RELEASED, schedule: kept }, AS_RELEASED)).toEqual({ ok: true, value: [] });
    const pod = object('v1', 'Pod', 'lonely', {});
    const stop = { stopped: true, replicas: {} };
    expect(checkRunState([pod], stop, AS_RELEASED)).toMatchObject({ ok: true, value: [matching(/Pod\/lonely/)] });
  });
});

function matching(text: RegExp): unknown {
  return expect.stringMatching(text);
}

const digest = `sha256:${'a'.repeat(64)}`;
function good(generation: number, rest: Partial<HistoryEntry> = {}): HistoryEntry {
  const parametersDigest = sha256(canonicalJson({}));
  const at = '2026-11-28T00:00:00Z';
  return {
    generation,
    version: '1.0.0',
    releaseDigest: digest,
    parametersDigest,
    renderRef: `set ${generation}`,
    at,
    ...rest,
  };
}
const status = (rest: Partial<InstallationStatus> = {}): InstallationStatus =>
  ({ state: 'running', history: [good(1)], inventory: [], ...rest }) as InstallationStatus;
function desired(kind: string, rest: Partial<DesiredState> = {}): DesiredState {
  const release = { digest, version: '1.0.0' };
  return { action: 'run', release, parameters: {}, operation: { kind }, ...rest } as DesiredState;
}
const stop: RunState = { stopped: true, replicas: {} };
const kindsOf = (wanted: DesiredState, found = status()): string[] => classify(wanted, found).kinds;

describe('what an operation is', () => {
  it('is what it is called when that is all it changes', () => {
    expect(kindsOf(desired('stop', { runState: stop }))).toEqual(['stop']);
    expect(kindsOf(desired('scale', { runState: scaled({ 'Deployment/web': 2 }) }))).toEqual(['scale']);
    const restart = classify(desired('restart', { runState: { ...AS_RELEASED, restartToken: 'x' } }), status());
    expect(restart).toMatchObject({ kinds: ['restart'], sameSet: { generation: 1 } });
    expect(kindsOf(desired('upgrade'))).toEqual(['upgrade']);
  });

  it('is also what it changes besides, whatever it is called', () => {
    expect(kindsOf(desired('restart', { runState: stop }))).toEqual(['restart', 'stop']);
    expect(kindsOf(desired('upgrade', { runState: stop }))).toEqual(['upgrade', 'stop']);
    const stopped = status({ history: [good(1, { runState: stop })] });
    expect(kindsOf(desired('rollback', { runState: AS_RELEASED }), stopped)).toEqual(['rollback', 'start']);
  });

  it('never runs the set that is there when release or parameters differ', () => {
    for (const other of [{ parameters: { a: 1 } }, { release: { digest: 'sha256:b', version: '2.0.0' } }])
      expect(classify(desired('stop', { runState: stop, ...other }), status())).toMatchObject({
        kinds: ['stop'],
        sameSet: undefined,
      });
  });

  it('is a rollback too after a way back that failed, and an install where nothing is', () => {
    expect(kindsOf(desired('stop', { runState: stop }), status({ state: 'failed' }))).toEqual(['stop', 'rollback']);
    expect(kindsOf(desired('stop', { runState: stop }), status({ history: [] }))).toEqual(['install']);
  });

  it('is an adoption only where nothing has run, and more than that over what an earlier one left', () => {
    const adopt = desired('adopt', { generation: 2 });
    expect(kindsOf(adopt, status({ history: [] }))).toEqual(['adopt']);
    const left = { group: '', version: 'v1', kind: 'ConfigMap', name: 'a' };
    expect(kindsOf(adopt, status({ history: [], inventory: [left] }))).toEqual(['adopt', 'upgrade']);
    expect(kindsOf(adopt, status({ history: [good(1)] }))).toEqual(['upgrade']);
    expect(kindsOf(adopt, status({ history: [good(2)] }))).toContain('adopt');
    expect(kindsOf(desired('leave', { action: 'remove' }))).toEqual(['leave']);
  });

  it('is an adoption that asks as an upgrade does, of the very set, where the records that the hub thinks lost are there', () => {
    const recovery = desired('adopt', { generation: 2, operation: { kind: 'adopt', recovers: true } as never });
    expect(kindsOf(recovery, status({ history: [] }))).toEqual(['adopt']);
    expect(classify(recovery, status())).toMatchObject({ kinds: ['adopt', 'upgrade'], sameSet: { generation: 1 } });
    const other = { ...recovery, parameters: { a: 1 } };
    expect(classify(other, status())).toMatchObject({ kinds: ['upgrade'], sameSet: undefined });
  });

  it('leaves how it runs as it is when the hub says nothing', () => {
    const found = classify(desired('upgrade'), status({ history: [good(1, { runState: stop })] }));
    expect(found).toMatchObject({ kinds: ['upgrade'], runState: stop });
  });
});

describe('the history', () => {
  it('holds a set once, however often it was run in another way', () => {
    let history = [good(2), good(1)];
    for (const generation of [3, 4, 5])
      history = withGeneration(history, good(generation, { setGeneration: 2, renderRef: 'set 2' }));
    expect(history.map(({ generation }) => generation)).toEqual([5, 1]);
    expect(withGeneration(history, good(6)).map(({ generation }) => generation)).toEqual([6, 5, 1]);
  });
});
