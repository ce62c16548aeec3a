import { expect, it } from 'vitest';
import { checksOf } from './rights.ts';

it('rights of an older release that no grant gives any more are not waited for, and neither is the deletion of volumes', () => {
  const right = (resource: string, names?: string[]): never =>
    ({ apiGroup: '', apiVersion: 'v1', kind: 'X', resource, verbs: ['get', 'delete'], reason: 'r', names }) as never;
  const permissions = [right('secrets'), right('secrets', ['${installation}-auth']), right('persistentvolumeclaims')];
  const checks = checksOf(permissions, { releaseName: 'shop', namespace: 'n' });
  expect(checks.map(({ resource, verb, name = '' }) => `${verb} ${resource} ${name}`.trim())).toEqual([
    'get secrets shop-auth',
    'delete secrets shop-auth',
    'get persistentvolumeclaims',
  ]);
});
