import { waveOf } from '@steward/shared';
import { WATCHED } from '../../collect/namespace-objects.ts';
import type { ClaimMaker } from '../../collect/objects/storage.ts';
import type { KubeClient, KubeObject, ResourceRef } from '../../kube/client.ts';
import { nameOf } from '../../kube/object.ts';
import type { InventoryEntry } from '../../operations/installation/installation-object.ts';
import { done, failed, type Outcome } from '../outcome.ts';
import type { HelmRelease } from '../adopt/helm-marks.ts';
import { listAllowed } from '../adopt/listable-kinds.ts';
import { entryOf, inventoryKey, isOfService } from './inventory.ts';
import { orderOf } from './kind-order.ts';
import type { NeverOurs } from '../fields/never-ours.ts';
import { inParallel } from '../../parallel.ts';
import { findObject, orRefused, planFound, refuse, type ObjectPlanInput, type PlannedObject } from './plan-object.ts';
import { countOf } from '../volumes/going-claims.ts';
import { listClaims } from '../volumes/list-claims.ts';
import { findMissingClaims } from '../volumes/missing-claims.ts';
import { goesWithOwners, withMadeSets } from '../volumes/owned-claims.ts';
import { leftOf, planRemovals, type PlannedRemoval } from './removals.ts';

export interface ObjectPlan {
  /** By wave, and in it by kind. */
  objects: PlannedObject[];
  removals: PlannedRemoval[];
  /** Volume claims that Kubernetes deletes, since all that owns them is deleted; only looked for where that is told. */
  follows?: KubeObject[];
}

export interface PlanInput {
  kube: KubeClient;
  fieldManager: string;
  organization: string;
  installation: string;
  objects: readonly KubeObject[];
  inventory: readonly InventoryEntry[];
  /** StatefulSets that it has ever had, as far as they make claims. */
  claimMakers: readonly ClaimMaker[];
  neverOurs: NeverOurs;
  /** What plain Helm has of it becomes ours; with {@link isAdopting} also what was not ours before. */
  helmRelease: HelmRelease;
  isAdopting: boolean;
  /** Kinds whose objects may be deleted and made anew where a field cannot change in place. */
  replaceable: ReadonlySet<string>;
  /** Going back: a volume that was made larger stays so, and asking for less is no refusal. */
  mayAskLess: boolean;
  goingClaims?: ObjectPlanInput['goingClaims'];
  /** True from when on nothing is waited for any more; never unless told. */
  isLate?: ObjectPlanInput['isLate'];
  signal: AbortSignal;
}

const WIDTH = 8;
const MAX_INVENTORY = 2_000;
const MAX_LINES = 20;

/**
 * What applying these objects would do, asked of the API server itself by a dry run of each: so quota, admission,
 * immutable fields and other owners refuse before anything is written.
 */
export async function makePlan(input: PlanInput): Promise<Outcome<ObjectPlan>> {
  const asked = { ...input, ours: new Map(input.inventory.map((entry) => [inventoryKey(entry), entry])) };
  return orRefused(async () => {
    const objects = await inParallel(input.objects, WIDTH, async (object) => {
      const found = await findObject(object, asked);
      return withNewVolumes(await planFound(found, asked), found.live, asked);
    });
    const unagreed = objects.filter((planned) => needsConsent(planned, input.replaceable));
    if (unagreed.length > 0) return failed('needs-replace', needsReplace(unagreed));
    const left = leftOf(input);
    if (left.length + objects.length > MAX_INVENTORY)
      return failed('too-large', `old and new objects together are more than ${MAX_INVENTORY}`);
    const removals = await planRemovals({ ...input, left });
    objects.sort((a, b) => waveOf(a.object) - waveOf(b.object) || orderOf(a.ref.kind) - orderOf(b.ref.kind));
    return done({ objects, removals });
  });
}

/** The same for people to agree to, with what goes though no step of it says so. */
export async function makeToldPlan(input: PlanInput): Promise<Outcome<ObjectPlan>> {
  const plan = await makePlan(input);
  if (!plan.ok) return plan;
  return orRefused(async () => done({ ...plan.value, follows: await findFollowing(plan.value, input) }));
}

/** With what runs and is removed, or is made anew after its pods have ended. @throws Refused when they cannot be looked for */
async function findFollowing({ objects, removals }: ObjectPlan, input: PlanInput): Promise<KubeObject[]> {
  const remade = objects.flatMap(({ ref, object, replacement }) =>
    replacement?.propagation === 'Foreground' ? [entryOf(ref, object, replacement.uid)] : [],
  );
  const removed = removals.flatMap(({ action, entry }) => (action === 'delete' ? [entry] : []));
  const going = [...remade, ...removed].filter(isOfService);
  const [first] = going;
  if (!first) return [];
  const { namespace = '' } = first;
  const claims = await listClaims(input, namespace);
  // The grant of a chart without any may not name them, and its operator's are not known then.
  const [sets = []] = await listAllowed(input.kube, [WATCHED.StatefulSet.ref], {
    namespace,
    signal: input.signal,
  }).catch((error: unknown) => refuse(error, 'the StatefulSets'));
  const uids = going.flatMap(({ uid }) => uid ?? []);
  const owners = withMadeSets(uids, sets);
  return claims.filter((claim) => goesWithOwners(claim, owners));
}

/** Of one that was there before, or that is there without pods. @throws Refused */
async function withNewVolumes(
  planned: PlannedObject,
  live: KubeObject | undefined,
  input: PlanInput & Pick<ObjectPlanInput, 'ours'>,
): Promise<PlannedObject> {
  const { ref, object, action } = planned;
  const isAgain =
    action === 'update' ? live && countOf(live) === 0 : action === 'create' && wasThere(ref, object, input);
  const missing = isAgain ? await findMissingClaims(object, live, input) : [];
  if (missing.length === 0) return planned;
  const said = `volumes: new and empty, since these claims are not there: ${missing.join(', ')}`;
  return { ...planned, fields: [...planned.fields, said] };
}

/** The inventory of an Installation that was put together again has only what lived then. */
function wasThere(
  ref: ResourceRef,
  { metadata }: KubeObject,
  { ours, claimMakers }: Pick<PlanInput, 'claimMakers'> & Pick<ObjectPlanInput, 'ours'>,
): boolean {
  if (ours.get(inventoryKey({ ...ref, ...metadata }))?.uid !== undefined) return true;
  return ref.kind === 'StatefulSet' && claimMakers.some(({ set }) => set === metadata.name);
}

function needsConsent({ ref, replacement }: PlannedObject, replaceable: ReadonlySet<string>): boolean {
  return replacement?.needsConsent === true && !replaceable.has(ref.kind);
}

/** What would have to be replaced, why, and who may allow it. */
function needsReplace(unagreed: readonly PlannedObject[]): string {
  const lines = unagreed.slice(0, MAX_LINES).map(({ object, fields, replacement }) => {
    const pods = replacement?.propagation === 'Orphan' ? 'its pods would go on' : 'what it runs would stop first';
    return `  ${nameOf(object)}: ${fields.join(', ')}; ${pods}`;
  });
  if (unagreed.length > MAX_LINES) lines.push(`  and ${unagreed.length - MAX_LINES} more`);
  const kinds = [...new Set(unagreed.map(({ ref }) => ref.kind))].join(', ');
  return [
    'These would have to be deleted and made anew, since fields of them cannot change while they exist:',
    ...lines,
    `Nothing was changed. Leave these fields as they were, or allow it in the steward.yaml of the release: upgrade: { replace: [${kinds}] }`,
  ].join('\n');
}
