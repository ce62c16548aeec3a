import { fieldAt, parseFieldPath, type FieldPath, type ReleaseDrift, isRecord, forInstallation } from '@steward/shared';
import { STOPPED_ANNOTATION } from '../../collect/objects/workload.ts';
import type { KubeObject } from '../../kube/client.ts';
import { nameOf } from '../../kube/object.ts';
import type { InventoryEntry } from '../../operations/installation/installation-object.ts';
import { isClaim, withLiveSize } from '../plan/claims.ts';
import { autoscalersOf } from '../run-state/autoscalers.ts';
import { givenBack } from '../run-state/own-scalers.ts';
import { itemName } from './changed-fields.ts';
import { othersAt, ownedInside, ownFieldsOf, type OwnedFields } from './field-owners.ts';

/** Fields of the set's objects that others may set, and that are left to them once they have. */
export interface NeverOurs {
  /** Workloads that an autoscaler of the set scales, as `Deployment/web`. */
  autoscaled: ReadonlySet<string>;
  /** Those that an autoscaler of ours scaled until now: what it left on the field is not somebody else's. */
  givenBack: ReadonlySet<string>;
  /** Declared by the release. Without a name: every object of the kind. */
  declared: readonly { kind: string; name: string | undefined; path: FieldPath }[];
  /** Claims of this set that ask for less than before: refused. Every other one stays as large as somebody made it. */
  shrinking?: ReadonlySet<string>;
}

const REPLICAS: FieldPath = ['spec', 'replicas'];

export function neverOursOf(
  objects: readonly KubeObject[],
  drift: ReleaseDrift | undefined,
  releaseName: string,
  inventory: readonly InventoryEntry[] = [],
): NeverOurs {
  return {
    autoscaled: new Set(autoscalersOf(objects).keys()),
    givenBack: givenBack(objects, inventory),
    declared: (drift?.ignore ?? []).flatMap(({ kind, name, fields }) =>
      fields.flatMap((field) => {
        const path = parseFieldPath(field);
        return path ? [{ kind, name: name && forInstallation(name, releaseName), path }] : [];
      }),
    ),
  };
}

export interface OwnPartOptions {
  fieldManager: string;
  neverOurs: NeverOurs;
  /** Fields that somebody else has won. */
  lost?: readonly FieldPath[];
  /** A field that is gone was taken out by somebody; else it is new in this version. */
  isRepair: boolean;
}

/**
 * What is applied of an object over the one that lives: without the fields that are never ours, as far as somebody else has
 * taken them over. Leaving out a field that we own would make the API server remove it: it is applied as long as it is ours.
 */
export function ownPart(object: KubeObject, live: KubeObject, options: OwnPartOptions): KubeObject {
  const { fieldManager, neverOurs, lost = [], isRepair } = options;
  const { kind, metadata } = object;
  const owned = ownFieldsOf(live, fieldManager);
  const isScaled = isAutoscaled(object, live, options);
  const declared = neverOurs.declared.filter(
    (entry) => entry.kind === kind && (entry.name ?? metadata.name) === metadata.name,
  );
  const paths = [...declared.map(({ path }) => path), ...lost];
  const part = paths.reduce<unknown>((rest, path) => without(path, { value: rest, live, owned, isRepair }), object);
  if (isClaim(object) && neverOurs.shrinking?.has(metadata.name) !== true)
    return withLiveSize(part as KubeObject, live);
  return (isScaled ? withoutReplicas(part as KubeObject, live, owned) : part) as KubeObject;
}

/** The count of an autoscaled workload as it is, for an object that is made anew in its place. */
export function withLiveReplicas(object: KubeObject, live: KubeObject, options: OwnPartOptions): KubeObject {
  return isAutoscaled(object, live, options) ? withReplicas(object, fieldAt(live, REPLICAS)) : object;
}

