import type { NamespaceObjects } from '../../collect/namespace-objects.ts';
import { isClaimOf, type ClaimMaker } from '../../collect/objects/storage.ts';
import type { NamespaceView } from '../../collect/namespace-view.ts';
import type { KubeClient, ResourceRef, Watch } from '../../kube/client.ts';
import { markOf } from '../../kube/mark.ts';

/** Kinds that the namespace's view holds already. */
const VIEWED: ReadonlySet<string> = new Set([
  'apps/Deployment',
  'apps/StatefulSet',
  'apps/DaemonSet',
  'batch/Job',
  '/PersistentVolumeClaim',
]);
/** Pods change all the time by themselves. */
const UNWATCHED: ReadonlySet<string> = new Set(['/Secret', '/Pod', 'discovery.k8s.io/EndpointSlice', '/Event']);

interface Opened {
  watch: Watch<string>;
  end: AbortController;
  hasProblem: boolean;
}

/** One object of the set: `kind` as `apps/Deployment`, `object` as `namespace/name`. */
export interface Marked {
  kind: string;
  object: string;
  /** What happens to the claims that it makes happens to it, also while it is gone. */
  makes?: readonly ClaimMaker[];
}

/** The {@link markOf} each object of some kinds in one namespace, kept current by watches. */
export class ObjectMarks {
  readonly #kube: KubeClient;
  readonly #namespace: string;
  readonly #onChange: () => void;
  readonly #opened = new Map<string, Opened>();
  #kinds: ReadonlySet<string> = new Set();
  #view: NamespaceView | undefined;
  #leaveView: (() => void) | undefined;
  #isViewSynced = false;

  constructor(options: { kube: KubeClient; namespace: string; onChange: () => void }) {
    this.#kube = options.kube;
    this.#namespace = options.namespace;
    this.#onChange = options.onChange;
  }

  /** Watches these kinds from now on, by {@link Marked.kind}, and no others; those of the view through it. */
  watch(kinds: ReadonlyMap<string, ResourceRef>, view: NamespaceView): void {
    this.#kinds = new Set(kinds.keys());
    if (this.#view !== view) this.#useView(view);
    for (const [kind, opened] of this.#opened)
      if (!kinds.has(kind)) {
        opened.end.abort();
        this.#opened.delete(kind);
      }
    for (const [kind, ref] of kinds)
      if (!this.#opened.has(kind) && !VIEWED.has(kind) && !UNWATCHED.has(kind)) this.#open(kind, ref);
  }

  /** Resolves when each kind has been listed once; one that may not be watched holds it up. */
  async synced(): Promise<void> {
    await Promise.all([this.#view?.synced(), ...[...this.#opened.values()].map(({ watch }) => watch.synced)]);
  }

  /** Whether what is said of objects of this kind can be relied on now. */
  isCurrent(kind: string): boolean {
    if (!this.#kinds.has(kind)) return false;
    if (VIEWED.has(kind)) return this.#isViewSynced && this.#view?.problem === undefined;
    const opened = this.#opened.get(kind);
    return opened !== undefined && opened.watch.isCurrent && !opened.hasProblem;
  }

  /** Undefined: there is none, as far as is known, nor any claim that it made. */
  get({ kind, object, makes = [] }: Marked): string | undefined {
    const opened = this.#opened.get(kind)?.watch.objects.get(object);
    if (opened !== undefined || !this.#view) return opened;
    const mark = markIn(this.#view.objects, kind, object);
    const marks = [...(mark === undefined ? [] : [mark]), ...claimMarks(this.#view.objects, makes)];
    return marks.length === 0 ? undefined : marks.join(' ');
  }

  stop(): void {
    for (const { end } of this.#opened.values()) end.abort();
    this.#opened.clear();
    this.#leaveView?.();
    this.#view = undefined;
    this.#isViewSynced = false;
  }

  #useView(view: NamespaceView): void {
    this.#leaveView?.();
    this.#view = view;
    this.#isViewSynced = false;
    this.#leaveView = view.subscribe(this.#onChange);
    void view.synced().then(() => {
      if (this.#view !== view) return;
      this.#isViewSynced = true;
      this.#onChange();
    });
  }

  #open(kind: string, ref: ResourceRef): void {
    const end = new AbortController();
    const watch = this.#kube.watch<string>({
      ref,
      namespace: this.#namespace,
      project: markOf,
      onChange: () => this.#onChange(),
      onProblem: (problem) => {
        opened.hasProblem = problem !== undefined;
      },
      signal: end.signal,
    });
    const opened: Opened = { watch, end, hasProblem: false };
    this.#opened.set(kind, opened);
    void watch.synced.then(this.#onChange);
  }
}

function claimMarks({ claims }: NamespaceObjects, makes: readonly ClaimMaker[]): string[] {
  if (makes.length === 0) return [];
  const made = [...claims.values()].filter(({ name }) => makes.some((maker) => isClaimOf(maker, name)));
  return made.map(({ mark }) => mark).toSorted();
}

function markIn(objects: NamespaceObjects, kind: string, object: string): string | undefined {
  if (kind === 'batch/Job') return objects.jobs.get(object)?.mark;
  if (kind === '/PersistentVolumeClaim') return objects.claims.get(object)?.mark;
  const name = kind.split('/')[1];
  for (const workloads of objects.workloads) {
    const workload = workloads.get(object);
    if (workload?.kind === name) return workload?.mark;
  }
  return undefined;
}
