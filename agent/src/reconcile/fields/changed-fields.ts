import { canonicalJson, isRecord, JOB_TTL, type FieldPath } from '@steward/shared';

/** At most this many are named per object. */
export const MAX_FIELDS = 20;

/** Fields the API server keeps for itself: they say nothing about what is wanted. */
const OF_THE_SERVER: ReadonlySet<string> = new Set([
  'status',
  'metadata.managedFields',
  'metadata.resourceVersion',
  'metadata.generation',
  'metadata.creationTimestamp',
  'metadata.uid',
  'metadata.selfLink',
]);
/** No Job of ours has it: one that was applied with it, by Helm or an older agent, loses it at the next apply, unsaid. */
const LEFT_OUT_OF_JOBS = `spec.${JOB_TTL}`;
/** Below these every text may be a secret. */
const PRIVATE = /(^|\.)(data|stringData|binaryData|env|args|command|annotations)(\.|\[|$)/;
const SHOWN_TEXT = /(^|\.)image$/;

/** A field that differs: where it is, and how it is shown to people. */
export interface FieldChange {
  path: FieldPath;
  shown: string;
  /** It would be gone. */
  isUnset: boolean;
}

/** {@link changesBetween}, as shown. */
export function changedFields(before: unknown, after: unknown, isSecret: boolean): string[] {
  return changesBetween(before, after, isSecret).map(({ shown }) => shown);
}

/**
 * What differs between an object as it is and as it would be, as paths; `spec.replicas: 1 → 3` where the value cannot be
 * a secret. Items of a list are told apart by their names where they have some.
 */
export function changesBetween(before: unknown, after: unknown, isSecret: boolean): FieldChange[] {
  const found: FieldChange[] = [];
  const isOfJob = isRecord(before) && before['kind'] === 'Job' && before['apiVersion'] === 'batch/v1';
  walk({ text: '', path: [] }, before, after, ({ text, path }, from, to) => {
    if (isOfJob && text === LEFT_OUT_OF_JOBS) return true;
    const isPrivate = isSecret || PRIVATE.test(text);
    const shown = (isPrivate ? text : withValues(text, from, to)).slice(0, 300);
    found.push({ path, shown, isUnset: to === undefined });
    return found.length < MAX_FIELDS;
  });
  return found;
}

function withValues(path: string, from: unknown, to: unknown): string {
  const [before, after] = [shownValue(path, from), shownValue(path, to)];
  return before === undefined || after === undefined ? path : `${path}: ${before} → ${after}`;
}

function shownValue(path: string, value: unknown): string | undefined {
  if (value === undefined) return 'unset';
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return typeof value === 'string' && SHOWN_TEXT.test(path) ? value : undefined;
}

interface Place {
  text: string;
  path: FieldPath;
}
type Found = (place: Place, from: unknown, to: unknown) => boolean;

/** @returns false when enough was found */
function walk(place: Place, before: unknown, after: unknown, found: Found): boolean {
  const { text, path } = place;
  if (OF_THE_SERVER.has(text) || canonicalJson(before ?? null) === canonicalJson(after ?? null)) return true;
  const [left, right] = [fieldsOf(before), fieldsOf(after)];
  if (!left || !right) return found(place, before, after);
  const isList = Array.isArray(before);
  let isFound = false;
  const inside: Found = (...change) => {
    isFound = true;
    return found(...change);
  };
  for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
    const deeper = isList ? `${text}[${key}]` : text === '' ? key : `${text}.${key}`;
    if (!walk({ text: deeper, path: [...path, key] }, left[key], right[key], inside)) return false;
  }
  // Another order, or one of several of a name: not telling of it would be not applying it.
  return isFound || !isList || found(place, before, after);
}

function fieldsOf(value: unknown): Record<string, unknown> | undefined {
  if (Array.isArray(value))
    return Object.fromEntries(value.map((item: unknown, index) => [itemName(item) ?? String(index), item]));
  return typeof value === 'object' && value !== null ? { ...value } : undefined;
}

/** By which an item of a list is told apart from the others; undefined where it has none. */
export function itemName(item: unknown): string | undefined {
  return isRecord(item) && typeof item['name'] === 'string' ? item['name'] : undefined;
}
