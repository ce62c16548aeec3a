import { canonicalJson } from '@steward/shared';
import type { KubeClient, KubeObject, ResourceRef } from '../../kube/client.ts';
import { isKubeError } from '../../kube/error.ts';
import { isBeingDeleted, nameOf } from '../../kube/object.ts';
import { hasPause, type InventoryEntry } from '../../operations/installation/installation-object.ts';
import { persist, TRIED, type PersistOptions } from '../../operations/persist.ts';
import { foreignOwnerOf } from '../adopt/foreign-owner.ts';
import { isOfRelease, type HelmRelease } from '../adopt/helm-marks.ts';
import { helmFieldsOf } from '../fields/managed-fields.ts';
import { asTakenOver, differencesOf } from '../adopt/take-over.ts';
import type { Failure, Outcome } from '../outcome.ts';
import { changesBetween, type FieldChange } from '../fields/changed-fields.ts';
import { ownFieldsOf } from '../fields/field-owners.ts';
import { findGoingClaim, turnsPods, type GoingClaims } from '../volumes/going-claims.ts';
import { cannotShrink, goingClaim, isClaim, sizeAsked } from './claims.ts';
import { inventoryKey } from './inventory.ts';
import { ownPart, withLiveReplicas, type NeverOurs, type OwnPartOptions } from '../fields/never-ours.ts';
import { isLabelledFor, ownerOf } from '../fields/owner.ts';
import { noKind, reasonNotTried, refusalOf } from './refusal.ts';
import { isImmutable, planReplacement, podsOfReplaced, type Replacement } from './replacement.ts';

/** What becomes of one object of the set. */
export interface PlannedObject {
  ref: ResourceRef;
  /** As it is applied: without what is never ours. */
  object: KubeObject;
  action: 'create' | 'update' | 'keep' | 'replace';
  fields: string[];
  /** With `update` only: these fields, and where they are. */
  changes?: FieldChange[];
  /** Ours before: its fields may be taken over. On first contact others' fields are respected. */
  isOurs: boolean;
  uid: string | undefined;
  /** With `replace` only. */
  replacement?: Replacement;
  /** It could not be tried: what it changes shows only when it is applied. */
  isUnknown?: boolean;
  /** By its annotation: it is to be left as it is, but for operations. */
  isPaused?: boolean;
  /** Helm owns fields of it, which become ours: `fields` are what differs beside that, and are none where nothing does. */
  isTakenOver?: boolean;
}

export interface ObjectPlanInput {
  kube: KubeClient;
  fieldManager: string;
  organization: string;
  installation: string;
  /** What was ours before, by {@link inventoryKey}. */
  ours: ReadonlyMap<string, InventoryEntry>;
  neverOurs: NeverOurs;
  /** What plain Helm has of it becomes ours; with {@link isAdopting} also what was not ours before. */
  helmRelease?: HelmRelease;
  isAdopting?: boolean;
  /** Not a new version: what is gone was taken out by somebody. */
  isRepair?: boolean;
  mayAskLess: boolean;
  goingClaims?: GoingClaims | undefined;
  /** True from when on nothing is waited for any more; never unless told. */
  isLate?: PersistOptions['isLate'] | undefined;
  signal: AbortSignal;
}

/** How long what does not answer is asked again while a plan is made. */
export function patienceOf({ isLate }: Pick<ObjectPlanInput, 'isLate'>): PersistOptions {
  return { ...TRIED, ...(isLate && { isLate }) };
}

/** An object of the set beside what lives under its name. */
export interface FoundObject {
  ref: ResourceRef;
  object: KubeObject;
  live: KubeObject | undefined;
  /** Helm applied it last, as what is adopted or by somebody's hand. */
  isHelms?: boolean;
}

