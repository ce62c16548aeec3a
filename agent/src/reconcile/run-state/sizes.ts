import {
  amountOf,
  canonicalJson,
  containersOf,
  isRecord,
  podSpecOf,
  problemOfSize,
  sizeFieldText,
  type ContainerSize,
  type ReleaseRemedies,
  type RunState,
  type SizeField,
} from '@steward/shared';
import type { KubeObject } from '../../kube/client.ts';
import { nameOf } from '../../kube/object.ts';
import { done, failed, type Outcome } from '../outcome.ts';

type Fields = Record<string, unknown>;

const PLACES: Readonly<Record<SizeField, readonly ['requests' | 'limits', 'cpu' | 'memory']>> = {
  cpuRequest: ['requests', 'cpu'],
  cpuLimit: ['limits', 'cpu'],
  memoryRequest: ['requests', 'memory'],
  memoryLimit: ['limits', 'memory'],
};

/** A workload with its containers as large as they were made. A size that this release has no place for waits. */
export function withSizes(object: KubeObject, { resources = {} }: RunState, offered: ReleaseRemedies): KubeObject {
  const prefix = `${nameOf(object)}/`;
  if (!Object.keys(resources).some((name) => name.startsWith(prefix))) return object;
  const copy = structuredClone(object);
  for (const container of containersOf(podSpecOf(copy) ?? {})) {
    const name = `${prefix}${String(container['name'])}`;
    const size = resources[name];
    if (!size || problemOf(name, size, container, offered) !== undefined) continue;
    container['resources'] = resized(container, size);
  }
  return copy;
}

/**
 * Whether containers can be made as large as is asked now.
 * @returns what was asked for earlier and waits, in sentences
 */
export function checkSizes(
  objects: readonly KubeObject[],
  { wanted, present }: { wanted: RunState; present: RunState },
  offered: ReleaseRemedies,
): Outcome<string[]> {
  const waiting: string[] = [];
  for (const [name, size] of Object.entries(wanted.resources ?? {})) {
    const isAsked = canonicalJson(size) !== canonicalJson(present.resources?.[name]);
    const container = containerIn(objects, name);
    const problem = container && problemOf(name, size, container, offered);
    if (isAsked && !container) return failed('unknown-workload', `there is no container ${name} in this release`);
    if (isAsked && problem !== undefined) return failed('not-offered', problem);
    if (!container) waiting.push(`${name} is not in this release: its size waits`);
    if (problem !== undefined) waiting.push(`The size of ${name} waits: ${problem}`);
  }
  return done(waiting);
}

function containerIn(objects: readonly KubeObject[], name: string): Fields | undefined {
  const [kind, workload, wanted] = name.split('/');
  const object = objects.find(
    (one) => one.apiVersion.startsWith('apps/') && one.kind === kind && one.metadata.name === workload,
  );
  return containersOf((object && podSpecOf(object)) ?? {}).find((container) => container['name'] === wanted);
}

function resized(container: Fields, size: ContainerSize): Fields {
  const before = fieldsIn(container, 'resources');
  const after: Fields = { ...before };
  for (const [field, amount] of Object.entries(size) as [SizeField, string][]) {
    const [part, what] = PLACES[field];
    after[part] = { ...fieldsIn(after, part), [what]: amount };
  }
  return after;
}

/** Also what Kubernetes would refuse, which says so of the whole object and not what to do. */
function problemOf(name: string, size: ContainerSize, container: Fields, offered: ReleaseRemedies): string | undefined {
  const problem = problemOfSize(name, size, offered);
  if (problem !== undefined) return problem;
  const after = resized(container, size);
  for (const [request, limit] of PAIRS) {
    const what = PLACES[request][1];
    const [least, most] = [fieldsIn(after, 'requests')[what], fieldsIn(after, 'limits')[what]];
    if ((amountOf(least) ?? 0) <= (amountOf(most) ?? Infinity)) continue;
    return `the ${sizeFieldText(request)} of ${name} would be ${String(least)}, above its ${sizeFieldText(limit)} of ${String(most)}: change both`;
  }
  return undefined;
}

const PAIRS = [
  ['cpuRequest', 'cpuLimit'],
  ['memoryRequest', 'memoryLimit'],
] as const;

function fieldsIn(value: Fields, key: string): Fields {
  const inner = value[key];
  return isRecord(inner) ? inner : {};
}
