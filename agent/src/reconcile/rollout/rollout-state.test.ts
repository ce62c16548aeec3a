import { describe, expect, it } from 'vitest';
import type { PodProblem } from '../../collect/objects/pod-problems.ts';
import type { PodView } from '../../collect/objects/pod.ts';
import type { WorkloadView } from '../../collect/objects/workload.ts';
import { certaintyOf } from './certain-failure.ts';
import { rolloutState, type RolloutInput, type RolloutState } from './rollout-state.ts';
import type { Target, TargetKind } from './targets.ts';

const startedMs = Date.parse('2026-01-01T00:00:00Z');
const nowMs = startedMs + 5_000;

function workload(change: Partial<WorkloadView> = {}): WorkloadView {
  return {
    kind: 'Deployment',
    name: 'web',
    uid: 'w',
    mark: '',
    generation: 2,
    observedGeneration: 2,
    wanted: 2,
    replicas: 2,
    updated: 2,
    ready: 2,
    available: 2,
    hasBeenReady: true,
    isOnDelete: false,
    isStopped: false,
    partition: 0,
    currentRevision: 'r2',
    updateRevision: 'r2',
    isComplete: true,
    problem: undefined,
    ...change,
  };
}
function pod(change: Partial<PodView> = {}): PodView {
  return {
    name: 'web-new-1',
    uid: 'p1',
    owner: 'ReplicaSet/web-new',
    revision: 'new',
    phase: 'Pending',
    ip: undefined,
    isReady: false,
    hasBeenReady: false,
    createdMs: nowMs,
    goneByMs: undefined,
    restarts: 0,
    problems: [],
    claims: [],
    isHook: false,
    ...change,
  };
}
const problem = (code: string, change: Partial<PodProblem> = {}): PodProblem => ({
  code,
  message: `it is ${code}`,
  restarts: 0,
  ...change,
});
const target = (kind: TargetKind, name = 'web'): Target => ({ kind, name, uid: 'w', generation: 2 });

interface Parts {
  targets?: Target[];
  workloads?: WorkloadView[];
  pods?: PodView[];
}
function look(parts: Parts, change: Partial<RolloutInput> = {}): RolloutState {
  const keyed = <T>(list: readonly T[] = []): Map<string, T> =>
    new Map(list.map((item, index) => [String(index), item]));
  return rolloutState({
    targets: parts.targets ?? [target(parts.workloads?.[0]?.kind ?? 'Deployment')],
    objects: {
      workloads: [keyed(parts.workloads)],
      pods: keyed(parts.pods),
      jobs: new Map(),
      claims: new Map(),
      endpoints: new Map(),
    },
    replicaSets: [
      { deployment: 'web', hash: 'old', revision: 1 },
      { deployment: 'web', hash: 'new', revision: 2 },
    ],
    refused: [],
    startedMs,
    isOverFailed: false,
    removed: new Set(),
    heldSince: new Map(),
    nowMs,
    ...change,
  });
}

describe('a rollout is ready', () => {
  const stateful = { kind: 'StatefulSet' as const };
  it.each([
    ['a Deployment with all pods new and available', workload(), true],
    ['not one that its controller has not seen', workload({ observedGeneration: 1 }), false],
    ['not one of an older generation', workload({ generation: 1, observedGeneration: 1 }), false],
    ['not another one of that name', workload({ uid: 'other' }), false],
    ['not with old pods left', workload({ replicas: 3 }), false],
    ['not with pods to replace', workload({ updated: 1 }), false],
    ['not with pods that are not available', workload({ available: 1 }), false],
    ['a Deployment of no pods', workload({ wanted: 0, replicas: 0, updated: 0, available: 0 }), true],
    ['a StatefulSet of one revision', workload(stateful), true],
    ['not a StatefulSet between two', workload({ ...stateful, currentRevision: 'r1', updated: 2 }), false],
    [
      'a StatefulSet with a partition, below which pods stay old',
      workload({ ...stateful, currentRevision: 'r1', updated: 1, partition: 1 }),
      true,
    ],
    [
      'a StatefulSet whose pods a person replaces',
      workload({ ...stateful, currentRevision: 'r1', updated: 0, isOnDelete: true }),
      true,
    ],
    ['a DaemonSet with a new pod on each node', workload({ kind: 'DaemonSet' }), true],
    ['not a DaemonSet with an old pod', workload({ kind: 'DaemonSet', updated: 1 }), false],
  ])('%s', (_what, found, isReady) => {
    expect(look({ workloads: [found] }).isReady).toBe(isReady);
  });

  it('counts pods of workloads and everything else as one', () => {
    const state = look({
      targets: [target('Deployment'), target('PersistentVolumeClaim', 'data'), target('Service', 'web')],
      workloads: [workload({ available: 1 })],
    });
    expect(state).toMatchObject({ isReady: false, done: 2, total: 4 });
    expect(state.waiting).toEqual([
      expect.stringContaining('Deployment/web: 1 of 2 pods are ready'),
      'PersistentVolumeClaim/data: has no volume',
    ]);
  });
});

