import { setTimeout as delay } from 'node:timers/promises';
import { OPERATION_LABEL } from '@steward/shared';
import { WATCHED } from '../../collect/namespace-objects.ts';
import type { KubeClient, KubeObject, ResourceRef } from '../../kube/client.ts';
import { isKubeError } from '../../kube/error.ts';
import { isBeingDeleted, nameOf } from '../../kube/object.ts';
import type { InventoryEntry } from '../../operations/installation/installation-object.ts';
import { persist } from '../../operations/persist.ts';
import { done, failed, type Outcome } from '../outcome.ts';
import { carryOutResize, type ClaimResize } from '../plan/claims.ts';
import type { HelmRelease } from '../adopt/helm-marks.ts';
import { giveBack, takeOver } from '../adopt/hand-over.ts';
import { ownerOf } from '../fields/owner.ts';
import { FOREGROUND, howFarEnded, isOfOperation } from '../hooks/hook-object.ts';
import { refusalOf } from '../plan/refusal.ts';
import { findVery } from './find-very.ts';
import { granted, patience, type Until } from './patience.ts';

/** One change of the cluster. Each is safe to do again after a kill. */
export type Step =
  | { type: 'apply'; ref: ResourceRef; object: KubeObject; force: boolean }
  /** A job or pod with a name of its own for this very operation: one that is there already is the one. */
  | { type: 'make-once'; ref: ResourceRef; object: KubeObject }
  /** Deletes the very object of that uid and waits until it is gone, so that the new one can be made. */
  | { type: 'make-way'; ref: ResourceRef; object: KubeObject; uid: string; propagation: 'Orphan' | 'Foreground' }
  /** What Helm owns of the very object of that uid becomes ours; what it is stays. An apply comes after it. */
  | { type: 'take-over'; ref: ResourceRef; object: KubeObject; uid: string }
  /** The object of that uid becomes Helm's again; what it is stays. */
  | { type: 'give-back'; entry: InventoryEntry; release: HelmRelease }
  | { type: 'resize-claim'; resize: ClaimResize }
  | { type: 'remove'; entry: InventoryEntry; propagation: 'Background' | 'Foreground' }
  /**
   * A job or pod that has not ended is deleted; a job whose pods go by themselves only when it is to be removed, since it tells why.
   * It fails while that one is not gone, or its pods are not; awaited, only when they are not by the deadline. With an operation:
   * only one that bears its label.
   */
  | { type: 'end'; entry: InventoryEntry; isAwaited: boolean; isRemoved?: boolean; operation?: string }
  /** A pod that its StatefulSet waits for in vain. */
  | { type: 'remove-pod'; namespace: string; name: string; uid: string }
  /** A pod that does its work, to be replaced by a new one when its disruption budget allows it. */
  | { type: 'evict-pod'; namespace: string; name: string; uid: string };

/** What a step left: the object as the API server has it, or nothing. */
export interface StepResult {
  uid: string | undefined;
  generation: number;
}

export interface StepContext extends Until {
  kube: KubeClient;
  fieldManager: string;
  signal: AbortSignal;
}

/** The API server finds a Role that was just made a moment later. */
const BINDING = { missingRetries: 6 };
const FIRST_LOOK_MS = 50;
const MAX_LOOK_MS = 1_000;
const NOTHING: StepResult = { uid: undefined, generation: 0 };
const POD = WATCHED.Pod.ref;

/** Carries out one step; a refusal by the API server is an answer, what passes by itself is tried again. */
export async function executeStep(step: Step, context: StepContext): Promise<Outcome<StepResult>> {
  try {
    switch (step.type) {
      case 'apply':
        return done(await apply(step, context));
      case 'make-once':
        return await makeOnce(step, context);
      case 'make-way':
        return await makeWay(step, context);
      case 'take-over':
        return await takeOver(step, context);
      case 'give-back':
        return await giveBack(step, context);
      case 'resize-claim':
        await carryOutResize(context.kube, step.resize, context);
        return done(NOTHING);
      case 'remove':
        return done(await remove(step, context));
      case 'end':
        return await end(step, context);
      case 'remove-pod':
        return done(await removePod(step, context));
      case 'evict-pod':
        return done(await evictPod(step, context));
    }
  } catch (error) {
    if (!isKubeError(error)) throw error;
    const { reason, message } = refusalOf(error, whatOf(step));
    return failed(reason, message);
  }
}

function whatOf(step: Step): string {
  switch (step.type) {
    case 'resize-claim':
      return `PersistentVolumeClaim/${step.resize.name}`;
    case 'apply':
    case 'make-once':
    case 'make-way':
    case 'take-over':
      return nameOf(step.object);
    case 'remove':
    case 'end':
    case 'give-back':
      return `${step.entry.kind}/${step.entry.name}`;
    case 'remove-pod':
    case 'evict-pod':
      return `Pod/${step.name}`;
  }
}

async function apply({ object, force }: Extract<Step, { type: 'apply' }>, context: StepContext): Promise<StepResult> {
  const { kube, fieldManager, signal } = context;
  const options = { ...granted(context), ...(object.kind === 'RoleBinding' && BINDING) };
  const applied = await persist(() => kube.apply(object, { fieldManager, force, signal }), signal, options);
  return { uid: applied.metadata.uid, generation: applied.metadata.generation ?? 0 };
}

