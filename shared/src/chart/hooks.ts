import type { RenderedObject } from './pod-specs.ts';

/** When a chart's hook runs: Helm's names. */
export const HOOK_EVENTS = [
  'pre-install',
  'post-install',
  'pre-upgrade',
  'post-upgrade',
  'pre-rollback',
  'post-rollback',
  'pre-delete',
  'post-delete',
] as const;
export type HookEvent = (typeof HOOK_EVENTS)[number];

/** When what a hook made is removed again. */
export const HOOK_DELETE_POLICIES = ['before-hook-creation', 'hook-succeeded', 'hook-failed'] as const;
export type HookDeletePolicy = (typeof HOOK_DELETE_POLICIES)[number];

/** The annotations that make an object a hook, and say how it is treated. */
export const HOOK_ANNOTATION = 'helm.sh/hook';
const WEIGHT_ANNOTATION = 'helm.sh/hook-weight';
const DELETE_ANNOTATION = 'helm.sh/hook-delete-policy';

/** An object that is made, and waited for where it comes to an end, at certain moments; never part of what stays applied. */
export interface ChartHook {
  object: RenderedObject;
  events: HookEvent[];
  /** Lower ones first. */
  weight: number;
  deletePolicies: HookDeletePolicy[];
}

/** Which hooks an object is, if any: `pre-install`, `post-upgrade`. */
export function hooksOf({ metadata }: RenderedObject): string[] {
  return wordsOf(metadata.annotations?.[HOOK_ANNOTATION]);
}

/** When all its hooks are tests. */
export function isTestHook(object: RenderedObject): boolean {
  const hooks = hooksOf(object);
  return hooks.length > 0 && hooks.every(isTestEvent);
}

/**
 * An object as the hook it is; undefined for one that is none. Tests among its events are left out.
 * @returns a sentence about what is wrong when its annotations say something that nobody would carry out
 */
export function chartHookOf(object: RenderedObject): ChartHook | string | undefined {
  const named = hooksOf(object).filter((hook) => !isTestEvent(hook));
  if (named.length === 0) return undefined;
  const events = HOOK_EVENTS.filter((event) => named.includes(event));
  const unknown = named.find((name) => !isOneOf(HOOK_EVENTS, name));
  if (unknown !== undefined) return `"${unknown.slice(0, 60)}" is no hook; there are ${HOOK_EVENTS.join(', ')}`;
  const annotations = object.metadata.annotations ?? {};
  const policies = wordsOf(annotations[DELETE_ANNOTATION]);
  const wrong = policies.find((name) => !isOneOf(HOOK_DELETE_POLICIES, name));
  if (wrong !== undefined)
    return `"${wrong.slice(0, 60)}" is no hook-delete-policy; there are ${HOOK_DELETE_POLICIES.join(', ')}`;
  const weight = Number(annotations[WEIGHT_ANNOTATION] ?? 0);
  if (!Number.isSafeInteger(weight)) return 'its hook-weight is not a whole number';
  return { object, events, weight, deletePolicies: HOOK_DELETE_POLICIES.filter((policy) => policies.includes(policy)) };
}

/** Hooks run until they come to an end; other objects that are hooks are only made. */
export function comesToAnEnd({ kind }: { kind: string }): boolean {
  return kind === 'Job' || kind === 'Pod';
}

/** In the spec of a Job, and left out of what is applied: that it is there and has ended is what shows that it ran. */
export const JOB_TTL = 'ttlSecondsAfterFinished';

function isTestEvent(hook: string): boolean {
  return hook.startsWith('test');
}

function wordsOf(annotation: string | undefined): string[] {
  return (annotation ?? '').split(',').flatMap((word) => word.trim() || []);
}

function isOneOf(known: readonly string[], name: string): boolean {
  return known.includes(name);
}
