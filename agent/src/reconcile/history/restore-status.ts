import { INSTALLATION_LABEL, ORGANIZATION_LABEL } from '@steward/shared';
import type { KubeObject } from '../../kube/client.ts';
import { isKubeError } from '../../kube/error.ts';
import { InstallationGoneError, type StatusPatch } from '../../operations/installation/installations.ts';
import {
  MAX_HISTORY,
  type HistoryEntry,
  type InstallationRecord,
  type InstallationStatus,
  type InventoryEntry,
} from '../../operations/installation/installation-object.ts';
import { persist } from '../../operations/persist.ts';
import type { ReconcileContext } from '../context.ts';
import { endpointsOf } from '../endpoints.ts';
import { kindsToWatch } from '../monitors.ts';
import { entryOf } from '../plan/inventory.ts';
import { inParallel } from '../../parallel.ts';
import type { ReleaseSet } from '../render/release-set.ts';
import { possibleScalers } from '../run-state/own-scalers.ts';
import { makersIn, mergedMakers } from '../volumes/claim-makers.ts';
import { withCounter } from './good-generations.ts';
import { pointReleaseOf } from './point-of-no-return.ts';

/** Good generations are seldom further apart: a remedy takes the place of the one before. */
const LOOK_BACK = 40;
const WIDTH = 4;

/** Also one that somebody deleted: it is made again, and filled with what the stored sets of generations before that one tell. */
export async function readOrRestore(
  context: ReconcileContext,
  name: string,
  { before, signal }: { before: number; signal: AbortSignal },
): Promise<InstallationRecord> {
  const { installations } = context;
  const found = await installations.read(name).catch(async (error: unknown) => {
    if (!(error instanceof InstallationGoneError)) throw error;
    await installations.recreate(name);
    return installations.read(name);
  });
  const status = isBlank(found.status) ? await restoreStatus(context, { name, before, signal }) : undefined;
  if (!status) return found;
  await installations.write(name, status);
  return installations.read(name);
}

/** Nothing was ever written into it: it is new, or somebody deleted the object that was there. */
function isBlank({ history, inventory, observedGeneration }: InstallationStatus): boolean {
  return history.length === 0 && inventory.length === 0 && observedGeneration === 0;
}

/**
 * What the Installation object held before somebody deleted it, put together from the stored sets of the generations before
 * this one: without it an upgrade would pass for an install, which asks nobody and runs other hooks. Its state is `failed` until
 * the next operation ends, so that nothing is repaired: how it was scaled or whether it was stopped is not in the sets.
 * @returns undefined when there are none: it is new
 */
async function restoreStatus(
  context: ReconcileContext,
  { name, before, signal }: { name: string; before: number; signal: AbortSignal },
): Promise<StatusPatch | undefined> {
  const generations = Array.from({ length: Math.min(LOOK_BACK, before - 1) }, (_, index) => before - 1 - index);
  const found = await inParallel(generations, WIDTH, async (generation) => {
    const stored = await context.renders.find(name, generation);
    return stored && { generation, ...stored };
  });
  const stored = found.filter((one) => one !== undefined).slice(0, MAX_HISTORY);
  const [newest] = stored;
  if (!newest) return undefined;
  const at = context.now().toISOString();
  const history = stored.map(({ generation, reference, set: { meta } }): HistoryEntry => {
    const { version, releaseDigest, parametersDigest } = meta;
    return { generation, version, releaseDigest, parametersDigest, renderRef: reference, at };
  });
  const { meta, hooks, objects } = newest.set;
  context.log.warn('an Installation was put together again from its stored sets', { installation: name });
  return {
    state: 'failed',
    observedGeneration: newest.generation,
    message: `Somebody deleted this object; it was put together again from stored sets, of which the newest is ${meta.version}. Push that version to be certain of what runs`,
    history,
    inventory: await inventoryOf(context, name, [...objects, ...possibleScalers(objects, meta.remedies ?? {})], signal),
    claimMakers: mergedMakers(
      [],
      stored.flatMap(({ set }) => makersIn(set.objects)),
    ),
    watched: kindsToWatch(meta.permissions),
    endpoints: endpointsOf(objects),
    ...(meta.metrics && { metrics: meta.metrics }),
    counters: stored.reduce<InstallationStatus['counters']>((all, { set }) => withCounter(all, set.meta), {}),
    ...(hooks.length > 0 &&
      !meta.isRollbackSafe && {
        pointOfNoReturn: {
          generation: newest.generation,
          hooks: 'hooks of which no record is left',
          release: pointReleaseOf(meta),
        },
      }),
  };
}

/** Of the objects of a set those that are there and bear this installation's labels. */
async function inventoryOf(
  { kube, config }: ReconcileContext,
  name: string,
  objects: ReleaseSet['objects'],
  signal: AbortSignal,
): Promise<InventoryEntry[]> {
  const entries = await inParallel(objects, WIDTH, async (object) => {
    const ref = await persist(() => kube.resourceOf(object.apiVersion, object.kind), signal);
    if (!ref) return undefined;
    const { namespace, name: own } = object.metadata;
    try {
      const live = await persist(() => kube.get(ref, ref.namespaced ? namespace : undefined, own, { signal }), signal);
      const isOurs = live && hasLabels(live, name, config.organization);
      return isOurs ? entryOf(ref, object, live.metadata.uid) : undefined;
    } catch (error) {
      if (isKubeError(error) && error.status === 403) return undefined;
      throw error;
    }
  });
  return entries.filter((entry) => entry !== undefined);
}

function hasLabels({ metadata: { labels } }: KubeObject, installation: string, organization: string): boolean {
  return labels?.[INSTALLATION_LABEL] === installation && labels[ORGANIZATION_LABEL] === organization;
}
