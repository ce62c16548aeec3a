import * as Type from 'typebox';
import { compile } from '@steward/shared';
import type { KubeObject } from '../../kube/client.ts';
import { ClaimTemplate, type ClaimMaker } from '../../collect/objects/storage.ts';

const decode = compile(
  Type.Object({ spec: Type.Object({ volumeClaimTemplates: Type.Optional(Type.Array(ClaimTemplate)) }) }),
);

/** What a StatefulSet makes the volume claims of its pods of. */
export function templatesOf(set: KubeObject): ClaimTemplate[] {
  const decoded = decode(set);
  return decoded.ok ? (decoded.value.spec.volumeClaimTemplates ?? []) : [];
}

/** The StatefulSets of these objects that make claims. */
export function makersIn(objects: readonly KubeObject[]): ClaimMaker[] {
  return objects.flatMap((object) => {
    const templates = object.kind === 'StatefulSet' ? templatesOf(object).map(({ metadata }) => metadata.name) : [];
    return templates.length > 0 ? [{ set: object.metadata.name, templates }] : [];
  });
}

/** All of both: a set that had other templates once has claims of these too. In an order that does not depend on which came first. */
export function mergedMakers(first: readonly ClaimMaker[], second: readonly ClaimMaker[]): ClaimMaker[] {
  const bySet = Map.groupBy([...first, ...second], ({ set }) => set);
  return [...bySet.keys()].toSorted().map((set) => ({
    set,
    templates: [...new Set(bySet.get(set)?.flatMap(({ templates }) => templates))].toSorted(),
  }));
}
