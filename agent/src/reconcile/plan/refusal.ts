import type { KubeError } from '../../kube/error.ts';
import type { Failure } from '../outcome.ts';

/** A refused apply in words, without the values that validation errors repeat. */
export function refusalOf(error: KubeError, object: string): Failure {
  const said = withoutValues(error);
  if (error.status === 409) {
    const owners = [...new Set(error.causes.flatMap(({ message }) => /"([^"]+)"/.exec(message ?? '')?.[1] ?? []))];
    const whose = owners.length > 0 ? ` belong to ${owners.join(', ')}` : ' are owned by another manager';
    const fields = error.causes.flatMap(({ field }) => field ?? []).slice(0, 5);
    return { reason: 'conflict', message: `fields of ${object}${whose}: ${fields.join(', ') || said}` };
  }
  if (error.isByBudget)
    return { reason: 'apply-refused', message: `its disruption budget does not allow it now: ${said}` };
  if (/attempting to grant RBAC permissions not currently held/.test(error.message))
    return { reason: 'kind-not-permitted', message: notHeld(object, error.message) };
  if (error.silentWebhook !== undefined)
    return { reason: 'apply-refused', message: silentWebhook(object, error.silentWebhook) };
  if (error.isUndeclared) return { reason: 'apply-refused', message: olderKind(object, error.message) };
  if (error.reason === 'NoKind') return { reason: 'kind-not-permitted', message: noKind(object) };
  if (/cannot (get|create|patch|delete|list) resource/.test(error.message))
    return { reason: 'missing-rights', message: `the agent may not do this: ${said}` };
  if (/exceeded quota|must specify limits/.test(error.message))
    return { reason: 'apply-refused', message: `the quota of the namespace does not allow ${object}: ${said}` };
  if (/PodSecurity/.test(error.message))
    return { reason: 'apply-refused', message: `Pod Security of the namespace does not allow ${object}: ${said}` };
  if (/admission webhook|ValidatingAdmissionPolicy/.test(error.message))
    return { reason: 'apply-refused', message: `the cluster's own rules do not allow ${object}: ${said}` };
  if (/immutable|updates to statefulset spec/i.test(error.message))
    return { reason: 'apply-refused', message: `${object} cannot be changed like this while it exists: ${said}` };
  return { reason: 'apply-refused', message: `the API server refuses ${object}: ${said}` };
}

function silentWebhook(object: string, name: string): string {
  return `the admission webhook ${name} of this cluster does not answer, and ${object} cannot be changed without it: push again when whoever runs it has it back`;
}

function olderKind(object: string, said: string): string {
  const field = /[\w.[\]-]+(?=: field not declared in schema)/.exec(said)?.[0] ?? 'a field';
  return `the definition that this cluster has of the kind of ${object} does not know ${field}: the customer must apply that of this release first; the grant of the installation brings it`;
}

/** Kubernetes lets nobody give more than they have themselves. */
function notHeld(object: string, said: string): string {
  const missing = said.split('not currently held:').at(-1)?.trim().replaceAll('\n', '; ').slice(0, 800) ?? '';
  return `${object} would give rights that the agent does not have itself, and so may not give: ${missing}. The signed release must name them, and the customer grant them`;
}

export function noKind(object: string): string {
  return `this cluster does not know the kind of ${object}: the customer must apply its CustomResourceDefinition first`;
}

function withoutValues(error: KubeError): string {
  const lines = error.causes.map(({ field, message = '' }) => {
    const text = message.includes('Invalid value') ? (message.split(': ').at(-1) ?? '') : message;
    return field === undefined ? text : `${field}: ${text}`;
  });
  const text = lines.length > 0 ? lines.join('; ') : error.message.replace(/Invalid value: .*?: (?=[^:]*$)/s, '');
  return text.slice(0, 1_000);
}
