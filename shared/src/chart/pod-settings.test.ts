import { describe, expect, it } from 'vitest';
import { undeclaredPodSettings } from './pod-settings.ts';

const pod = (spec: Record<string, unknown>): { kind: string } => ({ kind: 'Pod', spec }) as { kind: string };
const container = (rest: Record<string, unknown>): { kind: string } => pod({ containers: [{ name: 'a', ...rest }] });

describe('settings a pod is refused', () => {
  it.each([
    [pod({ hostNetwork: true }), { hostNetwork: true }, 'hostNetwork'],
    [pod({ volumes: [{ hostPath: { path: '/var/log' } }] }), { hostPath: ['/var/log'] }, 'hostPath /var/log'],
    [container({ securityContext: { privileged: true } }), { privileged: true }, 'container a: privileged'],
    [
      container({ securityContext: { capabilities: { add: ['NET_ADMIN'] } } }),
      { capabilities: ['NET_ADMIN'] },
      'capability NET_ADMIN',
    ],
    [container({ ports: [{ hostPort: 80 }] }), { hostNetwork: true }, 'hostPort 80'],
    [pod({ serviceAccountName: 'admin' }), { serviceAccounts: ['admin'] }, 'service account admin'],
  ])('unless the release declares them: %j', (object, exceptions, words) => {
    expect(undeclaredPodSettings(object, {}, new Set())).toEqual([expect.stringContaining(words)]);
    expect(undeclaredPodSettings(object, exceptions, new Set())).toEqual([]);
  });

  it.each([pod({ hostPID: true }), pod({ hostIPC: true }), container({ securityContext: { procMount: 'Unmasked' } })])(
    'whatever the release declares: %j',
    (object) => {
      const everything = { hostNetwork: true, privileged: true };
      expect(undeclaredPodSettings(object, everything, new Set())).toHaveLength(1);
    },
  );

  it("are none of: the default service account, or one of the chart's own", () => {
    expect(undeclaredPodSettings(pod({ serviceAccountName: 'default' }), {}, new Set())).toEqual([]);
    expect(undeclaredPodSettings(pod({ serviceAccountName: 'web' }), {}, new Set(['web']))).toEqual([]);
  });

  it('are found in init containers and in templates of workloads', () => {
    const spec = { initContainers: [{ name: 'i', securityContext: { privileged: true } }] };
    const job = { kind: 'Job', spec: { template: { spec } } };
    expect(undeclaredPodSettings(job, {}, new Set())).toEqual(['container i: privileged']);
  });
});