/** Thrown inside, to end the parallel reads at the first refusal. */
export class Refused extends Error {
  readonly failure: Failure;
  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** What applying one object would do, asked of the API server by a dry run. @throws Refused */
export async function planObject(object: KubeObject, input: ObjectPlanInput): Promise<PlannedObject> {
  return planFound(await findObject(object, input), input);
}

/** What lives under the name of one of our objects, and is ours. @throws Refused when it is somebody else's */
export async function findObject(object: KubeObject, input: ObjectPlanInput): Promise<FoundObject> {
  const { kube, ours, signal } = input;
  const { name, namespace } = object.metadata;
  const what = nameOf(object);
  const ref = await loadRef(object, input);
  const live = await persist(() => kube.get(ref, namespace, name, { signal }), signal, patienceOf(input)).catch(
    (error: unknown) => refuse(error, what),
  );
  if (!live) return { ref, object, live };
  const owner = isOwn(live, ours.get(inventoryKey({ ...ref, ...object.metadata })), input)
    ? undefined
    : otherOwnerOf(live, input);
  if (owner !== undefined)
    throw new Refused({ reason: 'conflict', message: `${what} is there already and belongs to ${owner}` });
  return { ref, object, live, isHelms: isHelms(live, input) };
}

/** Helm's marks stay on what is ours: what tells is whether it owns something of it. */
function isHelms(live: KubeObject, { helmRelease }: ObjectPlanInput): boolean {
  return helmRelease !== undefined && isOfRelease(live, helmRelease) && helmFieldsOf(live) !== undefined;
}

/** Of what was not ours before; undefined when it may become so. */
function otherOwnerOf(
  live: KubeObject,
  { helmRelease, isAdopting = false, fieldManager }: ObjectPlanInput,
): string | undefined {
  if (!helmRelease || !isAdopting) return ownerOf(live);
  return foreignOwnerOf(live, { release: helmRelease, fieldManager });
}

/** What is applied of it, over what lives. */
function appliedOf({ object, live, isHelms = false }: FoundObject, options: OwnPartOptions): KubeObject {
  if (!live) return object;
  return ownPart(object, isHelms ? asTakenOver(live, options.fieldManager) : live, options);
}

/** @throws Refused */
export async function planFound(found: FoundObject, input: ObjectPlanInput): Promise<PlannedObject> {
  const { fieldManager, neverOurs, isRepair = false } = input;
  const { ref, live, object: whole } = found;
  const options = { fieldManager, neverOurs, isRepair };
  const object = appliedOf(found, options);
  const isPaused = hasPause(live?.metadata.annotations);
  const planned = { ref, object, isOurs: live !== undefined, uid: live?.metadata.uid, ...(isPaused && { isPaused }) };
  if (live && isBeingDeleted(live))
    return ofOneThatGoes({ ...planned, object: withLiveReplicas(whole, live, options) }, live, input);
  try {
    return await planTried(planned, found, input);
  } catch (error) {
    if (error instanceof Refused) throw error;
    await keepGoingClaim(found, input);
    const why = reasonNotTried(error, object);
    if (why !== undefined)
      return { ...planned, action: live ? 'update' : 'create', fields: [`unknown: ${why}`], isUnknown: true };
    if (!live) return refuse(error, nameOf(whole));
    return replaced({ ...planned, object: withLiveReplicas(whole, live, options) }, { live, error }, input);
  }
}

/** By what a dry run comes to. */
async function planTried(
  planned: Omit<PlannedObject, 'action' | 'fields'>,
  found: FoundObject,
  input: ObjectPlanInput,
): Promise<PlannedObject> {
  const { kube, fieldManager, signal } = input;
  const { ref, object } = planned;
  const { live, isHelms } = found;
  const dryRun = { fieldManager, force: planned.isOurs, dryRun: true, signal };
  const after = await persist(() => kube.apply(object, dryRun), signal, patienceOf(input));
  await keepGoingClaim(found, input, after);
  if (!live) return { ...planned, action: 'create', fields: [] };
  if (isHelms) return asTaken(planned, await differencesOf({ kube, fieldManager, ref, live, object, after, signal }));
  const changes = changesBetween(live, after, ref.kind === 'Secret');
  const fields = changes.map(({ shown }) => shown);
  const isSame = fields.length === 0 && fieldsOwned(live, fieldManager) === fieldsOwned(after, fieldManager);
  return { ...planned, action: isSame ? 'keep' : 'update', fields, changes };
}

/** What cannot be changed in place. @throws Refused when it is refused for another reason, or cannot be replaced either */
async function replaced(
  planned: Omit<PlannedObject, 'action' | 'fields'>,
  { live, error }: { live: KubeObject; error: unknown },
  input: ObjectPlanInput,
): Promise<PlannedObject> {
  const { kube, mayAskLess, neverOurs, signal } = input;
  const { ref, object: wanted } = planned;
  const [from, to] = [sizeAsked(live), sizeAsked(wanted)];
  if (isClaim(wanted) && neverOurs.shrinking?.has(wanted.metadata.name) && from !== undefined && to !== undefined)
    throw new Refused({ reason: 'apply-refused', message: cannotShrink(nameOf(wanted), { from, to }) });
  if (!isKubeError(error) || !isImmutable(error)) return refuse(error, nameOf(wanted));
  const judged = await planReplacement({ kube, ref, live, wanted, error, mayAskLess, signal });
  if (!judged.ok) throw new Refused(judged.failure);
  const pods = ref.kind === 'StatefulSet' ? await podsOfReplaced(judged.value, { ...input, live, wanted }) : [];
  const fields = [...judged.value.fields, ...pods];
  return { ...planned, action: 'replace', fields, replacement: judged.value };
}

function asTaken(planned: Omit<PlannedObject, 'action' | 'fields'>, changes: FieldChange[]): PlannedObject {
  return { ...planned, action: 'update', fields: changes.map(({ shown }) => shown), changes, isTakenOver: true };
}

async function loadRef(object: KubeObject, { kube, isLate, signal }: ObjectPlanInput): Promise<ResourceRef> {
  const what = nameOf(object);
  const find = (): Promise<ResourceRef | undefined> => kube.resourceOf(object.apiVersion, object.kind);
  const ref = await persist(find, signal, patienceOf({ isLate })).catch((error: unknown) => refuse(error, what));
  if (!ref) throw new Refused({ reason: 'kind-not-permitted', message: noKind(what) });
  if (ref.namespaced) return ref;
  const message = `${what} belongs to the whole cluster; the agent only applies what lies in the namespace`;
  throw new Refused({ reason: 'kind-not-permitted', message });
}

/** What the work comes to, also where it is {@link Refused}. */
export async function orRefused<T>(work: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Refused) return { ok: false, failure: error.failure };
    throw error;
  }
}

