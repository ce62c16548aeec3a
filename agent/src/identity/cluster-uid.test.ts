import { expect, it } from 'vitest';
import type { KubeClient, KubeObject } from '../kube/client.ts';
import { KubeError } from '../kube/error.ts';
import { loadClusterUid } from './cluster-uid.ts';

it('a cluster is not taken for another one because its API server, just started, refuses to read kube-system', async () => {
  let refusals = 3;
  const get = (_ref: unknown, _namespace: unknown, name: string): Promise<KubeObject> => {
    if (name === 'kube-system' && (refusals -= 1) >= 0)
      throw new KubeError('GET /api/v1/namespaces/kube-system: forbidden: User "agent" cannot get it', {
        status: 403,
        reason: 'Forbidden',
      });
    return Promise.resolve({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, uid: `uid of ${name}` } });
  };
  const kube = { get } as Partial<KubeClient> as KubeClient;
  const { signal } = new AbortController();
  await expect(loadClusterUid(kube, 'steward-acme', signal)).resolves.toBe('uid of kube-system');
});
