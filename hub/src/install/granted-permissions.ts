import { canonicalJson, type ReleasePermission } from '@steward/shared';

/** The rights of several releases in one list, each once: the wanted one's first, then what only an earlier one needs. */
export function grantedPermissions(
  releases: readonly { permissions: readonly ReleasePermission[] }[],
): ReleasePermission[] {
  const found = new Map<string, ReleasePermission>();
  for (const { permissions } of releases)
    for (const permission of permissions) {
      const { reason: _reason, ...right } = permission;
      const key = canonicalJson(right);
      if (!found.has(key)) found.set(key, permission);
    }
  return [...found.values()];
}
