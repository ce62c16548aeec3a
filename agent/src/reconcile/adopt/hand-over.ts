import { HOOK_LABEL, OPERATION_LABEL, PAUSED_ANNOTATION } from '@steward/shared';
import { STOPPED_ANNOTATION } from '../../collect/objects/workload.ts';
import type { KubeObject, MergePatch, ResourceRef } from '../../kube/client.ts';
import { isKubeError } from '../../kube/error.ts';
import { nameOf } from '../../kube/object.ts';
import { persist } from '../../operations/persist.ts';
import { findVery } from '../execute/find-very.ts';
import { granted, patience } from '../execute/patience.ts';
import type { Step, StepContext, StepResult } from '../execute/steps.ts';
import { done, failed, type Outcome } from '../outcome.ts';
import { HELM_MANAGER, helmMarks, STEWARD_LABELS, type HelmRelease } from './helm-marks.ts';
import { givenBack, takenOver } from '../fields/managed-fields.ts';

/** Controllers write the status of what they look after all the time. */
const MAX_CONFLICTS = 20;
const NOTHING: StepResult = { uid: undefined, generation: 0 };
const ALSO_OURS = [HOOK_LABEL, OPERATION_LABEL, PAUSED_ANNOTATION, STOPPED_ANNOTATION];

/** Writes only whose fields they are. Done already when Helm owns nothing. */
export async function takeOver(
  { ref, object, uid }: Extract<Step, { type: 'take-over' }>,
  context: StepContext,
): Promise<Outcome<StepResult>> {
  const { name, namespace } = object.metadata;
  const place = { ref, namespace, name };
  const isThere = await rewrite(place, context, (live) => {
    if (live.metadata.uid !== uid) return 'gone';
    const managedFields = takenOver(live, context.fieldManager);
    return managedFields && { metadata: { managedFields } };
  });
  if (isThere) return done(NOTHING);
  return failed('conflict', `${nameOf(object)} was deleted or made anew by somebody while it was taken over`);
}

/** Its labels go, Helm's marks come, and our fields are Helm's. What is gone meanwhile, or somebody else's, is left alone. */
export async function giveBack(
  { entry, release }: Extract<Step, { type: 'give-back' }>,
  context: StepContext,
): Promise<Outcome<StepResult>> {
  const { kube, fieldManager, signal } = context;
  const { namespace, name, hook } = entry;
  const found = await findVery(kube, entry, { ...patience(context), signal });
  if (!found) return done(NOTHING);
  const { ref, object } = found;
  const { uid } = object.metadata;
  await rewrite({ ref, namespace, name, found: object }, context, (live) => {
    if (live.metadata.uid !== uid) return 'gone';
    return patchToGiveBack(live, { fieldManager, release: hook === undefined ? release : undefined });
  });
  return done(NOTHING);
}

/** Undefined when nothing of it is Steward's any more. What a hook made was never of a Helm release: it gets no marks. */
export function patchToGiveBack(
  live: KubeObject,
  { fieldManager, release }: { fieldManager: string; release: HelmRelease | undefined },
): MergePatch | undefined {
  const { labels = {}, annotations = {} } = live.metadata;
  const managedFields = givenBack(live, fieldManager);
  const ours = [...STEWARD_LABELS, ...ALSO_OURS];
  const unlabelled = ours.filter((key) => labels[key] !== undefined).map((key) => [key, null] as const);
  const unmarked = ours.filter((key) => annotations[key] !== undefined).map((key) => [key, null] as const);
  if (!managedFields && unlabelled.length === 0 && unmarked.length === 0) return undefined;
  const marks = release ? helmMarks(release) : {};
  return {
    metadata: {
      labels: { ...Object.fromEntries(unlabelled), ...marks.labels },
      annotations: { ...Object.fromEntries(unmarked), ...marks.annotations },
      ...(managedFields && { managedFields }),
    },
  };
}

interface Place {
  ref: ResourceRef;
  namespace: string | undefined;
  name: string;
  /** What was just read of it. */
  found?: KubeObject;
}

/** Over the very object that was read. @returns false when it is gone */
async function rewrite(
  { ref, namespace, name, found }: Place,
  context: StepContext,
  patchOf: (live: KubeObject) => MergePatch | 'gone' | undefined,
): Promise<boolean> {
  const { kube, signal } = context;
  for (let conflicts = 0; ; conflicts += 1) {
    const read = (): Promise<KubeObject | undefined> =>
      persist(() => kube.get(ref, namespace, name, { signal }), signal, patience(context));
    const live = conflicts === 0 && found ? found : await read();
    const patch = live ? patchOf(live) : 'gone';
    if (patch === 'gone' || !live) return false;
    if (patch === undefined) return true;
    const bound = { metadata: { ...(patch['metadata'] as object), resourceVersion: live.metadata.resourceVersion } };
    try {
      await persist(
        () => kube.mergePatch(ref, namespace, name, bound, { fieldManager: HELM_MANAGER, signal }),
        signal,
        granted(context),
      );
      return true;
    } catch (error) {
      if (!isKubeError(error, 'Conflict') || conflicts === MAX_CONFLICTS) throw error;
    }
  }
}
