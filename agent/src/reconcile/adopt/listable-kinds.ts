import type { ReleasePermission } from '@steward/shared';
import type { KubeClient, KubeObject, ResourceRef } from '../../kube/client.ts';
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

/** Nothing where it may not be listed after all. */
export async function listIfAllowed(
  kube: KubeClient,
  ref: ResourceRef,
  namespace: string,
  signal: AbortSignal,
): Promise<KubeObject[]> {
  return (await listUnlessForbidden(kube, ref, namespace, signal)) ?? [];
}

/** Undefined where it may not be listed: what is there is not known then. It asks first, since a refusal may be a right that is just coming. */
export async function listUnlessForbidden(
  kube: KubeClient,
  ref: ResourceRef,
  namespace: string,
  signal: AbortSignal,
): Promise<KubeObject[] | undefined> {
  const check = { verb: 'list', group: ref.group, resource: ref.plural, namespace };
  if ((await persist(() => kube.missingAccess([check], { signal }), signal)).length > 0) return undefined;
  try {
    return await persist(() => kube.list(ref, namespace, { signal }), signal);
  } catch (error) {
    if (isKubeError(error) && error.status === 403) return undefined;
    throw error;
  }
}
