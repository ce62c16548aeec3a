import type { KubeClient, KubeObject, ResourceRef } from '../../kube/client.ts';
import { persist } from '../../operations/persist.ts';
import { changesBetween, type FieldChange } from '../fields/changed-fields.ts';
import { withoutMarks } from './helm-marks.ts';
import { helmFieldsOf, takenOver } from '../fields/managed-fields.ts';
import { mergePatchOf } from '../../operations/merge-patch.ts';
import { pruned } from '../fields/pruned.ts';

/** An object as Helm left it, as if its fields were ours already: by that is found out what is applied over it. */
export function asTakenOver(live: KubeObject, fieldManager: string): KubeObject {
  const managedFields = takenOver(live, fieldManager);
  return managedFields ? { ...live, metadata: { ...live.metadata, managedFields } } : live;
}

export interface TakeOverQuestion {
  kube: KubeClient;
  fieldManager: string;
  ref: ResourceRef;
  live: KubeObject;
  /** What is applied, and what a dry run of that answered. */
  object: KubeObject;
  after: KubeObject;
  signal: AbortSignal;
}

/**
 * What taking an object over would change of it, but for whose it is. Taking over makes Helm's fields ours, and the apply
 * then removes those that the set does not have. No dry run of one request shows that: a second one does, of a patch that
 * takes them out, with the defaults that the API server fills in instead.
 */
export async function differencesOf(question: TakeOverQuestion): Promise<FieldChange[]> {
  const { kube, fieldManager, ref, live, object, after, signal } = question;
  const owned = helmFieldsOf(live);
  const patch = owned && mergePatchOf(contentOf(live), contentOf(pruned(after, object, owned)));
  const { name, namespace } = live.metadata;
  const options = { fieldManager, dryRun: true, signal };
  const end = patch ? await persist(() => kube.mergePatch(ref, namespace, name, patch, options), signal) : after;
  return changesBetween(withoutMarks(live), withoutMarks(end), ref.kind === 'Secret');
}

/** Without what the API server keeps for itself. */
function contentOf(object: KubeObject): Record<string, unknown> {
  const { metadata, status: _, ...content } = object;
  const { labels, annotations, ownerReferences, finalizers } = metadata;
  const kept = Object.entries({ labels, annotations, ownerReferences, finalizers });
  return { ...content, metadata: Object.fromEntries(kept.filter(([, value]) => value !== undefined)) };
}