describe('a failure is certain', () => {
  const stuck = workload({ updated: 1, available: 1 });
  it.each([
    [problem('InvalidImageName'), 'image-pull-failed'],
    [problem('ErrImagePull', { message: 'manifest unknown' }), 'image-pull-failed'],
    [problem('ErrImagePull', { message: 'i/o timeout' }), undefined],
    [problem('ImagePullBackOff'), 'image-pull-failed'],
    [problem('CrashLoopBackOff', { restarts: 3 }), 'crash-loop'],
    [problem('OOMKilled', { restarts: 3 }), 'crash-loop'],
    [problem('CrashLoopBackOff', { restarts: 2 }), undefined],
    [problem('Unschedulable'), undefined],
  ])('%j: %s', (found, reason) => {
    expect(look({ workloads: [stuck], pods: [pod({ problems: [found] })] }).failure?.reason).toBe(reason);
  });

  it('only by a pod of the new revision', () => {
    const problems = [problem('ImagePullBackOff')];
    const old = { problems, revision: 'old', owner: 'ReplicaSet/web-old' };
    expect(look({ workloads: [stuck], pods: [pod(old)] }).failure).toBeUndefined();
    const set = workload({ kind: 'StatefulSet', updated: 1, currentRevision: 'r1' });
    const ordinal = { owner: 'StatefulSet/web', problems };
    expect(look({ workloads: [set], pods: [pod({ ...ordinal, revision: 'r1' })] }).failure).toBeUndefined();
    expect(look({ workloads: [set], pods: [pod({ ...ordinal, revision: 'r2' })] }).failure).toBeDefined();
    const daemon = workload({ kind: 'DaemonSet', updated: 1, available: 1 });
    const node = { owner: 'DaemonSet/web', problems };
    expect(
      look({ workloads: [daemon], pods: [pod({ ...node, createdMs: startedMs - 60_000 })] }).failure,
    ).toBeUndefined();
    expect(look({ workloads: [daemon], pods: [pod(node)] }).failure).toBeDefined();
  });

  it('not by a pod that is ready, or goes', () => {
    const problems = [problem('ImagePullBackOff')];
    expect(look({ workloads: [stuck], pods: [pod({ problems, isReady: true })] }).failure).toBeUndefined();
    expect(look({ workloads: [stuck], pods: [pod({ problems, goneByMs: nowMs })] }).failure).toBeUndefined();
  });

  it('when it lasts, where it may pass', () => {
    const parts = { workloads: [stuck], pods: [pod({ problems: [problem('CreateContainerConfigError')] })] };
    const first = look(parts);
    expect(first.failure).toBeUndefined();
    expect(first.recheckAtMs).toBe(nowMs + 5_000);
    const later = look(parts, { heldSince: first.heldSince, nowMs: nowMs + 5_000 });
    expect(later.failure?.reason).toBe('config-error');
    const healed = look({ workloads: [stuck], pods: [pod()] }, { heldSince: first.heldSince, nowMs: nowMs + 5_000 });
    expect(healed.heldSince.size).toBe(0);
  });

  it('by a crash only when nothing else is still on its way', () => {
    const crashing = pod({ problems: [problem('CrashLoopBackOff', { restarts: 9 })] });
    const database = workload({ kind: 'StatefulSet', name: 'db', available: 0 });
    const targets = [target('Deployment'), target('StatefulSet', 'db')];
    expect(look({ targets, workloads: [stuck, database], pods: [crashing] }).failure).toBeUndefined();
    expect(
      look({ targets, workloads: [stuck, { ...database, available: 2 }], pods: [crashing] }).failure,
    ).toBeDefined();
  });

  it('when pods are refused for a while, told by the workload or by events since the start', () => {
    const problemOf = workload({ available: 1, problem: { code: 'ReplicaFailure', message: 'exceeded quota' } });
    const heldSince = new Map([['Deployment/web ReplicaFailure', nowMs - 10_000]]);
    expect(look({ workloads: [problemOf] }, { heldSince }).failure).toEqual({
      reason: 'pod-refused',
      message: 'Deployment/web: exceeded quota',
    });
    const set = workload({ kind: 'StatefulSet', available: 1 });
    const refused = { owner: 'StatefulSet/web', message: 'exceeded quota', atMs: nowMs };
    const held = new Map([['StatefulSet/web refused', nowMs - 10_000]]);
    expect(look({ workloads: [set] }, { refused: [refused], heldSince: held }).failure?.reason).toBe('pod-refused');
    const made = pod({ owner: 'StatefulSet/web', createdMs: nowMs });
    expect(look({ workloads: [set], pods: [made] }, { refused: [refused], heldSince: held }).failure).toBeUndefined();
    const before = { ...refused, atMs: startedMs - 60_000 };
    expect(look({ workloads: [set] }, { refused: [before], heldSince: held }).failure).toBeUndefined();
  });

  it('but not for the service account that Kubernetes makes for a namespace, sometimes late', () => {
    const message =
      'pods "web-1" is forbidden: error looking up service account ns/default: serviceaccount "default" not found';
    const late = workload({ available: 0, problem: { code: 'ReplicaFailure', message } });
    const heldSince = new Map([['Deployment/web ReplicaFailure', nowMs - 60_000]]);
    const state = look({ workloads: [late] }, { heldSince });
    expect(state.failure).toBeUndefined();
    expect(state.waiting.join()).toContain('serviceaccount "default" not found');
    const set = workload({ kind: 'StatefulSet', available: 0 });
    const refused = { owner: 'StatefulSet/web', message, atMs: nowMs };
    const held = new Map([['StatefulSet/web refused', nowMs - 60_000]]);
    expect(look({ workloads: [set] }, { refused: [refused], heldSince: held }).failure).toBeUndefined();
  });
});