export function refuse(error: unknown, what: string): never {
  if (isKubeError(error)) throw new Refused(refusalOf(error, what));
  throw error;
}

/**
 * It is being deleted, by somebody or by an earlier life of this agent: it is made anew when it is gone. Not so a claim, which goes
 * with what is in it and only when its pods end. @throws Refused when it is wanted
 */
function ofOneThatGoes(
  planned: Omit<PlannedObject, 'action' | 'fields'>,
  live: KubeObject,
  { installation, goingClaims = 'refused' }: ObjectPlanInput,
): PlannedObject {
  if (isClaim(live)) {
    if (goingClaims !== 'refused') return { ...planned, action: 'keep', fields: [] };
    throw new Refused({ reason: 'apply-refused', message: goingClaim(live, installation) });
  }
  const fields = ['metadata.deletionTimestamp: is being deleted, made anew when it is gone'];
  const uid = live.metadata.uid ?? '';
  const how = { propagation: 'Foreground', needsConsent: false, isGoing: true } as const;
  const replacement: Replacement = { uid, ...how, fields, resizes: [] };
  return { ...planned, action: 'replace', fields, replacement };
}

/** @throws Refused when it ends or makes pods, or may, that use a claim which somebody deletes: they may be the last that keep the data */
async function keepGoingClaim(found: FoundObject, input: ObjectPlanInput, after?: KubeObject): Promise<void> {
  const { object, live } = found;
  if (input.goingClaims === 'let-go' || (live && after && !turnsPods(live, after))) return;
  const message = await tellGoingClaim(live ? [object, live] : [object], input);
  if (message !== undefined) throw new Refused({ reason: 'apply-refused', message });
}

/** What is to be said of a claim that somebody is deleting under pods of these objects. @throws Refused when it cannot be looked for */
export async function tellGoingClaim(
  objects: readonly KubeObject[],
  input: Pick<ObjectPlanInput, 'kube' | 'installation' | 'isLate' | 'signal'>,
): Promise<string | undefined> {
  const { kube, installation, signal } = input;
  const claim = await findGoingClaim(kube, objects, { ...patienceOf(input), signal }).catch((error: unknown) =>
    refuse(error, 'the volume claims'),
  );
  return claim && goingClaim(claim, installation);
}

/** By its uid when that was written down; by its labels when a kill came between applying it and writing that down. */
function isOwn(
  live: KubeObject,
  entry: InventoryEntry | undefined,
  whose: Pick<ObjectPlanInput, 'organization' | 'installation'>,
): boolean {
  if (entry?.uid !== undefined && entry.uid === live.metadata.uid) return true;
  return isLabelledFor(live, whose);
}

/** What our manager owns of an object: an apply that only takes ownership changes this alone. */
function fieldsOwned(object: KubeObject, fieldManager: string): string {
  return canonicalJson(ownFieldsOf(object, fieldManager));
}
