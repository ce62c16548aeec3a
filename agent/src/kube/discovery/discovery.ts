import * as Type from 'typebox';
import { compile } from '@steward/shared';
import { builtinKind, splitApiVersion } from './builtin-kinds.ts';
import type { KindInVersion, ResourceRef } from '../client.ts';
import { isKubeError } from '../error.ts';
import { apiVersionOf, malformed } from '../object.ts';
import type { KubeTransport } from '../transport/transport.ts';

const ACCEPT = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';
/** A kind that is not there is asked for again, because a CRD may have been installed; but not more often than this. */
const MISS_INTERVAL_MS = 2_000;
const LIST_LIFE_MS = 5 * 60_000;

const decodeResources = compile(
  Type.Object({
    resources: Type.Array(Type.Object({ name: Type.String(), kind: Type.String(), namespaced: Type.Boolean() })),
  }),
);
const decodeVersions = compile(Type.Object({ versions: Type.Array(Type.Object({ version: Type.String() })) }));
const decodeGroups = compile(
  Type.Object({
    items: Type.Array(
      Type.Object({
        metadata: Type.Optional(Type.Object({ name: Type.Optional(Type.String()) })),
        versions: Type.Array(
          Type.Object({
            version: Type.String(),
            resources: Type.Optional(
              Type.Array(
                Type.Object({ responseKind: Type.Optional(Type.Object({ kind: Type.Optional(Type.String()) })) }),
              ),
            ),
          }),
        ),
      }),
    ),
  }),
);

/** What kinds the API server has. Bounded by the group versions that were asked for. */
export class Discovery {
  readonly #transport: KubeTransport;
  readonly #versions = new Map<string, { askedMs: number; kinds: Map<string, ResourceRef> }>();
  #apiVersions: { askedMs: number; list: string[] } | undefined;

  constructor(transport: KubeTransport) {
    this.#transport = transport;
  }

  async resourceOf(apiVersion: string, kind: string): Promise<ResourceRef | undefined> {
    const builtin = builtinKind(apiVersion, kind);
    if (builtin) return builtin;
    const known = this.#versions.get(apiVersion);
    const ref = known?.kinds.get(kind);
    if (ref || (known && performance.now() - known.askedMs < MISS_INTERVAL_MS)) return ref;
    return this.#servedNow(apiVersion, kind);
  }

  /** See {@link KubeClient.servedAs}. */
  async servedAs({ group, version, kind }: KindInVersion): Promise<ResourceRef | undefined> {
    const apiVersion = apiVersionOf({ group, version });
    const known = builtinKind(apiVersion, kind) ?? this.#remembered({ group, version, kind });
    const ref = known ?? (await this.#servedNow(apiVersion, kind));
    if (ref || group === '') return ref;
    for (const other of await this.#loadVersions(group)) {
      const found = await this.#servedNow(apiVersionOf({ group, version: other }), kind);
      if (found) return found;
    }
    return undefined;
  }

  /** Its path was not there: a grant may have changed the definition a moment ago. */
  forget(ref: ResourceRef): void {
    this.#versions.delete(apiVersionOf(ref));
  }

  /** In that version, else in any other. */
  #remembered({ group, version, kind }: KindInVersion): ResourceRef | undefined {
    const refs = [...this.#versions.values()].flatMap(({ kinds }) => kinds.get(kind) ?? []);
    const ofGroup = refs.filter((ref) => ref.group === group);
    return ofGroup.find((ref) => ref.version === version) ?? ofGroup[0];
  }

  async #servedNow(apiVersion: string, kind: string): Promise<ResourceRef | undefined> {
    const known = this.#versions.get(apiVersion);
    const kinds = await this.#loadKinds(apiVersion);
    // Names from charts must not fill the memory: only what exists is remembered.
    if (kinds.size > 0) this.#versions.set(apiVersion, { askedMs: performance.now(), kinds });
    else this.#versions.delete(apiVersion);
    if (kinds.has(kind) && !known?.kinds.has(kind)) this.#apiVersions = undefined;
    return kinds.get(kind);
  }

  /** `v1`, `v1/Pod`, `apps/v1`, `apps/v1/Deployment`, …: what charts ask with `.Capabilities.APIVersions.Has`. */
  async apiVersions(): Promise<string[]> {
    const known = this.#apiVersions;
    if (known && performance.now() - known.askedMs < LIST_LIFE_MS) return known.list;
    const [core, groups] = await Promise.all([this.#loadGroups('/api'), this.#loadGroups('/apis')]);
    const list = [...core, ...groups];
    this.#apiVersions = { askedMs: performance.now(), list };
    return list;
  }

  async #loadKinds(apiVersion: string): Promise<Map<string, ResourceRef>> {
    const [group, version] = splitApiVersion(apiVersion);
    const path = group === '' ? `/api/${encodeURIComponent(version)}` : `/apis/${group}/${encodeURIComponent(version)}`;
    const answer = await this.#getOrNothing(path);
    if (answer === undefined) return new Map();
    const decoded = decodeResources(answer);
    if (!decoded.ok) throw malformed(`not a list of resources: ${decoded.error}`);
    return new Map(
      decoded.value.resources
        .filter(({ name }) => !name.includes('/'))
        .map(({ name, kind, namespaced }) => [kind, { group, version, kind, plural: name, namespaced }]),
    );
  }

  /** The one it prefers first. */
  async #loadVersions(group: string): Promise<string[]> {
    const answer = await this.#getOrNothing(`/apis/${group}`);
    if (answer === undefined) return [];
    const decoded = decodeVersions(answer);
    if (!decoded.ok) throw malformed(`not an API group: ${decoded.error}`);
    return decoded.value.versions.map(({ version }) => version);
  }

  /** Undefined: there is no such path. */
  async #getOrNothing(path: string): Promise<unknown> {
    try {
      return await this.#transport.request({ method: 'GET', path });
    } catch (error) {
      if (isKubeError(error) && error.status === 404) return undefined;
      throw error;
    }
  }

  async #loadGroups(path: string): Promise<string[]> {
    const answer = await this.#transport.request({ method: 'GET', path, accept: ACCEPT });
    const decoded = decodeGroups(answer);
    if (!decoded.ok) throw malformed(`not a list of API groups (Kubernetes 1.30 or newer is needed): ${decoded.error}`);
    return decoded.value.items.flatMap(({ metadata, versions }) =>
      versions.flatMap(({ version, resources = [] }) => {
        const apiVersion = metadata?.name ? `${metadata.name}/${version}` : version;
        const kinds = resources.flatMap(({ responseKind }) => responseKind?.kind ?? []);
        return [apiVersion, ...new Set(kinds.map((kind) => `${apiVersion}/${kind}`))];
      }),
    );
  }
}
