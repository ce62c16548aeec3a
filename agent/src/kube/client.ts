/** A Kubernetes object as it came: JSON whose metadata has been checked, the rest is for the reader to decode. */
export interface KubeObject {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
  [field: string]: unknown;
}

export interface ObjectMeta {
  name: string;
  namespace?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
  finalizers?: string[];
  [field: string]: unknown;
}

export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
}

/** Where objects of a kind live in the API. `group` is empty for the core group. */
export interface ResourceRef {
  group: string;
  version: string;
  kind: string;
  plural: string;
  namespaced: boolean;
}

export type KindInVersion = Pick<ResourceRef, 'group' | 'version' | 'kind'>;

export interface RequestOptions {
  signal?: AbortSignal;
}

export interface ListOptions extends RequestOptions {
  labelSelector?: string;
  fieldSelector?: string;
  /** Objects per request; 50 unless told. */
  pageSize?: number;
  /** Only these are kept, and count; all unless told. */
  keeps?: (object: KubeObject) => boolean;
  /** More than this is a `TooLarge` error rather than memory; 5,000 unless told. */
  maxObjects?: number;
}

export interface ApplyOptions extends RequestOptions {
  fieldManager: string;
  /** Takes fields over from other managers instead of failing with `Conflict`. */
  force?: boolean;
  dryRun?: boolean;
}

export interface PatchOptions extends RequestOptions {
  fieldManager?: string;
  dryRun?: boolean;
}

export interface EvictOptions extends RequestOptions {
  /** Only the very pod of this uid. */
  uid: string;
}

export interface RemoveOptions extends RequestOptions {
  /** Precondition: another object of the same name is not deleted (`Conflict`). */
  uid?: string;
  propagation?: 'Background' | 'Foreground' | 'Orphan';
  gracePeriodSeconds?: number;
  dryRun?: boolean;
}

/** A question to the API server: may I? `namespace` is absent for cluster-scoped resources. */
export interface AccessCheck {
  namespace?: string;
  group: string;
  resource: string;
  subresource?: string;
  verb: string;
  name?: string;
}

/** `set`: new or changed. `delete`: gone, also when that was only noticed by listing again. */
export type WatchEvent<T> =
  | { type: 'set'; key: string; object: T; previous: T | undefined }
  | { type: 'delete'; key: string; previous: T };

export interface WatchOptions<T> {
  ref: ResourceRef;
  /** Absent: all namespaces (or a cluster-scoped resource). */
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  /** Makes the small thing that is kept in memory; undefined leaves the object out. Must not keep a reference to what it was given. */
  project: (object: KubeObject) => T | undefined;
  /**
   * Called in the order of the API server, one at a time, never after the signal. Must return at once: what takes
   * time goes into the reader's own queue.
   */
  onChange: (event: WatchEvent<T>) => void;
  /** Why the view is not current (refused, unreachable), or undefined when it is again. Called on changes only. */
  onProblem?: (problem: Error | undefined) => void;
  signal: AbortSignal;
}

/** A list that is kept current until its signal fires. */
export interface Watch<T> {
  /** `namespace/name`, or the name of a cluster-scoped object. Live: it changes before `onChange` is called. */
  readonly objects: ReadonlyMap<string, T>;
  /** Resolves after the first complete list has been delivered to `onChange`; never rejects, also when the signal fires. */
  readonly synced: Promise<void>;
  readonly isCurrent: boolean;
}

/**
 * The API server, by one HTTP/2 connection. Every method but `watch` ends within its timeout with the decoded answer or
 * a `KubeError`; none repeats a request by itself, except once when the connection turns out to be dead before the
 * request was sent.
 */
export interface KubeClient {
  /** From a built-in table, else from discovery, which is cached and asked again on a miss. Undefined: there is no such kind. */
  resourceOf(apiVersion: string, kind: string): Promise<ResourceRef | undefined>;
  /**
   * The kind in that version, or in another one that its group serves: what was applied in a version that is served no longer
   * lives on in the others. A version is remembered until a {@link get} finds that it is served no longer, so the answer is certain
   * only after one. Undefined is asked for each time: no version has it, and all that was of it is gone.
   */
  servedAs(kind: KindInVersion): Promise<ResourceRef | undefined>;
  /** Undefined when there is none. */
  get(
    ref: ResourceRef,
    namespace: string | undefined,
    name: string,
    options?: RequestOptions,
  ): Promise<KubeObject | undefined>;
  list(ref: ResourceRef, namespace: string | undefined, options?: ListOptions): Promise<KubeObject[]>;
  create(object: KubeObject, options?: RequestOptions & { dryRun?: boolean }): Promise<KubeObject>;
  /** Replaces; the object's resourceVersion, when it has one, is the precondition. */
  update(object: KubeObject, options?: RequestOptions): Promise<KubeObject>;
  /** Server-side apply. The answer of an apply that changes nothing has an unchanged resourceVersion. */
  apply(object: KubeObject, options: ApplyOptions): Promise<KubeObject>;
  /** Server-side apply of the status subresource. */
  applyStatus(object: KubeObject, options: ApplyOptions): Promise<KubeObject>;
  /** JSON merge patch of the status subresource: `{ status: … }` plus a precondition in `metadata.resourceVersion` if wanted. */
  patchStatus(
    ref: ResourceRef,
    namespace: string | undefined,
    name: string,
    patch: MergePatch,
    options?: RequestOptions,
  ): Promise<KubeObject>;
  /**
   * Sets these fields of the status, each as a whole: of a map that was there nothing stays that the new one does not say, which a
   * merge patch would keep. Null removes a field.
   */
  setStatusFields(
    ref: ResourceRef,
    namespace: string | undefined,
    name: string,
    fields: Readonly<Record<string, unknown>>,
    options?: RequestOptions,
  ): Promise<KubeObject>;
  mergePatch(
    ref: ResourceRef,
    namespace: string | undefined,
    name: string,
    patch: MergePatch,
    options?: PatchOptions,
  ): Promise<KubeObject>;
  /** False when there was nothing to delete. True says accepted: finalizers and grace periods may keep it for a while. */
  remove(ref: ResourceRef, namespace: string | undefined, name: string, options?: RemoveOptions): Promise<boolean>;
  /**
   * Has a pod deleted if disruption budgets allow it now. False when there is none of that name.
   * @throws KubeError with {@link KubeError.isByBudget} when a budget does not allow it now
   */
  evict(namespace: string, name: string, options: EvictOptions): Promise<boolean>;
  /** What of this the agent may not do, in the order asked. One rules review per namespace, then single reviews of what that left open. */
  missingAccess(checks: readonly AccessCheck[], options?: RequestOptions): Promise<AccessCheck[]>;
  /** `v1.36.3`, for `helm template --kube-version` */
  version(): Promise<string>;
  /** `v1`, `apps/v1`, `apps/v1/Deployment`, … for `helm template --api-versions` */
  apiVersions(): Promise<string[]>;
  /** The API server's clock, moved on from the last answer by the monotonic clock; undefined before the first answer. */
  serverTime(): Date | undefined;
  watch<T>(options: WatchOptions<T>): Watch<T>;
  /** Ends the connection; requests under way fail. Safe twice. */
  close(): void;
}

/** RFC 7386: null removes a field. */
export type MergePatch = Record<string, unknown>;
