import { canonicalJson, isRecord } from '@steward/shared';

/** The merge patch that makes `to` of `from`; undefined when there is nothing to change. Lists are said whole. */
export function mergePatchOf(
  from: Readonly<Record<string, unknown>>,
  to: Readonly<Record<string, unknown>>,
): Record<string, unknown> | undefined {
  const patch: Record<string, unknown> = {};
  for (const key of new Set([...Object.keys(from), ...Object.keys(to)])) {
    const [before, after] = [from[key], to[key]];
    if (after === undefined) patch[key] = null;
    else if (isRecord(before) && isRecord(after)) {
      const inner = mergePatchOf(before, after);
      if (inner) patch[key] = inner;
    } else if (canonicalJson(before ?? null) !== canonicalJson(after)) patch[key] = after;
  }
  return Object.keys(patch).length === 0 ? undefined : patch;
}
