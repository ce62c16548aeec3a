import * as Type from 'typebox';
import type { Static } from 'typebox';
import { compile } from '@steward/shared';
import type { AccessCheck } from '../client.ts';
import { malformed } from '../object.ts';
import type { KubeTransport } from '../transport/transport.ts';

const Strings = Type.Optional(Type.Union([Type.Array(Type.String()), Type.Null()]));
const Rule = Type.Object({ verbs: Strings, apiGroups: Strings, resources: Strings, resourceNames: Strings });
type Rule = Static<typeof Rule>;
const decodeRules = compile(
  Type.Object({ status: Type.Object({ resourceRules: Type.Union([Type.Array(Rule), Type.Null()]) }) }),
);
const decodeReview = compile(Type.Object({ status: Type.Object({ allowed: Type.Boolean() }) }));

const REVIEWS = '/apis/authorization.k8s.io/v1';

/**
 * The checks that are refused. One rules review per namespace answers most; it may be incomplete (webhook authorizers),
 * so what it does not allow is asked one by one, all at once.
 */
export async function missingAccess(
  transport: KubeTransport,
  checks: readonly AccessCheck[],
  signal?: AbortSignal,
): Promise<AccessCheck[]> {
  const namespaces = [...new Set(checks.flatMap(({ namespace }) => namespace ?? []))];
  const rules = new Map(
    await Promise.all(
      namespaces.map(async (namespace) => [namespace, await loadRules(transport, namespace, signal)] as const),
    ),
  );
  const open = checks.filter(
    (check) => check.namespace === undefined || !(rules.get(check.namespace) ?? []).some((rule) => allows(rule, check)),
  );
  const answers = await Promise.all(open.map((check) => isAllowed(transport, check, signal)));
  return open.filter((_check, index) => answers[index] === false);
}

/** Whether an RBAC rule, as a rules review gives it, covers the check. */
export function allows(rule: Rule, check: AccessCheck): boolean {
  const resource = check.subresource === undefined ? check.resource : `${check.resource}/${check.subresource}`;
  const names = rule.resourceNames ?? [];
  return (
    covers(rule.verbs, check.verb) &&
    covers(rule.apiGroups, check.group) &&
    (covers(rule.resources, resource) || covers(rule.resources, `*/${check.subresource ?? ''}`)) &&
    (names.length === 0 || (check.name !== undefined && names.includes(check.name)))
  );
}

function covers(list: string[] | null | undefined, wanted: string): boolean {
  return list?.some((entry) => entry === '*' || entry === wanted) ?? false;
}

async function loadRules(transport: KubeTransport, namespace: string, signal?: AbortSignal): Promise<Rule[]> {
  const answer = await transport.request({
    method: 'POST',
    path: `${REVIEWS}/selfsubjectrulesreviews`,
    body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SelfSubjectRulesReview', spec: { namespace } },
    signal,
  });
  const decoded = decodeRules(answer);
  if (!decoded.ok) throw malformed(`not a rules review: ${decoded.error}`);
  return decoded.value.status.resourceRules ?? [];
}

async function isAllowed(transport: KubeTransport, check: AccessCheck, signal?: AbortSignal): Promise<boolean> {
  const answer = await transport.request({
    method: 'POST',
    path: `${REVIEWS}/selfsubjectaccessreviews`,
    body: {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      spec: { resourceAttributes: check },
    },
    signal,
  });
  const decoded = decodeReview(answer);
  if (!decoded.ok) throw malformed(`not an access review: ${decoded.error}`);
  return decoded.value.status.allowed;
}
