import { forInstallation } from '@steward/shared';
import type { Lookup, Release } from '@steward/shared';
import type { KubeClient, KubeObject, ResourceRef } from '../../kube/client.ts';
import { isKubeError } from '../../kube/error.ts';
import { groupOf } from '../../kube/object.ts';
import { persist } from '../../operations/persist.ts';
import { done, failed, type Outcome } from '../outcome.ts';
import { refusalOf } from '../plan/refusal.ts';

export interface LookupsInput {
  kube: KubeClient;
  /** Of the signed release: nothing that they do not name is read. */
  permissions: Release['permissions'];
  releaseName: string;
  namespace: string;
  signal: AbortSignal;
}

/** Of one rendering, all together. */
const MAX_LOOKUPS = 50;
const MAX_BYTES = 1024 * 1024;
const MAX_LISTED = 500;
const NOTHING = '{}';

/**
 * Answers what the templates of one rendering look up: objects of the installation's own namespace that the signed
 * release has the right to read, as they live. Everything else is refused, and the refusal says what would have to be signed.
 */
export class Lookups {
  readonly #input: LookupsInput;
  #count = 0;
  #bytes = 0;
  #hasReadSecret = false;

  constructor(input: LookupsInput) {
    this.#input = input;
  }

  /** What templates say may hold parts of a Secret from then on. */
  get hasReadSecret(): boolean {
    return this.#hasReadSecret;
  }

  /** JSON of the object or list; of an empty object where there is none, as Helm does. */
  async answer(lookup: Lookup | undefined): Promise<Outcome<string>> {
    if (!lookup) return refuse('a lookup of the chart does not get four texts: version, kind, namespace and name');
    if ((this.#count += 1) > MAX_LOOKUPS) return tooLarge(`the chart looks up more than ${MAX_LOOKUPS} things`);
    const why = this.#refusal(lookup);
    if (why !== undefined) return refuse(`the chart looks up ${wordsOf(lookup)} while it renders. ${why}`);
    const { kube, signal } = this.#input;
    try {
      const ref = await persist(() => kube.resourceOf(lookup.apiVersion, lookup.kind), signal);
      const json = ref?.namespaced ? JSON.stringify(await this.#read(ref, lookup)) : NOTHING;
      if ((this.#bytes += json.length) > MAX_BYTES)
        return tooLarge(`the chart looks up more than ${MAX_BYTES / 1024} KiB`);
      this.#hasReadSecret ||= lookup.kind === 'Secret' && json !== NOTHING;
      return done(json);
    } catch (error) {
      if (!isKubeError(error)) throw error;
      if (error.reason === 'TooLarge') return tooLarge(`the chart looks up ${wordsOf(lookup)}: ${error.message}`);
      return { ok: false, failure: refusalOf(error, wordsOf(lookup)) };
    }
  }

  async #read(ref: ResourceRef, { apiVersion, kind, namespace, name }: Lookup): Promise<object> {
    const { kube, signal } = this.#input;
    if (name !== '') {
      const found = await persist(() => kube.get(ref, namespace, name, { signal }), signal);
      return found ? withoutManagers(found) : {};
    }
    const options = { maxObjects: MAX_LISTED, signal };
    const items = await persist(() => kube.list(ref, namespace, options), signal);
    return { apiVersion, kind: `${kind}List`, metadata: {}, items: items.map(withoutManagers) };
  }

  /** Why it may not be read, and what would change that; undefined when it may. */
  #refusal({ apiVersion, kind, namespace, name }: Lookup): string | undefined {
    const { permissions, releaseName, namespace: own } = this.#input;
    if (namespace !== own)
      return `Only what lies in the installation's own namespace, ${own}, can be read: write .Release.Namespace`;
    const group = groupOf(apiVersion);
    const verb = name === '' ? 'list' : 'get';
    const isPermitted = permissions.some(
      (permission) =>
        permission.kind === kind &&
        permission.apiGroup === group &&
        permission.verbs.includes(verb) &&
        (!permission.names || permission.names.some((allowed) => forInstallation(allowed, releaseName) === name)),
    );
    if (isPermitted) return undefined;
    const which = name === '' ? '' : ` of the name ${name}`;
    return `The signed release would have to permit "${verb}" of ${kind} (${group || 'core'})${which}, and does not: steward publish signs what the chart looks up with the values it may be given`;
  }
}

function wordsOf({ kind, namespace, name }: Lookup): string {
  const what = name === '' ? `all of ${kind}` : `${kind}/${name}`;
  return `${what} ${namespace === '' ? 'of the whole cluster' : `in namespace ${namespace}`}`;
}

/** They say nothing about the object, and may be longer than it. */
function withoutManagers({ metadata, ...object }: KubeObject): object {
  const { managedFields: _, ...shown } = metadata;
  return { ...object, metadata: shown };
}

function refuse(message: string): Outcome<never> {
  return failed('kind-not-permitted', message);
}

function tooLarge(message: string): Outcome<never> {
  return failed('too-large', message);
}
