import type { KubeClient, KubeObject, Watch, WatchEvent } from '../kube/client.ts';
import { isKubeError } from '../kube/error.ts';
import { WATCHED, type NamespaceObjects, type WatchedKind } from './namespace-objects.ts';
import type { JobView } from './objects/job.ts';
import type { PodView } from './objects/pod.ts';
import type { EndpointsView } from './objects/endpoints.ts';
import type { ClaimView } from './objects/storage.ts';
import { lacksPods, type WorkloadView } from './objects/workload.ts';

interface Opened<T> {
  watch: Watch<T>;
  end: AbortController;
}
interface OpenedKinds {
  Pod?: Opened<PodView>;
  PersistentVolumeClaim?: Opened<ClaimView>;
  Deployment?: Opened<WorkloadView>;
  StatefulSet?: Opened<WorkloadView>;
  DaemonSet?: Opened<WorkloadView>;
  Job?: Opened<JobView>;
  EndpointSlice?: Opened<EndpointsView>;
}

/** Changes that arrive within this time are told as one. */
const COALESCE_MS = 5;
const NOTHING: ReadonlyMap<string, never> = new Map<string, never>();

export interface NamespaceViewOptions {
  kube: KubeClient;
  namespace: string;
  now: () => Date;
  /** Something changed, or a problem came or went. Called from a timer, at most every few milliseconds. */
  onChange: () => void;
}

/**
 * What is in one namespace, kept current by watches over the wanted kinds only. Also what is a neighbour's: see own-objects.ts. Readers {@link subscribe} and look at {@link objects} when told.
 */
export class NamespaceView {
  readonly #options: NamespaceViewOptions;
  readonly #opened: OpenedKinds = {};
  readonly #problems = new Map<WatchedKind, Error>();
  readonly #listeners = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: NamespaceViewOptions) {
    this.#options = options;
  }

  /** Watches these kinds from now on, and no others. Safe to call again with the same. */
  watch(kinds: ReadonlySet<WatchedKind>): void {
    for (const kind of Object.keys(this.#opened) as WatchedKind[]) if (!kinds.has(kind)) this.#close(kind);
    for (const kind of kinds) if (!this.#opened[kind]) this.#open(kind);
  }

  get objects(): NamespaceObjects {
    const { Pod, PersistentVolumeClaim, Deployment, StatefulSet, DaemonSet, Job, EndpointSlice } = this.#opened;
    return {
      pods: Pod?.watch.objects ?? NOTHING,
      claims: PersistentVolumeClaim?.watch.objects ?? NOTHING,
      jobs: Job?.watch.objects ?? NOTHING,
      endpoints: EndpointSlice?.watch.objects ?? NOTHING,
      workloads: [Deployment, StatefulSet, DaemonSet].flatMap((opened) => opened?.watch.objects ?? []),
    };
  }

  /** Resolves when every kind has been listed once. */
  async synced(): Promise<void> {
    await Promise.all(Object.values(this.#opened).map(({ watch }: Opened<unknown>) => watch.synced));
  }

  /** Why some of it may be old; undefined when all is current. */
  get problem(): string | undefined {
    const [first] = this.#problems;
    return first && `${first[0]} cannot be watched: ${first[1].message}`;
  }

  /** The agent may not look at some of it. */
  get lacksRights(): boolean {
    return [...this.#problems.values()].some((problem) => isKubeError(problem, 'Forbidden'));
  }

  /** Tells after each change until the function returned is called. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ends all watches. Safe twice. */
  stop(): void {
    for (const kind of Object.keys(this.#opened) as WatchedKind[]) this.#close(kind);
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#listeners.clear();
  }

  #close(kind: WatchedKind): void {
    this.#opened[kind]?.end.abort();
    delete this.#opened[kind];
    this.#problems.delete(kind);
    this.#changed();
  }

  #open(kind: WatchedKind): void {
    const opened = this.#opened;
    switch (kind) {
      case 'Pod':
        opened.Pod = this.#start(kind, WATCHED.Pod.project, keepReadiness);
        break;
      case 'PersistentVolumeClaim':
        opened.PersistentVolumeClaim = this.#start(kind, WATCHED.PersistentVolumeClaim.project);
        break;
      case 'Deployment':
      case 'StatefulSet':
      case 'DaemonSet':
        opened[kind] = this.#start(kind, WATCHED[kind].project, (now, before) => this.#keepWorkload(now, before));
        break;
      case 'Job':
        opened.Job = this.#start(kind, WATCHED.Job.project);
        break;
      case 'EndpointSlice':
        opened.EndpointSlice = this.#start(kind, WATCHED.EndpointSlice.project, (now, before) =>
          this.#keepUnready(now, before),
        );
        break;
    }
  }

  #start<T>(
    kind: WatchedKind,
    project: (object: KubeObject) => T | undefined,
    carry?: (now: T, before: T | undefined) => void,
  ): Opened<T> {
    const end = new AbortController();
    const watch = this.#options.kube.watch<T>({
      ref: WATCHED[kind].ref,
      namespace: this.#options.namespace,
      project,
      signal: end.signal,
      onChange: (event: WatchEvent<T>) => {
        if (event.type === 'set') carry?.(event.object, event.previous);
        this.#changed();
      },
      onProblem: (problem) => {
        if (problem) this.#problems.set(kind, problem);
        else this.#problems.delete(kind);
        this.#changed();
      },
    });
    void watch.synced.then(() => this.#changed());
    return { watch, end };
  }

  #keepUnready(now: EndpointsView, before: EndpointsView | undefined): void {
    if (now.ready === 0) now.unreadySinceMs = before?.unreadySinceMs ?? this.#options.now().getTime();
  }

  #keepWorkload(now: WorkloadView, before: WorkloadView | undefined): void {
    keepGenerationsReadiness(now, before);
    if (lacksPods(now)) now.lacksPodsSinceMs = before?.lacksPodsSinceMs ?? this.#options.now().getTime();
  }

  #changed(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#options.onChange();
      for (const listener of this.#listeners) listener();
    }, COALESCE_MS);
  }
}

function keepReadiness(now: PodView, before: PodView | undefined): void {
  if (now.uid === before?.uid && before.hasBeenReady) now.hasBeenReady = true;
}

function keepGenerationsReadiness(now: WorkloadView, before: WorkloadView | undefined): void {
  if (now.generation === before?.generation && before.hasBeenReady) now.hasBeenReady = true;
}
