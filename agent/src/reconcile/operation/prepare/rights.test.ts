import { expect, it } from 'vitest';
import { checksOf } from './rights.ts';

it('rights of an older release that no grant gives any more are not waited for, and the deletion of volumes only where they go', () => {
  const right = (resource: string, names?: string[]): never =>
    ({ apiGroup: '', apiVersion: 'v1', kind: 'X', resource, verbs: ['get', 'delete'], reason: 'r', names }) as never;
  const permissions = [right('secrets'), right('secrets', ['${installation}-auth']), right('persistentvolumeclaims')];
  const checks = checksOf(permissions, { releaseName: 'shop', namespace: 'n' });
  expect(checks.map(({ resource, verb, name = '' }) => `${verb} ${resource} ${name}`.trim())).toEqual([
    'get secrets shop-auth',
    'delete secrets shop-auth',
    'get persistentvolumeclaims',
  ]);
  const withVolumes = checksOf(permissions, { releaseName: 'shop', namespace: 'n' }, { deletesVolumes: true });
  expect(withVolumes).toHaveLength(checks.length + 1);
});
