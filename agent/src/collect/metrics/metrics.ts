import type { HealthReason, ReleaseMetrics } from '@steward/shared';
import type { MetricsLook } from '../../link/link.ts';
import { fetchPage } from './fetch-page.ts';
import { InstallationMetrics, type InstallationMetricsOptions, type LookOptions } from './installation-metrics.ts';

export interface MetricsOptions extends Pick<InstallationMetricsOptions, 'kube' | 'now' | 'onLook'> {
  /** What is in the namespace of an installation. */
  objects: (installation: string) => ReturnType<InstallationMetricsOptions['objects']>;
  onProblems: (installation: string) => void;
  looks?: Partial<LookOptions> | undefined;
}

/** Metrics of all installations whose releases declare any; of the others nothing is done at all. */
export class Metrics {
  readonly #options: MetricsOptions;
  readonly #running = new Map<string, { text: string; metrics: InstallationMetrics }>();
  #isStopped = false;

  constructor(options: MetricsOptions) {
    this.#options = options;
  }

  /** Begins, goes on, or ends, as an installation is now. */
  follow(installation: {
    id: string;
    name: string;
    namespace: string;
    releaseName: string | undefined;
    metrics: ReleaseMetrics | undefined;
  }): void {
    const { id, name, namespace, releaseName = name, metrics } = installation;
    const isWanted = metrics !== undefined && (metrics.endpoints.length > 0 || metrics.resources === true);
    const text = isWanted ? JSON.stringify([id, namespace, releaseName, metrics]) : '';
    const known = this.#running.get(name);
    if (this.#isStopped || (known?.text ?? '') === text) return;
    known?.metrics.stop();
    this.#running.delete(name);
    if (!isWanted) return;
    const { kube, objects, onProblems, looks, now, onLook } = this.#options;
    const made = new InstallationMetrics({
      kube,
      installation: { id, namespace, releaseName, metrics },
      objects: () => objects(name),
      onProblems: () => onProblems(name),
      looks: { startSpreadMs: 10_000, fetchPage, ...looks },
      now,
      onLook,
    });
    this.#running.set(name, { text, metrics: made });
  }

  /** What is wrong with the metrics of an installation. */
  problems(name: string): readonly HealthReason[] {
    return this.#running.get(name)?.metrics.problems ?? [];
  }

  /** What was measured of an installation last, if it is measured and was there. */
  latest(name: string): MetricsLook | undefined {
    return this.#running.get(name)?.metrics.latest;
  }

  /** For good: what still ends elsewhere must not begin anything here. */
  stop(): void {
    this.#isStopped = true;
    for (const { metrics } of this.#running.values()) metrics.stop();
    this.#running.clear();
  }
}
