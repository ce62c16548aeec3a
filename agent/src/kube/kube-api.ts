import * as Type from 'typebox';
import { compile } from '@steward/shared';
import { missingAccess } from './discovery/access.ts';
import type {
  AccessCheck,
  ApplyOptions,
  EvictOptions,
  KindInVersion,
  KubeClient,
  KubeObject,
  ListOptions,
  MergePatch,
  PatchOptions,
  RemoveOptions,
  RequestOptions,
  ResourceRef,
  Watch,
  WatchOptions,
} from './client.ts';
import type { KubeEndpoint } from './transport/credentials.ts';
import { Discovery } from './discovery/discovery.ts';
import { isKubeError, KubeError } from './error.ts';
import { listPageOf, malformed, objectOf, pathOf } from './object.ts';
import type { SessionTimings } from './transport/sessions.ts';
import { KubeTransport, type BeforeChange, type KubeRequest } from './transport/transport.ts';
import { startWatch, type WatchTimings } from './watch.ts';

const decodeVersion = compile(Type.Object({ gitVersion: Type.String() }));

const PODS = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };

export interface KubeApiOptions {
  sessions?: SessionTimings;
  watches?: WatchTimings;
  beforeChange?: BeforeChange;
}

/** The {@link KubeClient} for one API server. Connects on first use. */
export function createKubeClient(endpoint: KubeEndpoint, options: KubeApiOptions = {}): KubeClient {
  return new KubeApi(new KubeTransport(endpoint, options.sessions, options.beforeChange), options.watches);
}

class KubeApi implements KubeClient {
  readonly #transport: KubeTransport;
  readonly #discovery: Discovery;
  readonly #watchTimings: WatchTimings | undefined;

  constructor(transport: KubeTransport, watchTimings: WatchTimings | undefined) {
    this.#transport = transport;
    this.#discovery = new Discovery(transport);
    this.#watchTimings = watchTimings;
  }

  resourceOf(apiVersion: string, kind: string): Promise<ResourceRef | undefined> {
    return this.#discovery.resourceOf(apiVersion, kind);
  }

  servedAs(kind: KindInVersion): Promise<ResourceRef | undefined> {
    return this.#discovery.servedAs(kind);
  }

  async get(
    ref: ResourceRef,
    namespace: string | undefined,
    name: string,
    options?: RequestOptions,
  ): Promise<KubeObject | undefined> {
    try {
      return await this.#call(ref, { method: 'GET', path: pathOf(ref, namespace, name), signal: options?.signal });
    } catch (error) {
      if (!isKubeError(error) || error.status !== 404) throw error;
      if (!error.namesObject) this.#discovery.forget(ref);
      return undefined;
    }
  }

  async list(ref: ResourceRef, namespace: string | undefined, options: ListOptions = {}): Promise<KubeObject[]> {
    const { pageSize = 50, maxObjects = 5_000, keeps = () => true, labelSelector, fieldSelector, signal } = options;
    const objects: KubeObject[] = [];
    let next = '';
    do {
      const query = queryOf({ limit: String(pageSize), continue: next || undefined, labelSelector, fieldSelector });
      const answer = await this.#transport.request({ method: 'GET', path: pathOf(ref, namespace) + query, signal });
      const page = listPageOf(answer, ref);
      objects.push(...page.items.filter(keeps));
      if (objects.length > maxObjects)
        throw new KubeError(`more than ${maxObjects} ${ref.plural}`, { status: 0, reason: 'TooLarge' });
      next = page.next;
    } while (next !== '');
    return objects;
  }