/** By an autoscaler of the set, or by one that somebody else made: the controller leaves its name on the field. */
function isAutoscaled(object: KubeObject, live: KubeObject, { fieldManager, neverOurs }: OwnPartOptions): boolean {
  // An autoscaler rests while its workload is stopped: the count of zero is ours, and the one that it begins with after it.
  if (isStopped(object) || isStopped(live)) return false;
  const name = nameOf(object);
  if (neverOurs.autoscaled.has(name)) return true;
  // What we applied after it was there, nobody has changed since.
  if (neverOurs.givenBack.has(name) || isCountOurs(ownFieldsOf(live, fieldManager))) return false;
  const others = othersAt(live, REPLICAS, fieldManager);
  return others.some(({ manager, subresource }) => manager === 'kube-controller-manager' && subresource === 'scale');
}

/** As long as the count is ours it stays what it is: nobody would hold it without us, and it would fall back to one. */
function withoutReplicas(object: KubeObject, live: KubeObject, owned: OwnedFields): KubeObject {
  return withReplicas(object, isCountOurs(owned) ? fieldAt(live, REPLICAS) : undefined);
}

function isCountOurs(owned: OwnedFields): boolean {
  return REPLICAS.reduce<OwnedFields | undefined>(ownedInside, owned) !== undefined;
}

/** By hand or by its schedule. */
export function isStopped({ metadata }: KubeObject): boolean {
  return metadata.annotations?.[STOPPED_ANNOTATION] !== undefined;
}

function withReplicas(object: KubeObject, replicas: unknown): KubeObject {
  if (!isRecord(object['spec'])) return object;
  const { replicas: _, ...spec } = object['spec'];
  return { ...object, spec: replicas === undefined ? spec : { ...spec, replicas } };
}

interface Place {
  value: unknown;
  live: unknown;
  owned: OwnedFields | undefined;
  isRepair: boolean;
}

/** A copy without what is not ours below the path; undefined when nothing is left of something that was not empty. */
function without([key, ...rest]: FieldPath, place: Place): unknown {
  const { value } = place;
  if (key === undefined) return ownBelow(place);
  if (Array.isArray(value)) {
    const items = value.map((item: unknown) =>
      itemName(item) === key ? without(rest, inside(place, item, key)) : item,
    );
    return items.filter((item) => item !== undefined);
  }
  if (!isRecord(value) || !Object.hasOwn(value, key)) return value;
  return withKey(value, key, without(rest, inside(place, value[key], key)));
}

function ownBelow(place: Place): unknown {
  const { value, live, owned, isRepair } = place;
  if (isRecord(value) && Object.keys(value).length > 0) {
    const kept = Object.entries(value).reduce<Record<string, unknown>>(
      (rest, [key, inner]) => withKey(rest, key, ownBelow(inside(place, inner, key))),
      value,
    );
    return Object.keys(kept).length === 0 ? undefined : kept;
  }
  if (Array.isArray(value) && value.length > 0 && value.every((item) => itemName(item) !== undefined)) {
    const items = value.map((item: unknown) => ownItem(inside(place, item, itemName(item) ?? ''), item));
    return items.filter((item) => item !== undefined);
  }
  if (owned !== undefined) return value;
  return live === undefined && !isRepair ? value : undefined;
}

/** Its name tells an item apart: it stays with it. */
function ownItem(place: Place, item: unknown): unknown {
  if (place.live === undefined) return place.isRepair ? undefined : item;
  const kept = ownBelow(place);
  return isRecord(kept) ? { name: itemName(item), ...kept } : undefined;
}

function inside({ live, owned, isRepair }: Place, value: unknown, key: string): Place {
  const inner = Array.isArray(live)
    ? live.find((item) => itemName(item) === key)
    : isRecord(live)
      ? live[key]
      : undefined;
  return { value, live: inner, owned: ownedInside(owned, key), isRepair };
}

function withKey(object: Record<string, unknown>, key: string, value: unknown): Record<string, unknown> {
  if (value !== undefined) return { ...object, [key]: value };
  const { [key]: _, ...rest } = object;
  return rest;
}
