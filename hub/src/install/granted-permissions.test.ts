import type { ReleasePermission } from '@steward/shared';
import { expect, it } from 'vitest';
import { grantedPermissions } from './granted-permissions.ts';

const right = (resource: string, reason: string): ReleasePermission => ({
  apiGroup: 'apps',
  apiVersion: 'v1',
  kind: 'X',
  resource,
  verbs: ['get'],
  reason,
});

it('keeps what only the running release needs, and lists each right once', () => {
  const wanted = { permissions: [right('deployments', 'new')] };
  const running = { permissions: [right('statefulsets', 'old'), right('deployments', 'old')] };
  expect(grantedPermissions([wanted, running])).toEqual([right('deployments', 'new'), right('statefulsets', 'old')]);
});
