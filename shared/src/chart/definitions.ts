import * as Type from 'typebox';
import type { Static } from 'typebox';
import type { RenderedObject } from './pod-specs.ts';

/** A kind of a chart's own: what its `crds` folder holds. The customer applies it, for the whole cluster. */
export const KindDefinition = Type.Object({
  apiVersion: Type.Literal('apiextensions.k8s.io/v1'),
  kind: Type.Literal('CustomResourceDefinition'),
  metadata: Type.Object({ name: Type.String({ minLength: 3, maxLength: 253 }) }),
});
export type KindDefinition = Static<typeof KindDefinition> & RenderedObject;

/** Groups that are not a vendor's to define: Kubernetes' own, and those by which customers keep their agents in bounds. */
const RESERVED = /(^|\.)(k8s\.io|kubernetes\.io|steward\.dev)$/;

/** Why an object cannot be a definition that a release brings; undefined when it can. */
export function problemOfDefinition({ apiVersion, kind, metadata }: RenderedObject): string | undefined {
  if (kind !== 'CustomResourceDefinition' || apiVersion !== 'apiextensions.k8s.io/v1')
    return `${kind}/${metadata.name} (${apiVersion}) is no definition of a kind`;
  if (RESERVED.test(metadata.name)) return `${metadata.name} is in a group that is not a vendor's to define`;
  return undefined;
}
