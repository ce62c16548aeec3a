import { expect, it } from 'vitest';
import type { Run } from '../run/run.ts';
import { checksOf, findMissingRights } from './rights.ts';

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

it('rights that are missing are named with the line that brings them, also over a Role that somebody edited', async () => {
  const { signal } = new AbortController();
  const run = {
    context: { kube: { missingAccess: async (checks: readonly object[]) => checks } },
    installation: { name: 'shop', namespace: 'n' },
    helmRelease: { releaseName: 'shop', namespace: 'n' },
  };
  const right = { apiGroup: 'apps', apiVersion: 'v1', kind: 'X', resource: 'deployments', verbs: ['get', 'list'] };
  const permissions = [right] as unknown as Parameters<typeof findMissingRights>[1];
  const message = await findMissingRights(run as unknown as Run, permissions, { signal });
  expect(message).toContain('\n  deployments.apps: get, list\n');
  expect(message).toContain('steward installation grant shop; with --force-conflicts where somebody edited its Role');
});
