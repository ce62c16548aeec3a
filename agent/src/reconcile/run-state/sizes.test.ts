import { describe, expect, it } from 'vitest';
import { AS_RELEASED, fieldAt, type ContainerSize, type ReleaseRemedies, type RunState } from '@steward/shared';
import type { KubeObject } from '../../kube/client.ts';
import { checkRunState } from './check-run-state.ts';
import { changedKinds } from './classes.ts';
import { remedyText } from './remedy-text.ts';
import { withRunState } from './with-run-state.ts';

const web: KubeObject = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    template: {
      spec: {
        initContainers: [{ name: 'proxy', restartPolicy: 'Always' }],
        containers: [
          { name: 'server', resources: { limits: { memory: '128Mi', 'example.com/gpu': '1' }, claims: [] } },
          { name: 'sidecar', resources: { limits: { memory: '32Mi' } } },
        ],
      },
    },
  },
};
const memory = { minimum: '16Mi', maximum: '1Gi' };
const offered: ReleaseRemedies = {
  resize: ['server', 'proxy'].map((container) => ({ kind: 'Deployment', name: 'web', container, memory })),
};
const sized = (size: ContainerSize, container = 'server'): RunState => ({
  ...AS_RELEASED,
  resources: { [`Deployment/web/${container}`]: size },
});
const resourcesOf = (objects: readonly KubeObject[], container = 'server', list = 'containers'): unknown =>
  fieldAt(objects[0], ['spec', 'template', 'spec', list, container, 'resources']);

describe('a container that was resized', () => {
  it('has what it was given, and else what the release says', () => {
    const found = withRunState([web], sized({ memoryRequest: '64Mi', memoryLimit: '256Mi' }), offered);
    const limits = { memory: '256Mi', 'example.com/gpu': '1' };
    expect(resourcesOf(found)).toEqual({ requests: { memory: '64Mi' }, limits, claims: [] });
    expect(resourcesOf(found, 'sidecar')).toEqual({ limits: { memory: '32Mi' } });
    expect(resourcesOf([web])).toMatchObject({ limits: { memory: '128Mi' } });
    const init = withRunState([web], sized({ memoryRequest: '64Mi' }, 'proxy'), offered);
    expect(resourcesOf(init, 'proxy', 'initContainers')).toEqual({ requests: { memory: '64Mi' } });
  });

  it('is also resized while it is stopped or restarted', () => {
    const both = { ...sized({ memoryLimit: '256Mi' }), stopped: true, restartToken: 'x' };
    expect(resourcesOf(withRunState([web], both, offered))).toMatchObject({ limits: { memory: '256Mi' } });
  });

  it.each([
    ['does not offer it', sized({ memoryLimit: '256Mi' }), {}],
    ['offers less', sized({ memoryLimit: '2Gi' }), offered],
    ['asks for more than the limit', sized({ memoryRequest: '256Mi' }), offered],
  ])('is as the release says where a newer one %s, which is told', (_why, runState, offers) => {
    expect(withRunState([web], runState, offers)).toEqual([web]);
    expect(checkRunState([web], runState, runState, offers)).toMatchObject({
      ok: true,
      value: [/waits/].map(matching),
    });
  });
});

describe('before anything is written', () => {
  it.each([
    ['not-offered', sized({ memoryLimit: '2Gi' }), /memory 16Mi to 1Gi/],
    ['not-offered', sized({ memoryLimit: '64Mi' }, 'sidecar'), /does not offer to resize/],
    ['not-offered', sized({ memoryRequest: '256Mi' }), /above its memory limit of 128Mi: change both/],
    ['unknown-workload', sized({ memoryLimit: '64Mi' }, 'gone'), /no container Deployment\/web\/gone/],
  ])('%s is said of what cannot be', (reason, wanted, said) => {
    const found = checkRunState([web], wanted, AS_RELEASED, offered);
    expect(found).toMatchObject({ ok: false, failure: { reason, message: matching(said) } });
  });

  it('what is inside is taken, and given back without a question', () => {
    const wanted = sized({ memoryRequest: '256Mi', memoryLimit: '512Mi' });
    expect(checkRunState([web], wanted, AS_RELEASED, offered)).toEqual({ ok: true, value: [] });
    expect(checkRunState([web], AS_RELEASED, wanted, {})).toEqual({ ok: true, value: [] });
  });
});

it('is a resize to the policy and in its title', () => {
  const to = sized({ memoryLimit: '1Gi' });
  expect(changedKinds(AS_RELEASED, to)).toEqual(['resize']);
  expect(changedKinds(to, { ...AS_RELEASED, resources: {} })).toEqual(['resize']);
  expect(changedKinds(AS_RELEASED, { ...AS_RELEASED, resources: {} })).toEqual([]);
  expect(remedyText('resize', AS_RELEASED, to)).toBe('Deployment/web/server with memory limit 1Gi');
  expect(remedyText('resize', to, AS_RELEASED)).toBe('Deployment/web/server=as released');
});

function matching(text: RegExp): unknown {
  return expect.stringMatching(text);
}
