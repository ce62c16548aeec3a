import { describe, expect, it } from 'vitest';
import { podView, workloadOf } from './pod.ts';

type Json = Record<string, unknown>;
const metadata = {
  name: 'web-5d9c-x',
  uid: 'u',
  creationTimestamp: '2026-01-01T00:00:00Z',
  labels: { 'pod-template-hash': '5d9c' },
  ownerReferences: [{ kind: 'ReplicaSet', name: 'web-5d9c', controller: true }],
};

function view(status: Json, spec: Json = {}) {
  const containers = [{ name: 'main', image: 'acme/web:1', resources: { limits: { memory: '64Mi' } } }];
  const found = podView({ metadata, spec: { containers, ...spec }, status } as Parameters<typeof podView>[0]);
  if (!found) throw new Error('not read');
  return found;
}
const container = (state: Json, more: Json = {}): Json => ({
  containerStatuses: [{ name: 'main', ready: false, restartCount: 0, image: 'acme/web:1', state, ...more }],
});

describe('a pod', () => {
  it('belongs to the Deployment behind its replica set', () => {
    const pod = view({ phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] });
    expect(workloadOf(pod)).toBe('Deployment/web');
    expect(pod).toMatchObject({ isReady: true, revision: '5d9c', problems: [], claims: [] });
    expect(workloadOf({ ...pod, owner: 'StatefulSet/db' })).toBe('StatefulSet/db');
    expect(workloadOf({ ...pod, owner: undefined })).toBe('Pod/web-5d9c-x');
  });

  it('that is no pod is left out', () => {
    expect(podView({ metadata })).toBeUndefined();
  });

  it('names its claims', () => {
    const volumes = [
      { name: 'd', persistentVolumeClaim: { claimName: 'data' } },
      { name: 'e', emptyDir: {} },
    ];
    expect(view({}, { volumes }).claims).toEqual(['data']);
  });

  const runtime = 'failed to pull and unpack image "acme/web:1": failed to resolve reference "acme/web:1": not found';
  it.each([
    ['being made', container({ waiting: { reason: 'ContainerCreating' } }), []],
    [
      'an image that is not there',
      container({ waiting: { reason: 'ErrImagePull', message: runtime } }),
      [{ code: 'ErrImagePull', message: expect.stringMatching(/^container main \(acme\/web:1\): not found\. Check/) }],
    ],
    [
      'an image that the registry does not give without a login',
      container({
        waiting: {
          reason: 'ImagePullBackOff',
          message: 'Back-off pulling image "acme/web:1": ErrImagePull: pulling from host acme failed: 401 Unauthorized',
        },
      }),
      [
        {
          code: 'ImagePullBackOff',
          message: expect.stringMatching(
            /^container main \(acme\/web:1\): pulling .*401 Unauthorized\. .*the pull Secret/,
          ),
        },
      ],
    ],
    [
      'a Secret that is not there',
      container({ waiting: { reason: 'CreateContainerConfigError', message: 'secret "x" not found' } }),
      [{ code: 'CreateContainerConfigError', message: expect.stringContaining('secret "x" not found') }],
    ],
    [
      'a crash loop',
      container(
        { waiting: { reason: 'CrashLoopBackOff' } },
        { restartCount: 4, lastState: { terminated: { exitCode: 3, reason: 'Error', message: 'x\nboom' } } },
      ),
      [
        {
          code: 'CrashLoopBackOff',
          restarts: 4,
          message: expect.stringMatching(/exit code 3: boom\..*restarted 4 times/),
        },
      ],
    ],
    [
      'too little memory',
      container(
        { waiting: { reason: 'CrashLoopBackOff' } },
        { restartCount: 1, lastState: { terminated: { exitCode: 137, reason: 'OOMKilled' } } },
      ),
      [{ code: 'OOMKilled', message: expect.stringMatching(/limit of 64Mi.*restarted once/) }],
    ],
    [
      'just ended',
      container({ terminated: { exitCode: 1 } }),
      [{ code: 'ContainerFailed', message: 'container main ended with exit code 1. Read its log' }],
    ],
    ['ended well', container({ terminated: { exitCode: 0 } }), []],
    [
      'no node for it',
      { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes' }] },
      [{ code: 'Unschedulable', message: 'no node can take it: 0/3 nodes' }],
    ],
    [
      'evicted',
      { phase: 'Failed', reason: 'Evicted', message: 'The node was low on memory' },
      [{ code: 'Evicted', message: 'The node was low on memory' }],
    ],
  ])('%s', (_what, status, problems) => {
    expect(view(status).problems).toMatchObject(problems);
    expect(view(status).problems).toHaveLength(problems.length);
  });
});