async function makeOnce(
  { ref, object }: Extract<Step, { type: 'make-once' }>,
  context: StepContext,
): Promise<Outcome<StepResult>> {
  const { kube, signal } = context;
  const { name, namespace, labels } = object.metadata;
  const make = async (): Promise<KubeObject> => {
    try {
      return await kube.create(object, { signal });
    } catch (error) {
      const found = isKubeError(error, 'AlreadyExists') ? await kube.get(ref, namespace, name, { signal }) : undefined;
      if (!found) throw error;
      return found;
    }
  };
  const made = await persist(make, signal, granted(context));
  if (made.metadata.labels?.[OPERATION_LABEL] === labels?.[OPERATION_LABEL])
    return done({ uid: made.metadata.uid, generation: made.metadata.generation ?? 0 });
  return failed('conflict', `${nameOf(object)} is there already and belongs to ${ownerOf(made)}`);
}

/** One of another uid is left alone: an earlier life of this agent, or somebody else, has made it anew already. */
async function makeWay(
  { ref, object, uid, propagation }: Extract<Step, { type: 'make-way' }>,
  context: StepContext,
  waitsUntilMs = context.deadlineMs,
): Promise<Outcome<StepResult>> {
  const { kube, signal, now } = context;
  const { name, namespace } = object.metadata;
  for (let waitMs = FIRST_LOOK_MS; ; waitMs = Math.min(waitMs * 2, MAX_LOOK_MS)) {
    const live = await persist(() => kube.get(ref, namespace, name, { signal }), signal, patience(context));
    if (live?.metadata.uid !== uid) return done(NOTHING);
    if (!isBeingDeleted(live))
      await ignoringConflict(() =>
        persist(() => kube.remove(ref, namespace, name, { uid, propagation, signal }), signal, granted(context)),
      );
    else if (now().getTime() > waitsUntilMs)
      return failed('rollout-deadline', `${nameOf(object)} did not go before the deadline${heldBy(live)}`);
    await delay(waitMs, undefined, { signal });
  }
}

/** What an object that is deleted waits for, and what to do about it. */
function heldBy(object: KubeObject): string {
  const { kind, metadata } = object;
  const { finalizers = [] } = metadata;
  const others = finalizers.filter((finalizer) => finalizer !== FOREGROUND);
  if (others.length > 0) return `; it is held by its finalizers ${others.join(', ')}`;
  return kind === 'Pod' || finalizers.includes(FOREGROUND) ? byPod(object) : '';
}

function byPod({ kind, metadata: { name, namespace } }: KubeObject): string {
  const pods = kind === 'Pod' ? `pod ${name}` : kind === 'Job' ? `pods -l job-name=${name}` : 'pod NAME';
  return `: a pod has not ended. If its node is gone, remove it: kubectl --namespace ${namespace} delete ${pods} --force`;
}

async function end(
  { entry, isAwaited, isRemoved = false, operation }: Extract<Step, { type: 'end' }>,
  context: StepContext,
): Promise<Outcome<StepResult>> {
  const { now, signal, deadlineMs } = context;
  const waitsUntilMs = isAwaited ? deadlineMs : Number.NEGATIVE_INFINITY;
  for (let waitMs = FIRST_LOOK_MS; ; waitMs = Math.min(waitMs * 2, MAX_LOOK_MS)) {
    const found = await unlessHidden(() => findEntry(entry, context));
    if (!found || howFarEnded(found.object) === 'over') return done(NOTHING);
    const { object } = found;
    if (operation !== undefined && !isOfOperation(object, operation)) return done(NOTHING);
    if (isRemoved || howFarEnded(object) === 'none')
      return makeWay({ ...found, type: 'make-way', propagation: 'Foreground' }, context, waitsUntilMs);
    if (now().getTime() > waitsUntilMs)
      return failed('rollout-deadline', `${nameOf(object)} did not end before the deadline${byPod(object)}`);
    await delay(waitMs, undefined, { signal });
  }
}

async function findEntry(
  entry: InventoryEntry,
  context: StepContext,
): Promise<{ ref: ResourceRef; object: KubeObject; uid: string } | undefined> {
  const found = await findVery(context.kube, entry, { ...patience(context), signal: context.signal });
  const uid = found?.object.metadata.uid;
  return found && uid !== undefined ? { ...found, uid } : undefined;
}

async function remove(
  { entry, propagation }: Extract<Step, { type: 'remove' }>,
  context: StepContext,
): Promise<StepResult> {
  const { kube, signal } = context;
  const found = await findEntry(entry, context);
  if (!found) return NOTHING;
  const { ref, uid } = found;
  const { namespace, name } = entry;
  await ignoringConflict(() =>
    persist(() => kube.remove(ref, namespace, name, { uid, propagation, signal }), signal, patience(context)),
  );
  return NOTHING;
}

async function removePod(
  { namespace, name, uid }: Extract<Step, { type: 'remove-pod' }>,
  context: StepContext,
): Promise<StepResult> {
  const { kube, signal } = context;
  await ignoringConflict(() =>
    persist(() => kube.remove(POD, namespace, name, { uid, signal }), signal, patience(context)),
  );
  return NOTHING;
}

async function evictPod(
  { namespace, name, uid }: Extract<Step, { type: 'evict-pod' }>,
  context: StepContext,
): Promise<StepResult> {
  const { kube, signal } = context;
  await ignoringConflict(() => persist(() => kube.evict(namespace, name, { uid, signal }), signal, patience(context)));
  return NOTHING;
}

/** The grant may no longer name its kind: then nobody here can know of it. */
async function unlessHidden<T>(look: () => Promise<T>): Promise<T | undefined> {
  try {
    return await look();
  } catch (error) {
    if (isKubeError(error) && error.status === 403) return undefined;
    throw error;
  }
}

/** A conflict here says that the object of that uid is gone already. */
async function ignoringConflict(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isKubeError(error, 'Conflict')) throw error;
  }
}
