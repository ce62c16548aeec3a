import {
  comesToAnEnd,
  HOOK_LABEL,
  INSTALLATION_LABEL,
  OPERATION_LABEL,
  ORGANIZATION_LABEL,
  type ChartHook,
} from '@steward/shared';
import { WATCHED } from '../../collect/namespace-objects.ts';
import { isWorkloadKind } from '../../collect/objects/workload.ts';
import type { KubeObject, ResourceRef } from '../../kube/client.ts';
import { splitApiVersion } from '../../kube/discovery/builtin-kinds.ts';
import { isKubeError } from '../../kube/error.ts';
import type { InventoryEntry } from '../../operations/installation/installation-object.ts';
import { inParallel } from '../../parallel.ts';
import { listAllowed } from '../adopt/listable-kinds.ts';
import type { ReconcileContext } from '../context.ts';
import { isLabelledFor } from '../fields/owner.ts';
import { findVery } from '../execute/find-very.ts';
import { hookInChart, hookName } from '../hooks/hook-object.ts';
import { entryOf, mergedInventory, objectKey } from '../plan/inventory.ts';
import type { ReleaseSet } from '../render/release-set.ts';
import { possibleScalers } from '../run-state/own-scalers.ts';
import { countOf } from '../volumes/going-claims.ts';

const WIDTH = 4;

interface Wanted {
  installation: string;
  namespace: string;
  /** Those of which objects may be there, the newest first. */
  applied: readonly ReleaseSet[];
  /** All that is known, the newest first. */
  sets: readonly ReleaseSet[];
  signal: AbortSignal;
}

/**
 * What is there and bears this installation's labels: objects of what was applied, and of all sets what hooks have made.
 * `runs`: pods of it are asked for.
 */
export async function liveInventory(
  context: ReconcileContext,
  wanted: Wanted,
): Promise<{ inventory: InventoryEntry[]; runs: boolean }> {
  const { installation, applied, signal } = wanted;
  const objects = new Map<string, KubeObject>();
  for (const set of applied)
    for (const object of [...set.objects, ...possibleScalers(set.objects, set.meta.remedies ?? {})])
      if (!objects.has(objectKey(object))) objects.set(objectKey(object), object);
  const live = inParallel([...objects.values()], WIDTH, async (object) => {
    const found = await ownLive(context, { installation, object, signal });
    if (!found) return [];
    const runs = isWorkloadKind(object.kind) && countOf(found.live) > 0;
    return [{ entry: entryOf(found.ref, object, found.live.metadata.uid), runs }];
  });
  const [own, made, ran] = await Promise.all([live, madeByHooks(context, wanted), runByHooks(context, wanted)]);
  const inventory = mergedInventory(
    [...made, ...ran],
    own.flat().map(({ entry }) => entry),
  );
  return { inventory, runs: own.flat().some(({ runs }) => runs) };
}

/** What stays when its hook is done: it has the name that it has in the chart. */
async function madeByHooks(
  context: ReconcileContext,
  { installation, sets, signal }: Wanted,
): Promise<InventoryEntry[]> {
  const hooks = new Map<string, ChartHook>();
  for (const hook of sets.flatMap((set) => set.hooks)) {
    const key = objectKey(hook.object);
    if (!comesToAnEnd(hook.object) && !hooks.has(key)) hooks.set(key, hook);
  }
  const found = await inParallel([...hooks.values()], WIDTH, async (hook) => {
    const { object } = hook;
    const own = await ownLive(context, { installation, object, signal });
    if (own?.live.metadata.labels?.[HOOK_LABEL] === undefined) return [];
    return [{ ...entryOf(own.ref, object, own.live.metadata.uid), hook: hookName(hook) }];
  });
  return found.flat();
}

/** Jobs and Pods of hooks, of which each operation has its own, as far as they may be looked for: also one that runs for what is under way. */
async function runByHooks(
  { kube, config: { organization } }: ReconcileContext,
  { installation, namespace, signal }: Wanted,
): Promise<InventoryEntry[]> {
  const refs = [WATCHED.Job.ref, WATCHED.Pod.ref];
  const labelSelector = `${INSTALLATION_LABEL}=${installation},${ORGANIZATION_LABEL}=${organization},${OPERATION_LABEL}`;
  const found = await listAllowed(kube, refs, { namespace, labelSelector, signal });
  return refs.flatMap((ref, index) =>
    (found[index] ?? []).flatMap((live) => {
      const hook = isLabelledFor(live, { installation, organization }) ? hookInChart(live) : undefined;
      return hook === undefined ? [] : [{ ...entryOf(ref, live, live.metadata.uid), hook }];
    }),
  );
}

interface Named {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string | undefined };
}

/** What lives under the name of an object, if it bears this installation's labels and may be looked at. */
export async function ownLive(
  { kube, config }: ReconcileContext,
  { installation, object, signal }: { installation: string; object: Named; signal: AbortSignal },
): Promise<{ ref: ResourceRef; live: KubeObject } | undefined> {
  const [group, version] = splitApiVersion(object.apiVersion);
  const { namespace, name } = object.metadata;
  try {
    const entry = { group, version, kind: object.kind, ...(namespace !== undefined && { namespace }), name };
    const found = await findVery(kube, entry, { signal });
    if (!found || !isLabelledFor(found.object, { installation, organization: config.organization })) return undefined;
    return { ref: found.ref, live: found.object };
  } catch (error) {
    if (isKubeError(error) && error.status === 403) return undefined;
    throw error;
  }
}
