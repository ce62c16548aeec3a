import { withKeptFields, type ChartHook, type KeptField, type Release } from '@steward/shared';
import { checkHooks, checkSet } from '../../checks/check-set.ts';
import { failed, type Outcome } from '../../outcome.ts';
import { checkParameters } from './check-parameters.ts';
import { parseManifests } from './parse-manifests.ts';
import { packSet, type PackedSet, type SetMeta } from '../release-set.ts';

export interface ParametersQuestion {
  /** Of the signed release. */
  schema: Record<string, unknown>;
  parameters: Record<string, unknown>;
}

export interface ManifestsQuestion {
  /** What `helm template` printed. */
  printed: Uint8Array;
  /** Made at an earlier render, and to stay. */
  kept: readonly KeptField[];
  meta: SetMeta;
  release: Pick<Release, 'images' | 'permissions' | 'exceptions'>;
  organization: string;
  installation: string;
  releaseName: string;
  namespace: string;
}

export function checkedParameters({ schema, parameters }: ParametersQuestion): Outcome<void> {
  return checkParameters(schema, parameters);
}

/** Reads, checks, pins and packs the objects of a generation. */
export function packedSet({ printed, kept, meta, ...bounds }: ManifestsQuestion): Outcome<PackedSet> {
  const parsed = parseManifests(Buffer.from(printed).toString('utf8'));
  if (!parsed.ok) return parsed;
  const objects = withKeptFields(parsed.value.objects, kept);
  const hooks = parsed.value.hooks.map((hook) => withKept(hook, kept));
  const checked = checkSet(objects, bounds, hooks);
  if (!checked.ok) return checked;
  const checkedHooks = checkHooks(hooks, bounds, objects);
  if (!checkedHooks.ok) return checkedHooks;
  const packed = packSet({ meta, objects: checked.value, hooks: checkedHooks.value });
  return packed ? { ok: true, value: packed } : failed('too-large', 'the rendered objects are larger than 8 MiB');
}

function withKept(hook: ChartHook, kept: readonly KeptField[]): ChartHook {
  return { ...hook, object: withKeptFields([hook.object], kept)[0] ?? hook.object };
}
