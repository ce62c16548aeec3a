import type { KubeObject } from '../../kube/client.ts';
import { isKubeError, type KubeError } from '../../kube/error.ts';
import type { Failure } from '../outcome.ts';

/** A refused apply in words, without the values that validation errors repeat. */
export function refusalOf(error: KubeError, object: string): Failure {
  const said = withoutValues(error);
  // Without a field it is no other owner: the object is not the one that was meant.
  if (error.status === 409 && error.causes.length > 0) {
    const owners = [...new Set(error.causes.flatMap(({ message }) => /"([^"]+)"/.exec(message ?? '')?.[1] ?? []))];
    const whose = owners.length > 0 ? ` belong to ${owners.join(', ')}` : ' are owned by another manager';
    const fields = error.causes.flatMap(({ field }) => field ?? []).slice(0, 5);
    return { reason: 'conflict', message: `fields of ${object}${whose}: ${fields.join(', ') || said}` };
  }
  const passing = passingOf(error, object, said);
  if (passing) return passing;
  if (/attempting to grant RBAC permissions not currently held/.test(error.message))
    return { reason: 'kind-not-permitted', message: notHeld(object, error.message) };
  const unfit = unfitOf(error, object);
  if (unfit) return unfit;
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

/** What may be otherwise the next time, without anybody changing the object. */
function passingOf(error: KubeError, object: string, said: string): Failure | undefined {
  if (error.isByBudget) {
    const message = `the disruption budget of ${object} does not allow it now, and it is tried again: ${said}`;
    return { reason: 'apply-refused', message };
  }
  if (error.silentWebhook !== undefined)
    return { reason: 'apply-refused', message: silentWebhook(object, error.silentWebhook) };
  if (!error.isTransient || error.status < 500) return undefined;
  return { reason: 'api-unavailable', message: `the API server cannot do what is asked with ${object} now: ${said}` };
}

/** An object that this cluster cannot have at all; mostly the API server calls that its own fault. */
function unfitOf(error: KubeError, object: string): Failure | undefined {
  if (error.isUndeclared) return { reason: 'apply-refused', message: olderKind(object, error.message) };
  if (error.isMisshapen) return { reason: 'apply-refused', message: misshapen(object, error.message) };
  // Its kind may have gone since it was asked for.
  if (error.reason === 'NoKind' || error.reason === 'Status404')
    return { reason: 'kind-not-permitted', message: noKind(object) };
  if (!error.isTooLarge) return undefined;
  return { reason: 'too-large', message: `${object} is larger than this cluster keeps: mostly 1.5 MiB an object` };
}

function silentWebhook(object: string, name: string): string {
  return `the ${name} of this cluster does not answer, and ${object} cannot be changed without it: push again when whoever runs it has it back`;
}

/** Where it is wrong, without what stands there. */
function misshapen(object: string, said: string): string {
  const [, places = said] = /typed (?:patch|live) object \([^)]*\): (?:errors:)?([^]*)/.exec(said) ?? [];
  const lines = places.split('\n').map((line) => line.replace(/, got .*/, '').trim());
  return `the chart has what is not what the kind of ${object} takes: ${lines.filter(Boolean).join('; ').slice(0, 1_000)}`;
}

function olderKind(object: string, said: string): string {
  const field = /(?:\[[^\]]*\]|[\w.-])+(?=: field not declared in schema)/.exec(said)?.[0] ?? 'a field';
  return `the definition that this cluster has of the kind of ${object} does not know ${field}: correct the chart; or, if the release brings the definition, let the customer apply the grant of the installation again first`;
}

/** Kubernetes lets nobody give more than they have themselves. */
function notHeld(object: string, said: string): string {
  const missing = said.split('not currently held:').at(-1)?.trim().replaceAll('\n', '; ').slice(0, 800) ?? '';
  return `${object} would give rights that the agent does not have itself, and so may not give: ${missing}. The signed release must name them, and the customer grant them`;
}

/** Why a dry run says nothing about what an apply would do; undefined when it was an answer. */
export function reasonNotTried(error: unknown, { kind }: KubeObject): string | undefined {
  if (!isKubeError(error)) return undefined;
  const webhook = /admission webhook "([^"]{1,200})" does not support dry run/.exec(error.message)?.[1];
  if (webhook !== undefined) return `the admission webhook ${webhook} takes part in no dry run`;
  // That the role is one of the same set was checked before.
  if (kind === 'RoleBinding' && error.status === 404) return 'it can be tried when its Role is there';
  return undefined;
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
