import { describe, expect, it } from 'vitest';
import type { HealthState } from '@steward/shared';
import { healthOf, CLAIM_PATIENCE_MS, END_PATIENCE_MS, ENDPOINTS_PATIENCE_MS, START_PATIENCE_MS } from './health.ts';
import type { NamespaceObjects } from './namespace-objects.ts';
import { endpointsView, type EndpointsView } from './objects/endpoints.ts';
import type { JobView } from './objects/job.ts';
import type { PodView } from './objects/pod.ts';
import type { ClaimView } from './objects/storage.ts';
import type { WorkloadView } from './objects/workload.ts';

const nowMs = Date.parse('2026-01-01T00:00:00Z');

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
    currentRevision: 'r1',
    updateRevision: 'r1',
    isComplete: true,
    problem: undefined,
    ...change,
  };
}

let pods = 0;
function pod(change: Partial<PodView> = {}): PodView {
  pods += 1;
  return {
    name: `web-1-${pods}`,
    uid: `p${pods}`,
    owner: 'ReplicaSet/web-1',
    revision: '1',
    phase: 'Running',
    ip: undefined,
    isReady: true,
    hasBeenReady: true,
    createdMs: nowMs - 60_000,
    goneByMs: undefined,
    restarts: 0,
    problems: [],
    claims: [],
    isHook: false,
    ...change,
  };
}
const unready = (change: Partial<PodView> = {}): PodView => pod({ isReady: false, ...change });
const crashing = unready({ problems: [{ code: 'CrashLoopBackOff', message: 'ended with exit code 1', restarts: 4 }] });

const slices = { service: 'web', pods: [], ports: [] };

interface Parts {
  workloads?: WorkloadView[];
  pods?: PodView[];
  jobs?: JobView[];
  claims?: ClaimView[];
  endpoints?: EndpointsView[];
}
function objects(parts: Parts): NamespaceObjects {
  const keyed = <T>(list: T[] = []): Map<string, T> => new Map(list.map((item, index) => [String(index), item]));
  return {
    workloads: [keyed(parts.workloads)],
    pods: keyed(parts.pods),
    jobs: keyed(parts.jobs),
    claims: keyed(parts.claims),
    endpoints: keyed(parts.endpoints),
  };
}

const job: JobView = {
  name: 'load',
  uid: 'j',
  mark: '',
  cronJob: undefined,
  state: 'active',
  message: '',
  startedMs: nowMs,
  hasHadPods: true,
  end: 'none',
  isHook: false,
};
const claim: ClaimView = {
  name: 'data',
  uid: 'c',
  mark: '',
  phase: 'Pending',
  storageClass: 'fast',
  createdMs: nowMs,
  growing: undefined,
};
const bound: ClaimView = { ...claim, phase: 'Bound' };
const growing = { from: '1Gi', to: '2Gi', isFileSystemLeft: false, refused: undefined };
const withoutNode = (message: string): PodView =>
  unready({
    owner: undefined,
    phase: 'Pending',
    claims: ['data'],
    problems: [{ code: 'Unschedulable', message, restarts: 0 }],
  });
const starting = unready({ hasBeenReady: false, phase: 'Pending' });

