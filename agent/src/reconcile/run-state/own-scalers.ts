import {
  AS_RELEASED,
  canonicalJson,
  containersOf,
  fieldAt,
  INSTALLATION_LABEL,
  ORGANIZATION_LABEL,
  podSpecOf,
  problemOfAutoscale,
  type Autoscale,
  type ReleaseRemedies,
  type RunState,
} from '@steward/shared';
import type { KubeObject } from '../../kube/client.ts';
import { nameOf } from '../../kube/object.ts';
import { done, failed, type Outcome } from '../outcome.ts';
import { autoscalersOf } from './autoscalers.ts';
import { withSizes } from './sizes.ts';

const KIND = 'HorizontalPodAutoscaler';

/** Of the autoscaler that is made for a workload; no chart's name begins so. */
export function ownScalerName({ kind, metadata }: KubeObject): string {
  return `steward-${kind.toLowerCase()}-${metadata.name}`;
}

export function isOwnScaler({ kind, metadata }: KubeObject): boolean {
  return kind === KIND && metadata.name.startsWith('steward-');
}

function isScalable({ apiVersion, kind }: KubeObject): boolean {
  return apiVersion.startsWith('apps/') && (kind === 'Deployment' || kind === 'StatefulSet');
}

/**
 * The set with an autoscaler for each workload that is to have one. What the release does not offer, or scales by an
 * autoscaler of its own, waits.
 */
export function withOwnScalers(
  objects: readonly KubeObject[],
  { autoscale = {} }: RunState,
  offered: ReleaseRemedies,
): KubeObject[] {
  const theirs = autoscalersOf(objects);
  const scalers = objects.filter(isScalable).flatMap((object) => {
    const name = nameOf(object);
    const bounds = autoscale[name];
    if (!bounds || theirs.has(name) || problemOfAutoscale(name, bounds, offered) !== undefined) return [];
    return [scalerOf(object, bounds)];
  });
  return [...objects, ...scalers];
}

function scalerOf(workload: KubeObject, { minimum, maximum, cpuPercent }: Autoscale): KubeObject {
  const { apiVersion, kind, metadata } = workload;
  const { namespace, labels = {} } = metadata;
  const marks = Object.entries(labels).filter(([key]) => key === INSTALLATION_LABEL || key === ORGANIZATION_LABEL);
  const target = { type: 'Utilization', averageUtilization: cpuPercent };
  return {
    apiVersion: 'autoscaling/v2',
    kind: KIND,
    metadata: {
      name: ownScalerName(workload),
      ...(namespace !== undefined && { namespace }),
      labels: Object.fromEntries(marks),
    },
    spec: {
      scaleTargetRef: { apiVersion, kind, name: metadata.name },
      minReplicas: minimum,
      maxReplicas: maximum,
      metrics: [{ type: 'Resource', resource: { name: 'cpu', target } }],
    },
  };
}

/** Every autoscaler that may have been made for a set, for when nobody knows any more which were. */
export function possibleScalers(objects: readonly KubeObject[], offered: ReleaseRemedies): KubeObject[] {
  const all = (offered.autoscale ?? []).map(
    ({ kind, name, minimum, maximum }) => [`${kind}/${name}`, { minimum, maximum, cpuPercent: 100 }] as const,
  );
  const runState = { ...AS_RELEASED, autoscale: Object.fromEntries(all) };
  return withOwnScalers(objects, runState, offered).filter(isOwnScaler);
}

/** Workloads, as `Deployment/web`, that our autoscaler scaled and no longer does: their count is what the set says again. */
export function givenBack(
  objects: readonly KubeObject[],
  inventory: readonly { kind: string; name: string }[],
): Set<string> {
  const namesOf = (all: readonly { kind: string; name: string }[]): Set<string> =>
    new Set(all.filter(({ kind }) => kind === KIND).map(({ name }) => name));
  const had = namesOf(inventory);
  const has = namesOf(objects.map(({ kind, metadata }) => ({ kind, name: metadata.name })));
  const back = objects.filter(isScalable).filter((object) => {
    const name = ownScalerName(object);
    return had.has(name) && !has.has(name);
  });
  return new Set(back.map(nameOf));
}

/**
 * Whether workloads can be scaled by load as is asked now.
 * @returns what was asked for earlier and waits, in sentences
 */
export function checkAutoscale(
  objects: readonly KubeObject[],
  { wanted, present }: { wanted: RunState; present: RunState },
  offered: ReleaseRemedies,
): Outcome<string[]> {
  const waiting: string[] = [];
  const theirs = autoscalersOf(objects);
  for (const [name, bounds] of Object.entries(wanted.autoscale ?? {})) {
    const found = objects.find((one) => isScalable(one) && nameOf(one) === name);
    const workload = found && withSizes(found, wanted, offered);
    const scaler = theirs.get(name);
    const isAsked = canonicalJson(present.autoscale?.[name]) !== canonicalJson(bounds);
    const refused = !workload
      ? failed('unknown-workload', `there is no ${name} in this release`)
      : scaler
        ? failed('autoscaled', `${name} is scaled by ${scaler.kind}/${scaler.name} of the release`)
        : refusedBy(problemOfAutoscale(name, bounds, offered) ?? (isAsked ? unmeasured(workload) : undefined));
    if (!refused) continue;
    if (isAsked) return refused;
    waiting.push(`The autoscaler of ${name} waits: ${refused.failure.message}`);
  }
  return done(waiting);
}

function refusedBy(problem: string | undefined): Refusal | undefined {
  return problem === undefined ? undefined : failed('not-offered', problem);
}
type Refusal = ReturnType<typeof failed>;

/** Load is measured against what each container requests; a limit alone counts as its request. */
function unmeasured(workload: KubeObject): string | undefined {
  const containers = containersOf({ containers: podSpecOf(workload)?.['containers'] });
  const without = containers.find((container) =>
    ['requests', 'limits'].every((part) => fieldAt(container, ['resources', part, 'cpu']) === undefined),
  );
  if (!without) return undefined;
  const name = `${nameOf(workload)}/${String(without['name'])}`;
  return `${name} requests no CPU, so its load cannot be measured: give it a CPU request first (steward resize)`;
}
