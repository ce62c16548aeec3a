import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { agentManifest, generateReleaseKey, grantManifest, manifestYaml, type ReleaseKey } from '@steward/shared';
import { waitUntil } from '../support/wait-until.ts';
import { AgentHome } from './link-process.ts';

const organization = `manifest${Date.now().toString(36)}`;
const granted = `${organization}-orders`;
let home: AgentHome;

beforeAll(async () => {
  home = await AgentHome.create(inject('kubeconfig'), organization);
  const grant = grantManifest({
    organization,
    installation: 'orders',
    service: 'nats',
    namespace: granted,
    permissions: [
      {
        apiGroup: 'apps',
        apiVersion: 'v1',
        kind: 'StatefulSet',
        resource: 'statefulsets',
        verbs: ['get', 'patch'],
        reason: 'runs it',
      },
      {
        apiGroup: '',
        apiVersion: 'v1',
        kind: 'Secret',
        resource: 'secrets',
        verbs: ['get'],
        names: ['${installation}-auth'],
        reason: 'reads it',
      },
    ],
  });
  await home.kubectl(['apply', '--server-side', '-f', '-'], manifestYaml(grant));
});
afterAll(async () => {
  await home.kubectl(['delete', 'namespace', granted, '--wait=false']);
  await home.remove();
});

/** All but the pod. @returns the versions of the objects */
function apply(releaseKeys: ReleaseKey[], ...flags: string[]): Promise<string> {
  const objects = agentManifest({ organization, hubUrl: 'https://hub.invalid', releaseKeys, image: 'unused' });
  return home.kubectl(
    ['apply', '--server-side', ...flags, '-o', 'jsonpath={.metadata.resourceVersion} ', '-f', '-'],
    manifestYaml(objects.filter(({ kind }) => kind !== 'Deployment')),
  );
}

function mayAgent(...question: string[]): Promise<boolean> {
  const user = `system:serviceaccount:${home.namespace}:steward-agent`;
  return home.kubectl(['auth', 'can-i', ...question, '--as', user]).then(
    () => true,
    () => false,
  );
}

describe('the install manifest on a real cluster', () => {
  it('may be applied again and changes nothing', async () => {
    const [first, second] = [await apply([home.releaseKey]), await apply([home.releaseKey])];
    expect(second).toBe(first);
  });

  it('is not written over by a vendor of the same name, but by one that changes its keys', async () => {
    const [other, next] = [generateReleaseKey().key, generateReleaseKey().key];
    const settings = ['get', 'configmap', 'steward-agent', '-n', home.namespace, '-o', 'yaml'];
    const before = await home.kubectl(settings);
    const refusal = /belongs to another vendor that is called/;
    const refused = (): Promise<boolean> =>
      apply([other], '--dry-run=server').then(
        () => false,
        (error: unknown) => refusal.test(String(error)),
      );
    await waitUntil(refused, { what: 'the API server has taken the policy up' });
    await expect(apply([other])).rejects.toThrow(refusal);
    expect(await home.kubectl(settings)).toBe(before);
    await apply([home.releaseKey, next]);
    await apply([next]);
    expect(await home.kubectl(settings)).toContain(next.fingerprint);
  });

  it.each([
    ['read its own Secrets by name', true, ['get', 'secrets/x', '-n', '']],
    ['list its own Secrets', false, ['list', 'secrets', '-n', '']],
    ['create pods in its own namespace', false, ['create', 'pods', '-n', '']],
    ['write the status of operations', true, ['patch', 'operations.steward.dev/x', '--subresource=status', '-n', '']],
    ['create approvals', false, ['create', 'operationapprovals.steward.dev', '-n', '']],
    ['change policies', false, ['patch', 'supportpolicies.steward.dev', '-n', '']],
    ['read policies', true, ['watch', 'supportpolicies.steward.dev', '-n', '']],
    ['take another lease', false, ['update', 'leases/other', '-n', '']],
    ['read the uid of kube-system', true, ['get', 'namespaces/kube-system', '-n', 'kube-system']],
    ['read Secrets of kube-system', false, ['get', 'secrets', '-n', 'kube-system']],
    ['list namespaces', false, ['list', 'namespaces']],
    ['touch roles', false, ['create', 'roles', '-n', '']],
    ['do what a release asks for where it was granted', true, ['patch', 'statefulsets.apps/orders', '-n', granted]],
    ['do more than that', false, ['delete', 'statefulsets.apps/orders', '-n', granted]],
    ['read the one Secret named in the release', true, ['get', 'secrets/orders-auth', '-n', granted]],
    ['read another Secret there', false, ['get', 'secrets/other', '-n', granted]],
    ['do it elsewhere', false, ['patch', 'statefulsets.apps/orders', '-n', 'default']],
  ])('decides whether the agent may %s: %s', async (_name, expected, question) => {
    expect(await mayAgent(...question.map((part) => (part === '' ? home.namespace : part)))).toBe(expected);
  });

  it('lets nobody approve in another’s name, and no approval be changed', async () => {
    const approval = (approver: string, decision = 'approve'): string =>
      JSON.stringify({
        apiVersion: 'steward.dev/v1alpha1',
        kind: 'OperationApproval',
        metadata: { name: 'x', namespace: home.namespace },
        spec: {
          operation: 'op-1',
          operationUid: 'uid',
          planDigest: `sha256:${'0'.repeat(64)}`,
          decision,
          approver,
          expiresAt: '2030-01-01T00:00:00Z',
        },
      });
    const me = (await home.kubectl(['auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}'])).trim();
    // The API server takes a new policy up within moments.
    await waitUntil(
      () =>
        home.kubectl(['create', '--dry-run=server', '-f', '-'], approval('somebody-else')).then(
          () => false,
          (error: unknown) => String(error).includes(`spec.approver must be you, "${me}", not "somebody-else"`),
        ),
      { what: 'an approval in the name of somebody else is refused' },
    );
    await home.kubectl(['create', '-f', '-'], approval(me));
    await expect(home.kubectl(['replace', '-f', '-'], approval(me, 'reject'))).rejects.toThrow(/cannot be changed/);
  });
});