  async create(object: KubeObject, options: RequestOptions & { dryRun?: boolean } = {}): Promise<KubeObject> {
    const ref = await this.#refOf(object);
    return this.#call(ref, {
      method: 'POST',
      path: pathOf(ref, object.metadata.namespace) + queryOf({ dryRun: options.dryRun ? 'All' : undefined }),
      body: object,
      signal: options.signal,
    });
  }

  async update(object: KubeObject, options: RequestOptions = {}): Promise<KubeObject> {
    const ref = await this.#refOf(object);
    const path = pathOf(ref, object.metadata.namespace, object.metadata.name);
    return this.#call(ref, { method: 'PUT', path, body: object, signal: options.signal });
  }

  apply(object: KubeObject, options: ApplyOptions): Promise<KubeObject> {
    return this.#apply(object, '', options);
  }

  applyStatus(object: KubeObject, options: ApplyOptions): Promise<KubeObject> {
    return this.#apply(object, '/status', options);
  }

  patchStatus(
    ref: ResourceRef,
    namespace: string | undefined,
    name: string,
    patch: MergePatch,
    options: RequestOptions = {},
  ): Promise<KubeObject> {
    return this.#mergePatch(ref, `${pathOf(ref, namespace, name)}/status`, patch, options);
  }

  async setStatusFields(
    ref: ResourceRef,
    namespace: string | undefined,
    name: string,
    fields: Readonly<Record<string, unknown>>,
    options: RequestOptions = {},
  ): Promise<KubeObject> {
    const path = `${pathOf(ref, namespace, name)}/status`;
    const contentType = 'application/json-patch+json';
    const { signal } = options;
    try {
      return await this.#call(ref, { method: 'PATCH', path, contentType, body: settingOf(fields), signal });
    } catch (error) {
      // It has no status to set them in: made a moment ago, or put back from a backup. There is nothing to be merged with then.
      if (!isKubeError(error) || error.status !== 422) throw error;
      return this.#mergePatch(ref, path, { status: fields }, options);
    }
  }

  mergePatch(
    ref: ResourceRef,
    namespace: string | undefined,
    name: string,
    patch: MergePatch,
    options: PatchOptions = {},
  ): Promise<KubeObject> {
    const { fieldManager, dryRun } = options;
    const query = queryOf({ fieldManager, dryRun: dryRun === true ? 'All' : undefined });
    return this.#mergePatch(ref, pathOf(ref, namespace, name) + query, patch, options);
  }

  async remove(
    ref: ResourceRef,
    namespace: string | undefined,
    name: string,
    options: RemoveOptions = {},
  ): Promise<boolean> {
    const { uid, propagation, gracePeriodSeconds, dryRun, signal } = options;
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      ...(uid !== undefined && { preconditions: { uid } }),
      ...(propagation !== undefined && { propagationPolicy: propagation }),
      ...(gracePeriodSeconds !== undefined && { gracePeriodSeconds }),
      ...(dryRun === true && { dryRun: ['All'] }),
    };
    return this.#isThere({ method: 'DELETE', path: pathOf(ref, namespace, name), body, signal });
  }

  async evict(namespace: string, name: string, { uid, signal }: EvictOptions): Promise<boolean> {
    const body = {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name, namespace },
      deleteOptions: { preconditions: { uid } },
    };
    return this.#isThere({ method: 'POST', path: `${pathOf(PODS, namespace, name)}/eviction`, body, signal });
  }

  missingAccess(checks: readonly AccessCheck[], options: RequestOptions = {}): Promise<AccessCheck[]> {
    return missingAccess(this.#transport, checks, options.signal);
  }

  async version(): Promise<string> {
    const decoded = decodeVersion(await this.#transport.request({ method: 'GET', path: '/version' }));
    if (!decoded.ok) throw malformed(`not a version: ${decoded.error}`);
    return decoded.value.gitVersion;
  }

  apiVersions(): Promise<string[]> {
    return this.#discovery.apiVersions();
  }

  serverTime(): Date | undefined {
    return this.#transport.clock.now();
  }

  watch<T>(options: WatchOptions<T>): Watch<T> {
    return startWatch(this.#transport, options, this.#watchTimings);
  }

  close(): void {
    this.#transport.close();
  }

  async #apply(object: KubeObject, subresource: string, options: ApplyOptions): Promise<KubeObject> {
    const ref = await this.#refOf(object);
    const query = queryOf({
      fieldManager: options.fieldManager,
      force: options.force === true ? 'true' : undefined,
      dryRun: options.dryRun === true ? 'All' : undefined,
    });
    return this.#call(ref, {
      method: 'PATCH',
      path: `${pathOf(ref, object.metadata.namespace, object.metadata.name)}${subresource}${query}`,
      contentType: 'application/apply-patch+yaml',
      body: object,
      signal: options.signal,
    });
  }

  #mergePatch(ref: ResourceRef, path: string, body: MergePatch, options: RequestOptions): Promise<KubeObject> {
    const contentType = 'application/merge-patch+json';
    return this.#call(ref, { method: 'PATCH', path, contentType, body, signal: options.signal });
  }

  /** False when there is nothing that this could be done to. */
  async #isThere(request: KubeRequest): Promise<boolean> {
    try {
      await this.#transport.request(request);
      return true;
    } catch (error) {
      if (isKubeError(error) && error.status === 404) return false;
      throw error;
    }
  }

  async #call(ref: ResourceRef, request: KubeRequest): Promise<KubeObject> {
    return objectOf(await this.#transport.request(request), ref);
  }

  async #refOf(object: KubeObject): Promise<ResourceRef> {
    const ref = await this.#discovery.resourceOf(object.apiVersion, object.kind);
    if (ref) return ref;
    const message = `this cluster has no kind ${object.kind} in ${object.apiVersion}`;
    throw new KubeError(message, { status: 404, reason: 'NoKind' });
  }
}

/** RFC 6902, where `add` replaces what is there, and only what is there can be removed. */
function settingOf(fields: Readonly<Record<string, unknown>>): unknown[] {
  return Object.entries(fields).flatMap(([field, value]) => {
    const path = `/status/${field}`;
    if (value === undefined) return [];
    return [{ op: 'add', path, value }, ...(value === null ? [{ op: 'remove', path }] : [])];
  });
}

function queryOf(parameters: Record<string, string | undefined>): string {
  const given = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
}