describe('a workload that somebody removed', () => {
  const goneMs = nowMs - 15_000;
  it.each([
    ['is not there any more', []],
    ['was removed and made anew by somebody else', [workload({ uid: 'another' })]],
  ])('%s: that is certain when it lasts', (words, workloads) => {
    const first = look({ targets: [target('Deployment')], workloads });
    expect(first).toMatchObject({ isReady: false, failure: undefined, recheckAtMs: nowMs + 15_000 });
    expect(first.waiting[0]).toContain(words);
    const later = look(
      { targets: [target('Deployment')], workloads },
      { heldSince: new Map([['Deployment/web gone', goneMs]]) },
    );
    expect(later.failure).toMatchObject({ reason: 'objects-gone', message: expect.stringContaining(words) });
  });
});

describe('pods that hold a StatefulSet up', () => {
  const set = workload({ kind: 'StatefulSet', updated: 0, available: 0, currentRevision: 'r1' });
  const old = pod({ name: 'web-0', owner: 'StatefulSet/web', revision: 'r1' });
  const failing = { ...old, problems: [problem('ImagePullBackOff')] };

  it('are those of an older revision that fail; on the way back all that are not ready', () => {
    expect(look({ workloads: [set], pods: [old] }).inTheWay).toEqual([]);
    expect(look({ workloads: [set], pods: [failing] }).inTheWay).toEqual([{ name: 'web-0', uid: 'p1', how: 'delete' }]);
    expect(look({ workloads: [set], pods: [old] }, { isOverFailed: true }).inTheWay).toHaveLength(1);
  });

  it('are none of: ready pods, those that go, new ones, or before the controller has seen the change', () => {
    const wayBack = { isOverFailed: true };
    for (const change of [{ isReady: true }, { goneByMs: nowMs }, { revision: 'r2' }])
      expect(look({ workloads: [set], pods: [{ ...old, ...change }] }, wayBack).inTheWay).toEqual([]);
    const unseen = { ...set, observedGeneration: 1 };
    expect(look({ workloads: [unseen], pods: [old] }, wayBack).inTheWay).toEqual([]);
  });
});

