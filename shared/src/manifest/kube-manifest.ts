/** A Kubernetes object that we write. */
export interface KubeManifest {
  apiVersion: string;
  kind: string;
  metadata: {
    name: string;
    namespace?: string;
    labels?: Record<string, string>;
    annotations?: Record<string, string>;
  };
  [field: string]: unknown;
}

const COMMENT = Symbol('comment');

/**
 * Attaches a comment that {@link manifestYaml} prints above the object. It is no part of the object: equality and JSON
 * do not see it.
 */
export function withComment<T extends object>(object: T, comment: string): T {
  return Object.defineProperty(object, COMMENT, { value: comment, enumerable: false });
}

export function commentOf(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || !(COMMENT in value)) return undefined;
  return typeof value[COMMENT] === 'string' ? value[COMMENT] : undefined;
}

/** A rule of a Role. */
export interface PolicyRule {
  apiGroups: string[];
  resources: string[];
  verbs: string[];
  resourceNames?: string[];
}
