import * as Type from 'typebox';
import { compile } from '../schema.ts';
import type { RenderedObject } from './pod-specs.ts';
import { problemOfGivenRight, RBAC_GROUP } from './rights.ts';

/** Verbs that a release can sign, and a Role of its chart may give. */
export const SIGNABLE_VERBS = ['get', 'list', 'watch', 'create', 'patch', 'update', 'delete'] as const;
export type SignableVerb = (typeof SIGNABLE_VERBS)[number];

/** One kind of object that a Role gives rights on. */
export interface GivenRight {
  apiGroup: string;
  /** `leases`, `pods/log` */
  resource: string;
  verbs: SignableVerb[];
  names?: string[];
}

const texts = Type.Array(Type.String());
const decodeRole = compile(
  Type.Object({
    rules: Type.Optional(
      Type.Union([
        Type.Null(),
        Type.Array(
          Type.Object({
            apiGroups: Type.Optional(texts),
            resources: Type.Optional(texts),
            verbs: texts,
            resourceNames: Type.Optional(texts),
          }),
        ),
      ]),
    ),
  }),
);
const decodeBinding = compile(
  Type.Object({
    roleRef: Type.Object({ kind: Type.String(), name: Type.String() }),
    subjects: Type.Optional(
      Type.Array(Type.Object({ kind: Type.String(), name: Type.String(), namespace: Type.Optional(Type.String()) })),
    ),
  }),
);

/** A Role or RoleBinding: what a chart may have of access control, since it lies in the installation's namespace. */
export function isOwnRole({ apiVersion, kind }: Pick<RenderedObject, 'apiVersion' | 'kind'>): boolean {
  return apiVersion.startsWith(`${RBAC_GROUP}/`) && (kind === 'Role' || kind === 'RoleBinding');
}

/** What a Role gives, kind by kind; or, in a sentence, why nobody can sign that. */
export function rightsOfRole(role: RenderedObject): GivenRight[] | string {
  const decoded = decodeRole(role);
  if (!decoded.ok) return `its rules cannot be read: ${decoded.error}`;
  const rights: GivenRight[] = [];
  for (const { apiGroups = [''], resources = [], verbs, resourceNames = [] } of decoded.value.rules ?? []) {
    const unsignable = verbs.find((verb) => !isSignable(verb));
    if (unsignable !== undefined) return `it gives "${unsignable}"; only ${SIGNABLE_VERBS.join(', ')} can be given`;
    for (const apiGroup of apiGroups)
      for (const resource of resources) {
        if (apiGroup === '*' || !/^[a-z]+(\/[a-z]+)?$/.test(resource))
          return `it gives rights on "${resource}" of "${apiGroup}": each kind has to be named`;
        const names = resourceNames.length === 0 ? {} : { names: resourceNames };
        const right: GivenRight = { apiGroup, resource, verbs: verbs.filter(isSignable), ...names };
        const problem = problemOfGivenRight(right);
        if (problem !== undefined) return `it gives ${problem}`;
        rights.push(right);
      }
  }
  return rights;
}

function isSignable(verb: string): verb is SignableVerb {
  return SIGNABLE_VERBS.some((known) => known === verb);
}

/**
 * What is wrong with a RoleBinding: it may give a Role of the same chart to service accounts of the same namespace, and
 * nothing else to nobody else. Whom it names may depend on parameters, so the agent asks the same.
 */
export function problemOfBinding(
  binding: RenderedObject,
  { namespace, roles }: { namespace: string; roles: ReadonlySet<string> },
): string | undefined {
  const decoded = decodeBinding(binding);
  if (!decoded.ok) return `it cannot be read: ${decoded.error}`;
  const { roleRef, subjects = [] } = decoded.value;
  if (roleRef.kind !== 'Role' || !roles.has(roleRef.name))
    return `it gives ${roleRef.kind}/${roleRef.name}, which is no Role of the chart`;
  const other = subjects.find(
    (subject) => subject.kind !== 'ServiceAccount' || (subject.namespace ?? namespace) !== namespace,
  );
  return (
    other &&
    `it gives rights to ${other.kind}/${other.name}, which is no service account of the installation's namespace`
  );
}
