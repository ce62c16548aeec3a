import type { ReleasePermission } from '@steward/shared';
import type { KubeClient, KubeObject, ListOptions, ResourceRef } from '../../kube/client.ts';
import { isKubeError } from '../../kube/error.ts';
import { apiVersionOf } from '../../kube/object.ts';
import { persist } from '../../operations/persist.ts';

/** The kinds of a release's own objects that the agent may list in the namespace: never Secrets. */
export async function listableKinds(
  kube: KubeClient,
  permissions: readonly ReleasePermission[],
  signal: AbortSignal,
): Promise<ResourceRef[]> {
  const own = permissions.filter(({ verbs, names }) => verbs.includes('list') && verbs.includes('patch') && !names);
  const found = await Promise.all(
    own.map(({ apiGroup, apiVersion, kind }) => {
      const version = apiVersionOf({ group: apiGroup, version: apiVersion });
      return persist(() => kube.resourceOf(version, kind), signal);
    }),
  );
  return found.filter((ref) => ref !== undefined);
}

/**
 * What there is of each of these kinds, with such labels where they are told; undefined of one that may not be listed: what is there
 * is not known then. The rights are asked for first, once for all, since a refusal may be a right that is just coming and is waited for.
 */
export async function listAllowed(
  kube: KubeClient,
  refs: readonly ResourceRef[],
  { namespace, signal, ...which }: { namespace: string; signal: AbortSignal } & Pick<ListOptions, 'labelSelector'>,
): Promise<(KubeObject[] | undefined)[]> {
  const checks = refs.map(({ group, plural }) => ({ verb: 'list', group, resource: plural, namespace }));
  const missing = await persist(() => kube.missingAccess(checks, { signal }), signal);
  return Promise.all(
    refs.map(async (ref) => {
      if (missing.some(({ group, resource }) => group === ref.group && resource === ref.plural)) return undefined;
      try {
        return await persist(() => kube.list(ref, namespace, { ...which, signal }), signal);
      } catch (error) {
        if (isKubeError(error) && error.status === 403) return undefined;
        throw error;
      }
    }),
  );
}
