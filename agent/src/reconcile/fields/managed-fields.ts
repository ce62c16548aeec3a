import { HOOK_LABEL, OPERATION_LABEL, isRecord } from '@steward/shared';
import { STOPPED_ANNOTATION } from '../../collect/objects/workload.ts';
import type { KubeObject } from '../../kube/client.ts';
import { fieldManagersOf, isApplyOf, type Managed, type OwnedFields } from './field-owners.ts';
import { RESTART_ANNOTATION } from '../run-state/with-run-state.ts';
import { HELM_MANAGER, HELM_NAME, HELM_NAMESPACE, MANAGED_BY, STEWARD_LABELS } from '../adopt/helm-marks.ts';

/** What Helm owns of an object, by whichever way it wrote it. Undefined when nothing. */
export function helmFieldsOf(object: KubeObject): OwnedFields | undefined {
  return unionOf(fieldManagersOf(object).filter(isHelms));
}

/**
 * `managedFields` in which what Helm owned is ours, as kubectl does when it goes over to server-side apply: only what is
 * owned can be taken out by a later apply. Helm's own marks are nobody's then, and stay: a workload whose annotations change
 * gets another generation. Undefined when Helm owns nothing of it.
 */
export function takenOver(object: KubeObject, fieldManager: string): Managed[] | undefined {
  return moved(object, isHelms, { manager: fieldManager, without: HELMS_MARKS });
}

const HELMS_MARKS = [
  ...[HELM_NAME, HELM_NAMESPACE].map((mark) => ['f:metadata', 'f:annotations', `f:${mark}`]),
  ['f:metadata', 'f:labels', `f:${MANAGED_BY}`],
];

/**
 * `managedFields` in which what is ours is Helm's again. What Helm does not know of and would take out with a restart of every
 * pod, the mark of a restart in the pod template, is nobody's then, and stays.
 */
export function givenBack(object: KubeObject, fieldManager: string): Managed[] | undefined {
  return moved(object, isApplyOf(fieldManager), { manager: HELM_MANAGER, without: LEFT_BEHIND });
}

const LEFT_BEHIND: readonly (readonly string[])[] = [
  ['f:spec', 'f:template', 'f:metadata', 'f:annotations', `f:${RESTART_ANNOTATION}`],
  ['f:metadata', 'f:annotations', `f:${STOPPED_ANNOTATION}`],
  ...[...STEWARD_LABELS, HOOK_LABEL, OPERATION_LABEL].map((label) => ['f:metadata', 'f:labels', `f:${label}`]),
];

function moved(
  object: KubeObject,
  isFrom: (entry: Managed) => boolean,
  { manager, without }: { manager: string; without: readonly (readonly string[])[] },
): Managed[] | undefined {
  const all = fieldManagersOf(object);
  const from = all.filter(isFrom);
  if (from.length === 0) return undefined;
  const isTarget = isApplyOf(manager);
  const rest = all.filter((entry) => !isFrom(entry) && !isTarget(entry));
  const [latest = {}] = from.toSorted((a, b) => ((a.time ?? '') < (b.time ?? '') ? 1 : -1));
  const fieldsV1 = structuredClone({ ...unionOf([...all.filter(isTarget), ...from]) });
  for (const path of without) forget(fieldsV1, path);
  const { apiVersion, time } = latest;
  const entry: Managed = {
    manager,
    operation: 'Apply',
    ...(apiVersion !== undefined && { apiVersion }),
    ...(time !== undefined && { time }),
    fieldsType: 'FieldsV1',
    fieldsV1,
  };
  return [...rest, entry];
}

function isHelms({ manager, subresource }: Managed): boolean {
  return manager === HELM_MANAGER && subresource === undefined;
}

function unionOf(entries: readonly Managed[]): OwnedFields | undefined {
  const owned = entries.flatMap(({ fieldsV1 }): OwnedFields[] => (fieldsV1 ? [fieldsV1] : []));
  return owned.length === 0 ? undefined : owned.reduce(union);
}

function union(left: OwnedFields, right: OwnedFields): OwnedFields {
  const entries = Object.entries(right).map(([key, value]) => {
    const other = left[key];
    return [key, isRecord(other) && isRecord(value) ? union(other, value) : value] as const;
  });
  return { ...left, ...Object.fromEntries(entries) };
}

function forget(fields: Record<string, unknown>, [key, ...rest]: readonly string[]): void {
  if (key === undefined) return;
  const inner = fields[key];
  if (rest.length === 0) delete fields[key];
  else if (isRecord(inner)) forget(inner, rest);
}
