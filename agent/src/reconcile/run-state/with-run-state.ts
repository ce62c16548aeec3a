import { AS_RELEASED, JOB_TTL, problemOfScale, type ReleaseRemedies, type RunState } from '@steward/shared';
import { isWorkloadKind, STOPPED_ANNOTATION } from '../../collect/objects/workload.ts';
import type { KubeObject } from '../../kube/client.ts';
import { nameOf } from '../../kube/object.ts';
import { AS_SIGNED } from '../../operations/installation/image-source.ts';
import type { HistoryEntry } from '../../operations/installation/installation-object.ts';
import { withImageSource } from '../images/with-image-source.ts';
import { withFoundImages } from '../adopt/found-images.ts';
import type { ReleaseSet } from '../render/release-set.ts';
import { autoscalersOf, isScaledObject } from './autoscalers.ts';
import { ownScalerName, withOwnScalers } from './own-scalers.ts';
import { withSizes } from './sizes.ts';

/** In every pod template: another value replaces every pod once, by the workload's own way of rolling out. */
export const RESTART_ANNOTATION = 'steward.dev/restart';
/** A DaemonSet has no count: it is stopped by asking for a node that nobody has. */
const NOWHERE = { 'steward.dev/stopped': 'true' };

/** Unlike a HorizontalPodAutoscaler, KEDA begins again from 0 by itself. */
const KEDA_PAUSED = { 'autoscaling.keda.sh/paused-replicas': '0' };

/**
 * The objects of a release as they are to run. What is stored stays as it was rendered: this is applied each time a set
 * is turned into what is applied, so that no upgrade, repair or way back forgets it. An autoscaler keeps what it scales.
 * @param offered by the release of the set: what it does not offer is left out
 */
export function withRunState(
  objects: readonly KubeObject[],
  runState: RunState,
  offered: ReleaseRemedies = {},
): KubeObject[] {
  const all = withOwnScalers(objects, runState, offered);
  const autoscalers = autoscalersOf(all);
  return all.map((object) => {
    const name = nameOf(object);
    if (isOf(object, 'batch', 'CronJob')) return runState.stopped ? suspended(object) : object;
    if (isScaledObject(object)) return runState.stopped ? annotated(object, KEDA_PAUSED) : object;
    if (!isOf(object, 'apps') || !isWorkloadKind(object.kind)) return object;
    const sized = withSizes(object, runState, offered);
    const restarted = runState.restartToken === undefined ? sized : withRestart(sized, runState.restartToken);
    if (runState.stopped) return stopped(restarted);
    const scaler = autoscalers.get(name);
    // With ours it begins with as few as it may have; the count of what runs is the autoscaler's.
    const first = scaler?.name === ownScalerName(object) ? scaler.minReplicas : undefined;
    const replicas = scaler ? first : allowedCount(name, runState, offered);
    return replicas === undefined ? restarted : withSpec(restarted, { replicas });
  });
}

/** What was asked for under another release may lie outside of what this one allows, and waits. */
function allowedCount(name: string, { replicas }: RunState, offered: ReleaseRemedies): number | undefined {
  const count = replicas[name];
  return count === undefined || problemOfScale(name, count, offered) !== undefined ? undefined : count;
}

/**
 * A stored set as it is to run, or ran: in that way, with Jobs that stay, and with its images from there; or, what was adopted,
 * with its images named as they were found.
 */
export function setAsItRuns(
  set: ReleaseSet,
  {
    runState = AS_RELEASED,
    images = AS_SIGNED,
    isAsFound = false,
  }: Pick<HistoryEntry, 'runState' | 'images' | 'isAsFound'>,
): ReleaseSet {
  const objects = set.objects.map((object) => staying(withImageSource(object, images)));
  const named = isAsFound ? withFoundImages(objects, set.meta.found ?? []) : objects;
  return {
    ...set,
    objects: withRunState(named, runState, set.meta.remedies),
    hooks: set.hooks.map((hook) => ({ ...hook, object: withImageSource(hook.object, images) })),
  };
}

/** A Job that the cluster tidies away is one that has not run, for all that anybody can see: it would be waited for, or run again. */
function staying(object: KubeObject): KubeObject {
  if (!isOf(object, 'batch', 'Job')) return object;
  const { [JOB_TTL]: _, ...spec } = fieldsOf(object['spec']);
  return { ...object, spec };
}

/** Of that API group, and of that kind where one is given. */
export function isOf({ apiVersion, kind }: KubeObject, group: string, wanted = kind): boolean {
  return apiVersion.startsWith(`${group}/`) && kind === wanted;
}

type Fields = Record<string, unknown>;

export function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function withSpec(object: KubeObject, change: Fields): KubeObject {
  return { ...object, spec: { ...fieldsOf(object['spec']), ...change } };
}

function suspended(object: KubeObject): KubeObject {
  return marked(withSpec(object, { suspend: true }));
}

function stopped(object: KubeObject): KubeObject {
  if (object.kind !== 'DaemonSet') return marked(withSpec(object, { replicas: 0 }));
  return marked(
    withTemplate(object, (template) => {
      const podSpec = fieldsOf(template['spec']);
      return { ...template, spec: { ...podSpec, nodeSelector: { ...fieldsOf(podSpec['nodeSelector']), ...NOWHERE } } };
    }),
  );
}

function marked(object: KubeObject): KubeObject {
  return annotated(object, { [STOPPED_ANNOTATION]: 'true' });
}

function annotated(object: KubeObject, added: Record<string, string>): KubeObject {
  const annotations = { ...object.metadata.annotations, ...added };
  return { ...object, metadata: { ...object.metadata, annotations } };
}

function withRestart(object: KubeObject, token: string): KubeObject {
  return withTemplate(object, (template) => {
    const metadata = fieldsOf(template['metadata']);
    const annotations = { ...fieldsOf(metadata['annotations']), [RESTART_ANNOTATION]: token };
    return { ...template, metadata: { ...metadata, annotations } };
  });
}

function withTemplate(object: KubeObject, change: (template: Fields) => Fields): KubeObject {
  return withSpec(object, { template: change(fieldsOf(fieldsOf(object['spec'])['template'])) });
}