describe('the health of a namespace', () => {
  const cases: [string, Parts, HealthState, string[]][] = [
    ['nothing in it', {}, 'healthy', []],
    ['all pods ready', { workloads: [workload()], pods: [pod(), pod()] }, 'healthy', []],
    [
      'one of two pods not ready any more',
      { workloads: [workload()], pods: [pod(), unready()] },
      'degraded',
      ['NotReady'],
    ],
    [
      'none ready any more',
      { workloads: [workload()], pods: [unready(), unready()] },
      'unhealthy',
      ['NotReady', 'NotReady'],
    ],
    ['pods gone', { workloads: [workload({ ready: 0 })], pods: [] }, 'unhealthy', ['NotReady']],
    ['none wanted', { workloads: [workload({ wanted: 0, ready: 0 })] }, 'healthy', []],
    [
      'starting for the first time',
      { workloads: [workload({ ready: 0, hasBeenReady: false, isComplete: false })], pods: [starting, starting] },
      'progressing',
      [],
    ],
    [
      'a crash while rolling out, the old pods still serving',
      { workloads: [workload({ isComplete: false })], pods: [pod(), pod(), crashing] },
      'degraded',
      ['CrashLoopBackOff'],
    ],
    [
      'all of it crashing',
      { workloads: [workload({ wanted: 1 })], pods: [crashing] },
      'unhealthy',
      ['CrashLoopBackOff'],
    ],
    [
      'a controller that may not make pods',
      { workloads: [workload({ ready: 0, problem: { code: 'ReplicaFailure', message: 'quota' } })] },
      'unhealthy',
      ['ReplicaFailure'],
    ],
    [
      'a stateful set that makes its pods one by one',
      { workloads: [workload({ kind: 'StatefulSet', ready: 1, replicas: 1, updated: 1, hasBeenReady: false })] },
      'progressing',
      [],
    ],
    ['a job that runs', { jobs: [job] }, 'progressing', []],
    [
      'a job that failed',
      { jobs: [{ ...job, state: 'failed', message: 'BackoffLimitExceeded' }] },
      'unhealthy',
      ['JobFailed'],
    ],
    [
      'a job of a cron job that failed',
      { jobs: [{ ...job, state: 'failed', cronJob: 'nightly' }] },
      'degraded',
      ['JobFailed'],
    ],
    ['a job of a cron job that runs', { jobs: [{ ...job, cronJob: 'nightly' }] }, 'healthy', []],
    ['a claim that nobody uses', { claims: [claim] }, 'healthy', []],
    ['a claim just made', { claims: [claim], pods: [pod({ owner: undefined, claims: ['data'] })] }, 'progressing', []],
    [
      'a claim that stays unbound',
      {
        claims: [{ ...claim, createdMs: nowMs - CLAIM_PATIENCE_MS }],
        pods: [pod({ owner: undefined, claims: ['data'] })],
      },
      'unhealthy',
      ['ClaimUnbound'],
    ],
    ['a claim whose volume grows', { claims: [{ ...bound, growing }] }, 'progressing', ['VolumeGrowing']],
    [
      'a claim whose volume the storage driver does not make larger',
      { claims: [{ ...bound, growing: { ...growing, refused: 'no room' } }] },
      'degraded',
      ['VolumeNotGrown'],
    ],
    [
      'a volume that no pod uses, whose file system is left',
      { claims: [{ ...bound, growing: { ...growing, isFileSystemLeft: true } }] },
      'healthy',
      [],
    ],
    [
      'a claim that asks for more than is wanted, with a volume that is large enough',
      {
        claims: [{ ...bound, name: 'data-db-0', growing: { ...growing, refused: 'no room' } }],
        workloads: [workload({ kind: 'StatefulSet', name: 'db', volumes: [{ template: 'data', size: '1024Mi' }] })],
        pods: [pod(), pod()],
      },
      'healthy',
      [],
    ],
    [
      'a claim that waits for its pod, which no node takes for another reason',
      {
        claims: [{ ...claim, createdMs: nowMs - CLAIM_PATIENCE_MS }],
        pods: [withoutNode("no node can take it: 1 node(s) didn't match Pod's node affinity/selector")],
      },
      'unhealthy',
      ['Unschedulable'],
    ],
    [
      'a claim that no node takes a pod with',
      {
        claims: [{ ...claim, createdMs: nowMs - CLAIM_PATIENCE_MS }],
        pods: [withoutNode('no node can take it: pod has unbound immediate PersistentVolumeClaims')],
      },
      'unhealthy',
      ['ClaimUnbound', 'Unschedulable'],
    ],
    ['a claim whose volume is lost', { claims: [{ ...claim, phase: 'Lost' }] }, 'unhealthy', ['ClaimLost']],
    [
      'a service without a ready address for a while, though its pods are well',
      { endpoints: [{ ...slices, ready: 0, total: 2, unreadySinceMs: nowMs - ENDPOINTS_PATIENCE_MS }] },
      'unhealthy',
      ['EndpointsUnready'],
    ],
    [
      'a service whose addresses lag behind its pods',
      { endpoints: [{ ...slices, ready: 0, total: 2, unreadySinceMs: nowMs - 100 }] },
      'healthy',
      [],
    ],
    [
      'a service that selects nothing',
      { endpoints: [{ ...slices, ready: 0, total: 0, unreadySinceMs: 0 }] },
      'healthy',
      [],
    ],
    [
      'a pod that does not go',
      { workloads: [workload({ wanted: 1 })], pods: [pod(), pod({ goneByMs: nowMs - END_PATIENCE_MS })] },
      'healthy',
      ['TerminatingStuck'],
    ],
    [
      "an operator's pod that crashes",
      { pods: [{ ...crashing, owner: 'Cluster/db' }] },
      'unhealthy',
      ['CrashLoopBackOff'],
    ],
    ['a bare pod that has done its work', { pods: [unready({ owner: undefined, phase: 'Succeeded' })] }, 'healthy', []],
  ];
  it.each(cases)('%s', (_what, parts, health, codes) => {
    const found = healthOf(objects(parts), nowMs);
    expect(found.health).toBe(health);
    expect(found.reasons.map(({ code }) => code)).toEqual(codes);
  });

  it.each([
    [undefined, 'Check that the default storage class exists'],
    ['fast', 'Check that storage class fast exists'],
    ['', 'It names no storage class, so somebody has to make a volume for it'],
  ])('says of a claim with the storage class %j what to do', (storageClass, advice) => {
    const unbound = { ...claim, storageClass, createdMs: nowMs - CLAIM_PATIENCE_MS };
    const { reasons } = healthOf(objects({ claims: [unbound], pods: [pod({ claims: ['data'] })] }), nowMs);
    expect(reasons).toMatchObject([{ code: 'ClaimUnbound', message: expect.stringContaining(advice) }]);
  });

  it('counts a pod that was never ready only when its patience is over, and says when to look again', () => {
    const never = unready({ hasBeenReady: false, createdMs: nowMs });
    const parts = objects({ workloads: [workload({ wanted: 1, ready: 0, hasBeenReady: false })], pods: [never] });
    const early = healthOf(parts, nowMs);
    expect(early).toMatchObject({ health: 'progressing', recheckAtMs: nowMs + START_PATIENCE_MS });
    expect(healthOf(parts, nowMs + START_PATIENCE_MS)).toMatchObject({ health: 'unhealthy', recheckAtMs: undefined });
  });

  it('shows workloads with their numbers, and others only when they are not well', () => {
    const found = healthOf(
      objects({ workloads: [workload()], pods: [pod(), pod({ restarts: 3 })], jobs: [{ ...job, state: 'complete' }] }),
      nowMs,
    );
    expect(found.workloads).toEqual([
      { kind: 'Deployment', name: 'web', health: 'healthy', ready: 2, wanted: 2, restarts: 3 },
    ]);
  });
});

describe('what is stopped on purpose', () => {
  const none = { wanted: 0, replicas: 0, updated: 0, ready: 0, available: 0, isStopped: true };

  it('is healthy, with that as the reason', () => {
    const found = healthOf(objects({ workloads: [workload(none)] }), nowMs);
    expect(found).toMatchObject({ health: 'healthy', reasons: [{ code: 'Stopped', object: 'Deployment/web' }] });
  });

  it('says nothing of it once it is to run again', () => {
    const found = healthOf(objects({ workloads: [workload({ isStopped: true })] }), nowMs);
    expect(found.reasons).toEqual([]);
  });
});

describe('addresses of a service', () => {
  const slice = (endpoints: object[]): EndpointsView | undefined =>
    endpointsView({ metadata: { labels: { 'kubernetes.io/service-name': 'web' } }, endpoints });

  it('do not count when their pods are on their way out', () => {
    const leaving = { conditions: { ready: false, serving: true, terminating: true } };
    expect(slice([leaving])).toMatchObject({ ready: 0, total: 0 });
    expect(slice([leaving, { conditions: { ready: false } }, {}])).toMatchObject({ ready: 1, total: 2 });
  });
});
