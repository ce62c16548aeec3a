import type { HealthReason, ReleaseMetrics } from '@steward/shared';
import type { MetricsLook } from '../../link/link.ts';
import type { NamespaceObjects } from '../namespace-objects.ts';
import { Assembler, type Answer } from './assemble.ts';
import { parseExposition } from './exposition.ts';
import { fetchPage } from './fetch-page.ts';
import { serviceOf, targetsOf, type Target } from './targets.ts';

export interface MetricsTimings {
  /** The first look comes within this time: agents that start together must not ask together. */
  startSpreadMs: number;
  /** In place of what the release says; only tests have it. */
  intervalMs?: number;
}

export interface InstallationMetricsOptions {
  installation: { id: string; releaseName: string; metrics: ReleaseMetrics };
  /** What is in its namespace; undefined while that is not watched. */
  objects: () => Pick<NamespaceObjects, 'pods' | 'endpoints'> | undefined;
  now: () => Date;
  timings: MetricsTimings;
  onLook: (look: MetricsLook) => void;
  /** There are others than before. */
  onProblems: () => void;
}

const WIDTH = 4;
const ROUND_MS = 10_000;
const PAGE_MS = 5_000;
/** A pod that just ends or begins is no news. */
const PATIENCE = 2;

/** Looks at the metrics of one installation at the interval that its release declares, and tells what there is and what is wrong. */
export class InstallationMetrics {
  readonly #options: InstallationMetricsOptions;
  readonly #assembler = new Assembler();
  readonly #end = new AbortController();
  /** By endpoint: in how many looks, one after the other, something was wrong. */
  readonly #failures = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;
  #problems: HealthReason[] = [];
  #latest: MetricsLook | undefined;

  constructor(options: InstallationMetricsOptions) {
    this.#options = options;
    this.#plan(Math.random() * options.timings.startSpreadMs);
  }

  get problems(): readonly HealthReason[] {
    return this.#problems;
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
      const { timings, installation } = this.#options;
      const intervalMs = timings.intervalMs ?? installation.metrics.intervalSeconds * 1_000;
      void this.#round().finally(() => this.#plan(Math.max(0, intervalMs - (performance.now() - startedMs))));
    }, waitMs).unref();
  }

  async #round(): Promise<void> {
    const { installation, objects, now, onLook } = this.#options;
    const there = objects();
    if (!there) return;
    const t0 = now().toISOString();
    const { targets, problems } = targetsOf(installation.metrics, there, installation.releaseName);
    const answers = await this.#ask(targets);
    if (this.#end.signal.aborted) return;
    for (const { target, page } of answers)
      if (!page.ok) problems.set(target.endpoint.name, `pod ${target.pod}, port ${target.port}: ${page.error}`);
    this.#latest = undefined;
    if (answers.length > 0) {
      const { table, values, leftOut } = this.#assembler.add(answers);
      this.#latest = { installationId: installation.id, table: table.id, series: table.series, t0, values };
      onLook(this.#latest);
      const first = installation.metrics.endpoints[0]?.name ?? '';
      if (leftOut > 0) problems.set(first, `${leftOut} series are too many and were left out: collect fewer metrics`);
    }
    this.#tell(problems);
  }

  /** A few at a time, all of them within a bound; in the order of the targets. */
  async #ask(targets: readonly Target[]): Promise<Answer[]> {
    const answers: Answer[] = [];
    const round = AbortSignal.any([this.#end.signal, AbortSignal.timeout(ROUND_MS)]);
    const queue = targets.entries();
    const lane = async (): Promise<void> => {
      for (const [at, target] of queue) {
        const page = await fetchPage(target, AbortSignal.any([round, AbortSignal.timeout(PAGE_MS)]));
        const wanted = new Set(target.endpoint.collect);
        answers[at] = { target, page: page.ok ? parseExposition(page.value, wanted) : page };
      }
    };
    await Promise.all(Array.from({ length: WIDTH }, lane));
    return answers;
  }

  #tell(problems: ReadonlyMap<string, string>): void {
    const { releaseName, metrics } = this.#options.installation;
    const told = metrics.endpoints.flatMap((endpoint): HealthReason[] => {
      const problem = problems.get(endpoint.name);
      const count = problem === undefined ? 0 : (this.#failures.get(endpoint.name) ?? 0) + 1;
      this.#failures.set(endpoint.name, count);
      if (problem === undefined || count < PATIENCE) return [];
      const message = `no metrics of endpoint "${endpoint.name}": ${problem}`.slice(0, 1_000);
      return [{ code: 'MetricsUnavailable', object: `Service/${serviceOf(endpoint, releaseName)}`, message }];
    });
    const isSame = JSON.stringify(told) === JSON.stringify(this.#problems);
    this.#problems = told;
    if (!isSame) this.#options.onProblems();
  }
}
