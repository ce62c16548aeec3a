import { describe, expect, it } from 'vitest';
import type { KubeObject } from '../kube/client.ts';
import { healthOf } from './health.ts';
import { WATCHED, type NamespaceObjects, type WatchedKind } from './namespace-objects.ts';
import { belongingsOf, othersIn, ownObjects } from './own-objects.ts';

const nowMs = Date.parse('2026-01-01T00:00:00Z');

interface Made {
  /** `apps/v1 Deployment web` */
  is: string;
  by?: string;
  labels?: Record<string, string>;
  spec?: object;
  status?: object;
}

/** As the API server would give them, in the views that the agent keeps. */
function namespaceWith(made: readonly Made[]): NamespaceObjects {
  const views = (kind: WatchedKind): Map<string, never> =>
    new Map(
      made
        .filter(({ is }) => is.startsWith(`${kind}/`))
        .map((one) => [`shop/${one.is.split('/')[1]}`, WATCHED[kind].project(objectOf(one)) as never]),
    );
  return {
    pods: views('Pod'),
    workloads: [views('Deployment'), views('StatefulSet'), views('DaemonSet')],
    jobs: views('Job'),
    claims: views('PersistentVolumeClaim'),
    endpoints: views('EndpointSlice'),
  };
}

function objectOf({ is, by, labels = {}, spec = {}, status = {} }: Made): KubeObject {
  const [kind = '', name = ''] = is.split('/');
  const [ownerKind = '', ownerName = ''] = by?.split('/') ?? [];
  const owner = { apiVersion: 'v1', kind: ownerKind, name: ownerName, uid: `uid of ${by}` };
  return {
    apiVersion: 'v1',
    kind,
    metadata: {
      name,
      namespace: 'shop',
      uid: `uid of ${is}`,
      labels,
      ...(by !== undefined && { ownerReferences: [owner] }),
    },
    spec: { containers: [], ...spec },
    status,
    endpoints: [],
  };
}

const ofWeb = { by: 'ReplicaSet/web-1', labels: { 'pod-template-hash': '1' } };
const crash = {
  containerStatuses: [
    { name: 'c', ready: false, restartCount: 9, state: { waiting: { reason: 'CrashLoopBackOff', message: 'ended' } } },
  ],
};
const usesClaim = (claimName: string): object => ({ volumes: [{ persistentVolumeClaim: { claimName } }] });
const web = { group: 'apps', kind: 'Deployment', name: 'web' };
const neighbours: Made[] = [
  { is: 'Deployment/private' },
  {
    is: 'Pod/private-1-x',
    by: 'ReplicaSet/private-1',
    labels: { 'pod-template-hash': '1' },
    status: crash,
    spec: usesClaim('secrets'),
  },
  { is: 'Pod/hand-made', status: crash },
  { is: 'Pod/theirs-0', by: 'Database/theirs', status: crash },
  { is: 'PersistentVolumeClaim/secrets', status: { phase: 'Lost' } },
  { is: 'Job/nightly', by: 'CronJob/nightly', status: { conditions: [{ type: 'Failed', status: 'True' }] } },
  { is: 'EndpointSlice/private-x', labels: { 'kubernetes.io/service-name': 'private' } },
];

function namesOf({ pods, workloads, jobs, claims, endpoints }: NamespaceObjects): string[] {
  return [
    ...[...pods.values()].map(({ name }) => name),
    ...workloads.flatMap((one) => [...one.values()].map(({ name }) => name)),
    ...[...jobs.values(), ...claims.values()].map(({ name }) => name),
    ...[...endpoints.values()].map(({ service }) => service),
  ];
}

describe('what of a namespace is the installation', () => {
  it('is nothing of its neighbours: neither their state nor their names', () => {
    const there = namespaceWith([
      ...neighbours,
      { is: 'Deployment/web', spec: { replicas: 0 }, status: { observedGeneration: 1 } },
      { is: 'Pod/web-1-x', ...ofWeb },
    ]);
    const own = ownObjects(there, belongingsOf([web], []));
    expect(namesOf(own)).toEqual(['web-1-x', 'web']);
    expect(JSON.stringify(healthOf(own, nowMs))).not.toMatch(/private|theirs|hand|secrets|nightly/);
    expect(healthOf(there, nowMs).health).toBe('unhealthy');
    expect(othersIn(there, belongingsOf([web], []))).toEqual([
      'CronJob/nightly',
      'Database/theirs',
      'Deployment/private',
      'Pod/hand-made',
    ]);
  });

  it.each<[string, Made[], { group: string; kind: string; name: string }[]]>([
    ['pods of its workloads', [{ is: 'Pod/web-1-x', ...ofWeb }], [web]],
    [
      'a pod, a claim and a service of its own',
      [
        { is: 'Pod/once' },
        { is: 'PersistentVolumeClaim/files' },
        { is: 'EndpointSlice/web-x', labels: { 'kubernetes.io/service-name': 'web' } },
      ],
      ['Pod/once', 'PersistentVolumeClaim/files', 'Service/web'].map((own) => ({
        group: '',
        kind: own.split('/')[0] ?? '',
        name: own.split('/')[1] ?? '',
      })),
    ],
    [
      'jobs of its timetables',
      [
        { is: 'Job/report-1', by: 'CronJob/report' },
        { is: 'Pod/report-1-x', by: 'Job/report-1' },
      ],
      [{ group: 'batch', kind: 'CronJob', name: 'report' }],
    ],
    [
      'what an operator makes of an object of it, step by step',
      [
        { is: 'StatefulSet/main', by: 'Database/main' },
        { is: 'Pod/main-0', by: 'StatefulSet/main' },
        { is: 'Pod/main-backup', by: 'Database/main' },
        { is: 'PersistentVolumeClaim/wal-1', by: 'Database/main' },
      ],
      [{ group: 'db.example', kind: 'Database', name: 'main' }],
    ],
    [
      'what an operator makes by something that the agent does not see',
      [{ is: 'Pod/main-kafka-0', by: 'PodSet/main-kafka' }],
      [{ group: 'kafka.example', kind: 'Kafka', name: 'main' }],
    ],
    [
      'claims that its pods use, and that its sets made',
      [
        { is: 'Pod/web-1-x', ...ofWeb, spec: usesClaim('shared') },
        { is: 'PersistentVolumeClaim/shared' },
        { is: 'PersistentVolumeClaim/data-db-0' },
      ],
      [web],
    ],
  ])('has %s', (_what, made, applied) => {
    const belongings = belongingsOf(applied, [{ set: 'db', templates: ['data'] }]);
    const there = namespaceWith([...made, ...neighbours]);
    const own = namesOf(ownObjects(there, belongings));
    expect(own.toSorted()).toEqual(
      made.map(({ is, labels }) => labels?.['kubernetes.io/service-name'] ?? is.split('/')[1] ?? '').toSorted(),
    );
  });

  it('has nothing that only begins with the name of a plain object of it', () => {
    const there = namespaceWith([{ is: 'Pod/web-2-0', by: 'StatefulSet/web-2' }]);
    expect(namesOf(ownObjects(there, belongingsOf([web], [])))).toEqual([]);
  });

  it('has a chain of owners followed to its end, and no circle for ever', () => {
    const there = namespaceWith([
      { is: 'Job/a', by: 'Job/b' },
      { is: 'Job/b', by: 'Job/a' },
    ]);
    expect(namesOf(ownObjects(there, belongingsOf([web], [])))).toEqual([]);
  });
});