it('a code that nobody knows is not certain', () => {
  expect(certaintyOf(problem('SomethingNew'))).toBeUndefined();
});

describe('what is to have no pods, or fewer', () => {
  const none = { wanted: 0, replicas: 0, updated: 0, ready: 0, available: 0 };

  it('is done when the last pod has ended, not when the count says so', () => {
    const leaving = pod({ phase: 'Running', isReady: true, goneByMs: nowMs + 30_000 });
    expect(look({ workloads: [workload(none)], pods: [leaving] })).toMatchObject({ isReady: false });
    expect(look({ workloads: [workload(none)], pods: [pod({ phase: 'Failed' })] })).toMatchObject({ isReady: true });
    expect(look({ workloads: [workload(none)] })).toMatchObject({ isReady: true });
  });

  it('may crash meanwhile', () => {
    const crashing = pod({ revision: 'r2', problems: [problem('CrashLoopBackOff', { restarts: 9 })] });
    const stopping = workload({ ...none, kind: 'StatefulSet' });
    const found = look({ workloads: [stopping], pods: [{ ...crashing, owner: 'StatefulSet/web' }] });
    expect(found).toMatchObject({ isReady: false, failure: undefined });
  });

  it('waits for the pods that are too many', () => {
    const fewer = workload({ kind: 'StatefulSet', wanted: 1, replicas: 3, updated: 1, available: 1 });
    expect(look({ workloads: [fewer] })).toMatchObject({ isReady: false, waiting: [expect.stringContaining('2')] });
    expect(look({ workloads: [{ ...fewer, replicas: 1 }] })).toMatchObject({ isReady: true });
  });
});

describe('pods that their controller leaves to others to replace', () => {
  const set = workload({ kind: 'StatefulSet', isOnDelete: true, currentRevision: 'r1', updated: 0 });
  const targets = [{ ...target('StatefulSet'), mustReplace: true }];
  const one = (ordinal: number, change: Partial<PodView> = {}): PodView =>
    pod({
      name: `web-${ordinal}`,
      uid: `p${ordinal}`,
      owner: 'StatefulSet/web',
      revision: 'r1',
      phase: 'Running',
      isReady: true,
      ...change,
    });
  const next = (pods: PodView[], change: Partial<RolloutInput> = {}) =>
    look({ targets, workloads: [set], pods }, change).inTheWay.map(({ name, how }) => `${how} ${name}`);

  it('are evicted one by one, the last one first', () => {
    expect(next([one(0), one(1)])).toEqual(['evict web-1']);
    expect(next([one(0), one(1, { revision: 'r2' })])).toEqual(['evict web-0']);
    expect(look({ targets, workloads: [{ ...set, updated: 2 }], pods: [] }).isReady).toBe(true);
  });

  it('wait while one is not there or not ready, unless it is that one', () => {
    expect(next([one(0)])).toEqual([]);
    expect(next([one(0), one(1, { goneByMs: nowMs })])).toEqual([]);
    expect(next([one(0), one(1)], { removed: new Set(['p1']) })).toEqual([]);
    expect(next([one(0), one(1, { revision: 'r2', isReady: false })])).toEqual([]);
    expect(next([one(0, { isReady: false }), one(1)])).toEqual(['evict web-0']);
  });

  it('are left alone unless a restart was asked for', () => {
    expect(look({ workloads: [set], pods: [one(0), one(1)] })).toMatchObject({ isReady: true, inTheWay: [] });
  });
});
