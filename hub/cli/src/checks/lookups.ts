import type { Lookup, Release, SourcedObject } from '@steward/shared';
import { groupOf, kindOf, type KnownKind } from './kinds.ts';
import type { ObjectProblem } from './check-object.ts';
import { withPlaceholder, type NamedRender } from './permissions.ts';

type Permission = Release['permissions'][number];

/** Says what a lookup finds among objects that an earlier render made, as if they had been applied; nothing else is there. */
export function foundAmong(
  objects: readonly SourcedObject[],
  namespace: string,
): (lookup: Lookup) => object | undefined {
  return (lookup) => {
    if (lookup.namespace !== namespace) return undefined;
    const alike = objects
      .filter(({ object }) => object.kind === lookup.kind && groupOf(object.apiVersion) === groupOf(lookup.apiVersion))
      .map(({ object }) => ({ ...object, metadata: { ...object.metadata, namespace } }));
    if (lookup.name !== '') return alike.find(({ metadata }) => metadata.name === lookup.name);
    return { apiVersion: lookup.apiVersion, kind: `${lookup.kind}List`, metadata: {}, items: alike };
  };
}

/** The kind of a lookup that a release may have the right to do; else why the agent will refuse it. */
function readable(lookup: Lookup, namespace: string): KnownKind | { message: string; action: string } {
  const { apiVersion, kind, name } = lookup;
  const what = name === '' ? `all of ${kind}` : `${kind}/${name}`;
  const where = lookup.namespace === '' ? 'in the whole cluster' : `in the namespace "${lookup.namespace}"`;
  const known = kindOf({ apiVersion, kind, metadata: { name } });
  if (lookup.namespace !== namespace || known.type === 'cluster' || known.type === 'rbac')
    return {
      message: `looks up ${what} ${where}; the agent reads only what lies in the installation's own namespace`,
      action: 'Write .Release.Namespace, or take what it finds from a value.',
    };
  if (name === '' && kind === 'Secret')
    return {
      message: 'looks up all Secrets; the agent reads Secrets by name only',
      action: 'Look up one by its name.',
    };
  return known.known;
}

/** What is wrong with a lookup, if anything. */
export function checkLookup(lookup: Lookup, namespace: string): ObjectProblem | undefined {
  const found = readable(lookup, namespace);
  return 'message' in found ? { severity: 'error', code: 'lookup', ...found } : undefined;
}

/** The rights that lookups need: to read by name, or to list; Secrets by exact name. */
export function lookupPermissions(renders: readonly NamedRender[], namespace: string): Permission[] {
  const found = new Map<string, Permission>();
  for (const { lookups = [], releaseName } of renders)
    for (const lookup of lookups) {
      const known = readable(lookup, namespace);
      if ('message' in known) continue;
      const verb = lookup.name === '' ? 'list' : 'get';
      const names = lookup.kind === 'Secret' ? [withPlaceholder(lookup.name, releaseName)] : undefined;
      const key = `${known.group}/${known.kind} ${names?.join() ?? ''}`;
      const entry = found.get(key) ?? {
        apiGroup: known.group,
        apiVersion: lookup.apiVersion.split('/').at(-1) ?? '',
        kind: known.kind,
        resource: known.resource,
        verbs: [],
        ...(names && { names }),
        reason: 'to look up what is there already, when the chart is rendered',
      };
      if (!entry.verbs.includes(verb)) entry.verbs.push(verb);
      found.set(key, entry);
    }
  return [...found.values()];
}

/** Told once each, in words with the installation's placeholder. */
export function lookupWords({ kind, name }: Lookup, releaseName: string): string {
  return withPlaceholder(name === '' ? `all of ${kind}` : `${kind}/${name}`, releaseName);
}
