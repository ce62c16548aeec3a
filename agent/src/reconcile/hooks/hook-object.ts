import {
  comesToAnEnd,
  HOOK_LABEL,
  JOB_TTL,
  OPERATION_LABEL,
  sha256,
  type ChartHook,
  type HookEvent,
} from '@steward/shared';
import { jobView, type JobView } from '../../collect/objects/job.ts';
import { podView } from '../../collect/objects/pod.ts';
import type { KubeObject } from '../../kube/client.ts';
import { nameOf } from '../../kube/object.ts';

/** Length of names and label values that Kubernetes takes for jobs and their pods. */
const MAX_NAME = 63;
const MARK_LENGTH = 8;
const MARK = /^-[0-9a-f]+$/;

/** Kubernetes' own finalizer, until what belongs to the object is gone. */
export const FOREGROUND = 'foregroundDeletion';
/** Phases of Pods. */
const ENDED: ReadonlySet<string> = new Set(['Succeeded', 'Failed']);

/** `Job/shop-migrate`: the hook as the chart names it. */
export function hookName({ object }: ChartHook): string {
  return nameOf(object);
}

/** What runs at a moment, in Helm's order: by weight, then by name. Nothing where there is no such moment. */
export function hooksAt(hooks: readonly ChartHook[], event: HookEvent | undefined): ChartHook[] {
  return hooks
    .filter(({ events }) => event !== undefined && events.includes(event))
    .sort((a, b) => a.weight - b.weight || orderOf(a) - orderOf(b) || (hookName(a) < hookName(b) ? -1 : 1));
}

/** At the same weight, what others use comes before them. */
function orderOf({ object }: ChartHook): number {
  return comesToAnEnd(object) ? 1 : 0;
}

/**
 * The object that a hook makes for one operation. What does its work once has a name of its own for each operation and
 * moment, and for the way back, since the moments of a rollback are the same there: one that is there already is known to be
 * the very one. It is not removed by the cluster before the agent has seen how it ended. Everything else keeps the name by
 * which others use it.
 * @param begunAs the name that is written down of it, where it was begun already: an older agent may have made that otherwise
 */
export function hookObject(
  hook: ChartHook,
  event: HookEvent,
  operationId: string,
  { begunAs, isWayBack = false }: { begunAs?: string | undefined; isWayBack?: boolean } = {},
): KubeObject {
  const object = structuredClone(hook.object) as KubeObject;
  const labels = { [HOOK_LABEL]: asLabel(object.metadata.name) };
  if (!comesToAnEnd(object)) return withLabels(object, labels);
  object.metadata.name = begunAs ?? nameFor(hook, `${operationId} ${isWayBack ? 'way back ' : ''}${event}`);
  if (object.kind === 'Job') asOneOf(object, labels);
  return withLabels(object, { ...labels, [OPERATION_LABEL]: operationId });
}

/** Also of two hooks of one run whose long names begin alike. */
function nameFor(hook: ChartHook, run: string): string {
  const mark = sha256(`${run} ${hookName(hook)}`)
    .slice('sha256:'.length)
    .slice(0, MARK_LENGTH);
  return `${stemOf(hook.object.metadata.name)}-${mark}`;
}

function stemOf(name: string): string {
  return name.slice(0, MAX_NAME - MARK_LENGTH - 1).replace(/[^a-z0-9]+$/, '');
}

/**
 * `Job/shop-migrate`: the hook, as the chart names it, that an agent has made this Job or Pod for; a name above the length of labels is cut.
 * Undefined of all else, also of a copy that somebody has made of one with its labels: its name is not made so.
 */
export function hookInChart({ kind, metadata: { name, labels } }: KubeObject): string | undefined {
  const hook = labels?.[HOOK_LABEL];
  if (hook === undefined || labels?.[OPERATION_LABEL] === undefined) return undefined;
  const stem = name.slice(0, -MARK_LENGTH - 1);
  const isSoMade = stem === stemOf(hook) && MARK.test(name.slice(stem.length));
  return isSoMade ? `${kind}/${hook}` : undefined;
}

/** Of a Job or Pod of a hook. */
export function isOfOperation({ metadata: { labels } }: KubeObject, operationId: string): boolean {
  return labels?.[OPERATION_LABEL] === operationId;
}

/** How far a Job or Pod has come to its end. A Job that is deleted with its pods says that it failed while they still end. */
export function howFarEnded(live: KubeObject): JobView['end'] {
  if (live.metadata.finalizers?.includes(FOREGROUND)) return 'none';
  if (live.kind === 'Job') return jobView(live)?.end ?? 'none';
  return ENDED.has(podView(live)?.phase ?? '') ? 'over' : 'none';
}

function asOneOf(job: KubeObject, labels: Record<string, string>): void {
  const spec = recordIn(job, 'spec');
  delete spec[JOB_TTL];
  const metadata = recordIn(recordIn(spec, 'template'), 'metadata');
  metadata['labels'] = { ...recordIn(metadata, 'labels'), ...labels };
}

function recordIn(holder: Record<string, unknown>, key: string): Record<string, unknown> {
  const found = holder[key];
  if (typeof found === 'object' && found !== null && !Array.isArray(found)) return found as Record<string, unknown>;
  const made: Record<string, unknown> = {};
  holder[key] = made;
  return made;
}

function withLabels(object: KubeObject, labels: Record<string, string>): KubeObject {
  return { ...object, metadata: { ...object.metadata, labels: { ...object.metadata.labels, ...labels } } };
}

function asLabel(name: string): string {
  return name.slice(0, MAX_NAME).replace(/[^A-Za-z0-9]+$/, '');
}
