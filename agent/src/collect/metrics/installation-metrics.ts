import type { Decoded, HealthReason, ReleaseMetrics } from '@steward/shared';
import type { KubeClient } from '../../kube/client.ts';
import type { MetricsLook } from '../../link/link.ts';
import type { NamespaceObjects } from '../namespace-objects.ts';
import { Assembler, type Answer } from './assemble.ts';
import { parseExposition, type Sample } from './exposition.ts';
import type { fetchPage } from './fetch-page.ts';
import { loadPodResources } from './pod-resources.ts';
import { Problems } from './problems.ts';
import { serviceOf, targetsOf, type Target } from './targets.ts';

/** How looks are made; as it should be unless told, which only tests do. */
export interface LookOptions {
  /** The first look comes within this time: agents that start together must not ask together. */
  startSpreadMs: number;
  /** In place of what the release says. */
  intervalMs?: number;
  fetchPage: typeof fetchPage;
}

export interface InstallationMetricsOptions {
  kube: Pick<KubeClient, 'list'>;
  installation: { id: string; namespace: string; releaseName: string; metrics: ReleaseMetrics };
  /** What is in its namespace; undefined while that is not watched. */
  objects: () => Pick<NamespaceObjects, 'pods' | 'endpoints'> | undefined;
  now: () => Date;
  looks: LookOptions;
  onLook: (look: MetricsLook) => void;
  /** There are others than before. */
  onProblems: () => void;
}

const WIDTH = 4;
const ROUND_MS = 10_000;
const PAGE_MS = 5_000;
/** A cluster without the metrics API is not asked at every look whether it has one now. */
const MISSING_MS = 600_000;

/** Looks at the metrics of one installation at the interval that its release declares, and tells what there is and what is wrong. */
export class InstallationMetrics {
  readonly #options: InstallationMetricsOptions;
  readonly #assembler = new Assembler();
  readonly #end = new AbortController();
  readonly #problems = new Problems();
  #timer: NodeJS.Timeout | undefined;
  #latest: MetricsLook | undefined;
  #missing: { error: string; untilMs: number } | undefined;

  constructor(options: InstallationMetricsOptions) {
    this.#options = options;
    this.#plan(Math.random() * options.looks.startSpreadMs);
  }

  get problems(): readonly HealthReason[] {
    return this.#problems.told;
  }

  /** Undefined while there is nothing to look at. */
  get latest(): MetricsLook | undefined {
    return this.#latest;
  }

  /** Safe twice. */
  stop(): void {
    this.#end.abort();
    clearTimeout(this.#timer);
  }

  #plan(waitMs: number): void {
    if (this.#end.signal.aborted) return;
    this.#timer = setTimeout(() => {
      const startedMs = performance.now();
      const { looks, installation } = this.#options;
      const intervalMs = looks.intervalMs ?? installation.metrics.intervalSeconds * 1_000;
      void this.#round().finally(() => this.#plan(Math.max(0, intervalMs - (performance.now() - startedMs))));
    }, waitMs).unref();
  }

  async #round(): Promise<void> {
    const { installation, objects, now, onLook, onProblems } = this.#options;
    const there = objects();
    if (!there) return;
    const t0 = now().toISOString();
    const found = targetsOf(installation.metrics, there, installation.releaseName);
    const round = AbortSignal.any([this.#end.signal, AbortSignal.timeout(ROUND_MS)]);
    const [pages, resources] = await Promise.all([this.#ask(found.targets, round), this.#askResources(there, round)]);
    if (this.#end.signal.aborted) return;
    for (const [name, why] of found.problems) this.#complain(name, why);
    this.#latest = undefined;
    const { table, values, leftOut } = this.#assembler.add([...pages, ...resources]);
    if (values.length > 0) {
      this.#latest = { installationId: installation.id, table: table.id, series: table.series, t0, values };
      onLook(this.#latest);
    }
    const fewer = 'are too many and were left out: collect fewer metrics, or metrics with fewer labels';
    if (leftOut > 0) this.#problems.add(this.#namespace, 'left-out', `${leftOut} series ${fewer}`);
    if (this.#problems.end()) onProblems();
  }

  /** A few at a time, all of them within a bound; in the order of the targets. */
  async #ask(targets: readonly Target[], round: AbortSignal): Promise<Answer[]> {
    const answers: Answer[] = [];
    const queue = targets.entries();
    const lane = async (): Promise<void> => {
      for (const [at, target] of queue) {
        const { endpoint, pod, uid } = target;
        const page = await this.#readPage(target, AbortSignal.any([round, AbortSignal.timeout(PAGE_MS)]));
        answers[at] = { key: `${endpoint.name} ${uid}`, own: { endpoint: endpoint.name, pod }, page };
      }
    };
    await Promise.all(Array.from({ length: WIDTH }, lane));
    for (const [at, { endpoint, pod, port }] of targets.entries()) {
      const page = answers[at]?.page;
      if (page?.ok === false) this.#complain(endpoint.name, `pod ${pod}, port ${port}: ${page.error}`);
    }
    return answers;
  }

  async #readPage(target: Target, signal: AbortSignal): Promise<Decoded<Sample[]>> {
    const page = await this.#options.looks.fetchPage(target, signal);
    return page.ok ? parseExposition(page.value, new Set(target.endpoint.collect)) : page;
  }

  /** Of the pods that run; one that just started has no figures yet. */
  async #askResources({ pods }: Pick<NamespaceObjects, 'pods'>, round: AbortSignal): Promise<Answer[]> {
    const { kube, installation } = this.#options;
    if (installation.metrics.resources !== true) return [];
    const found = await this.#resources(kube, installation.namespace, round);
    if (!found.ok) this.#problems.add(this.#namespace, 'resources', `no CPU and memory of the pods: ${found.error}`);
    const running = [...pods.values()].filter(({ phase, goneByMs }) => phase === 'Running' && goneByMs === undefined);
    return running.map(({ name: pod, uid }) => {
      const page: Decoded<Sample[]> = found.ok ? { ok: true, value: found.value.get(pod) ?? [] } : found;
      return { key: `resources ${uid}`, own: { pod }, page };
    });
  }

  async #resources(
    kube: Pick<KubeClient, 'list'>,
    namespace: string,
    round: AbortSignal,
  ): ReturnType<typeof loadPodResources> {
    const nowMs = performance.now();
    if (this.#missing && nowMs < this.#missing.untilMs) return { ok: false, error: this.#missing.error };
    const found = await loadPodResources(kube, namespace, round);
    const isMissing = !found.ok && found.isMissing === true;
    this.#missing = isMissing ? { error: found.error, untilMs: nowMs + MISSING_MS } : undefined;
    return found;
  }

  get #namespace(): string {
    return `Namespace/${this.#options.installation.namespace}`;
  }

  #complain(name: string, why: string): void {
    const { metrics, releaseName } = this.#options.installation;
    const endpoint = metrics.endpoints.find((one) => one.name === name);
    if (!endpoint) return;
    this.#problems.add(`Service/${serviceOf(endpoint, releaseName)}`, name, `no metrics of endpoint "${name}": ${why}`);
  }
}
