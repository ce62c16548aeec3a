import { SLUG_PATTERN } from '../release/release.ts';
import { API_GROUP } from '../version.ts';
import type { KubeManifest } from './kube-manifest.ts';

/** Pieces of the definitions in crds.ts: JSON Schema as Kubernetes takes it. */
export type Schema = Record<string, unknown>;

export const text = (maxLength: number, description?: string): Schema => ({
  type: 'string',
  maxLength,
  ...(description !== undefined && { description }),
});
export const choice = (values: readonly string[], description?: string): Schema => ({
  type: 'string',
  enum: [...values],
  ...(description !== undefined && { description }),
});
/** What the agent writes is no choice here: an older definition in the cluster must take the words of a newer agent. */
export const word = text(40);
export const time = (description?: string): Schema => ({
  type: 'string',
  format: 'date-time',
  ...(description !== undefined && { description }),
});
export const integer = (description?: string): Schema => ({
  type: 'integer',
  minimum: 0,
  ...(description !== undefined && { description }),
});
export const record = (properties: Record<string, Schema>, required: string[] = []): Schema => ({
  type: 'object',
  properties,
  ...(required.length > 0 && { required }),
});
/** A journal of the agent's: what a newer agent adds to it must survive an older definition. */
export const open = (properties: Record<string, Schema>, description: string): Schema => ({
  type: 'object',
  description,
  'x-kubernetes-preserve-unknown-fields': true,
  properties,
});
export const anything = (description: string): Schema => ({
  type: 'object',
  description,
  'x-kubernetes-preserve-unknown-fields': true,
});
/**
 * What the customer writes, whole: a word that is not known here must reach those who refuse it. Without this the API server drops it in
 * silence, and a limit with it.
 */
export const kept = (schema: Schema): Schema => ({ ...schema, 'x-kubernetes-preserve-unknown-fields': true });
export const installationName: Schema = { type: 'string', maxLength: 40, pattern: SLUG_PATTERN };
export const fixed = (schema: Schema, what: string): Schema => ({
  ...schema,
  'x-kubernetes-validations': [{ rule: 'self == oldSelf', message: `${what} cannot be changed` }],
});

interface Column {
  name: string;
  type: 'string' | 'boolean' | 'integer' | 'date';
  jsonPath: string;
  /** 1: only with `-o wide`. */
  priority?: number;
}
export const age: Column = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' };
export const column = (name: string, jsonPath: string, type: Column['type'] = 'string', priority = 0): Column => ({
  name,
  type,
  jsonPath,
  ...(priority > 0 && { priority }),
});

export interface Definition {
  kind: string;
  plural: string;
  description: string;
  spec?: Schema;
  status?: Schema;
  columns: Column[];
  shortNames?: string[];
}

export function crd({ kind, plural, description, spec, status, columns, shortNames }: Definition): KubeManifest {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${API_GROUP}` },
    spec: {
      group: API_GROUP,
      scope: 'Namespaced',
      names: {
        kind,
        plural,
        singular: kind.toLowerCase(),
        listKind: `${kind}List`,
        categories: ['steward'],
        ...(shortNames && { shortNames }),
      },
      versions: [
        {
          name: 'v1alpha1',
          served: true,
          storage: true,
          ...(status && { subresources: { status: {} } }),
          additionalPrinterColumns: columns,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              description,
              properties: { ...(spec && { spec }), ...(status && { status }) },
              ...(spec && { required: ['spec'] }),
            },
          },
        },
      ],
    },
  };
}
