import { describe, expect, it } from 'vitest';
import { KubeError, type KubeCause } from '../../kube/error.ts';
import { ownerOf } from '../fields/owner.ts';
import { inParallel } from '../../parallel.ts';
import { refusalOf } from './refusal.ts';

const error = (status: number, reason: string, message: string, causes: KubeCause[] = []): KubeError =>
  new KubeError(message, { status, reason, causes });

describe('a refused apply', () => {
  it.each([
    [
      error(403, 'Forbidden', 'pods "a" is forbidden: exceeded quota: tight, requested: pods=1'),
      'apply-refused',
      'quota',
    ],
    [
      error(403, 'Forbidden', 'pods "a" is forbidden: violates PodSecurity "restricted:latest"'),
      'apply-refused',
      'Pod Security',
    ],
    [
      error(403, 'Forbidden', 'User "x" cannot patch resource "services" in API group ""'),
      'missing-rights',
      'services',
    ],
    [
      error(403, 'Forbidden', 'user "x" is attempting to grant RBAC permissions not currently held:\n{Verbs:["get"]}'),
      'kind-not-permitted',
      'does not have itself, and so may not give: {Verbs:["get"]}',
    ],
    [
      error(503, 'ServiceUnavailable', 'GET /apis/a.example/v1/b: service unavailable'),
      'api-unavailable',
      'Thing/x now: GET /apis/a.example/v1/b: service unavailable',
    ],
    [error(400, 'BadRequest', 'admission webhook "no.example" denied the request: no'), 'apply-refused', 'own rules'],
    [
      error(500, 'InternalError', 'Internal error occurred: failed calling webhook "a.example": connection refused'),
      'apply-refused',
      'webhook a.example of this cluster does not answer',
    ],
    [
      error(500, 'Status500', 'failed to create typed patch object (n/a): .spec.color: field not declared in schema'),
      'apply-refused',
      'does not know .spec.color',
    ],
    [
      error(
        500,
        '',
        'failed to create typed patch object (n/a; v1, Kind=A): .env: duplicate entries for key [name="A"]',
      ),
      'apply-refused',
      'not what the kind of Thing/x takes: .env: duplicate entries for key [name="A"]',
    ],
    [
      error(
        500,
        '',
        'failed to create typed patch object (n/a; v1, Kind=A): errors:\n  .data.a: expected string, got &value.valueUnstructured{Value:"hunter2"}\n  .b: expected numeric (int or float), got string',
      ),
      'apply-refused',
      '.data.a: expected string; .b: expected numeric (int or float)',
    ],
    [error(500, '', 'etcdserver: request is too large'), 'too-large', 'Thing/x is larger than'],
    [
      error(500, '', 'rpc error: code = ResourceExhausted desc = trying to send message larger than max (3 vs. 2)'),
      'too-large',
      'Thing/x is larger than',
    ],
    [
      error(500, '', 'conversion webhook for a.example/v1, Kind=Thing failed: Post "https://c": connection refused'),
      'apply-refused',
      'webhook that converts a.example/v1, Kind=Thing of this cluster does not answer',
    ],
    [
      error(
        500,
        '',
        'failed to create typed patch object (n/a; v1, Kind=A): .c[name="a b"].foo: field not declared in schema',
      ),
      'apply-refused',
      'does not know .c[name="a b"].foo',
    ],
    [error(404, 'Status404', 'the API server answered 404'), 'kind-not-permitted', 'CustomResourceDefinition'],
    [error(404, 'NoKind', 'none'), 'kind-not-permitted', 'CustomResourceDefinition'],
    [
      error(422, 'Invalid', 'x', [
        { field: 'spec.selector', message: 'Invalid value: {"a":"hunter2"}: field is immutable' },
      ]),
      'apply-refused',
      'spec.selector: field is immutable',
    ],
    [error(409, 'Conflict', 'the object has been modified'), 'apply-refused', 'the object has been modified'],
    [
      error(409, 'Conflict', 'x', [{ field: '.spec.replicas', message: 'conflict with "kubectl" using apps/v1' }]),
      'conflict',
      'kubectl: .spec.replicas',
    ],
  ])('is told for what it is: %s', (found, reason, words) => {
    const failure = refusalOf(found, 'Thing/x');
    expect(failure.reason).toBe(reason);
    expect(failure.message).toContain(words);
    expect(failure.message).not.toContain('hunter2');
  });
});

describe('the owner of an object', () => {
  const metadata = { name: 'x' };
  it.each([
    [{ ...metadata, labels: { 'steward.dev/installation': 'shop' } }, 'the installation shop'],
    [{ ...metadata, annotations: { 'meta.helm.sh/release-name': 'r' } }, 'the Helm release r'],
    [
      { ...metadata, ownerReferences: [{ apiVersion: 'v1', kind: 'Db', name: 'd', uid: 'u', controller: true }] },
      'Db/d',
    ],
    [{ ...metadata, labels: { 'app.kubernetes.io/managed-by': 'argocd' } }, 'argocd'],
    [{ ...metadata, managedFields: [{ manager: 'kubectl' }, { manager: 'kubectl' }] }, 'kubectl'],
    [metadata, 'somebody else'],
  ])('%j', (found, owner) => {
    expect(ownerOf({ apiVersion: 'v1', kind: 'ConfigMap', metadata: found })).toBe(owner);
  });
});

describe('doing many things', () => {
  it('does a bounded number at a time and answers in order', async () => {
    let running = 0;
    let most = 0;
    const doubled = await inParallel([1, 2, 3, 4, 5, 6], 2, async (item) => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return item * 2;
    });
    expect(doubled).toEqual([2, 4, 6, 8, 10, 12]);
    expect(most).toBe(2);
  });

  it('begins nothing more when one fails, and leaves nothing running', async () => {
    const begun: number[] = [];
    const work = inParallel([1, 2, 3, 4], 1, async (item) => {
      begun.push(item);
      if (item === 2) throw new Error('no');
    });
    await expect(work).rejects.toThrow('no');
    expect(begun).toEqual([1, 2]);
  });
});
