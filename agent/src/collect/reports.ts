import { reportHash, type HealthState, type InstallationHealth } from '@steward/shared';
import type { HealthReport, Link, ObservedReport } from '../link/link.ts';

export type Observed = ObservedReport['set'][string];
type ReportLink = Pick<Link, 'reportHealth' | 'reportObserved' | 'sendEvent'>;

/**
 * What the hub should believe of every installation: its health and what runs. Changes go out at once as keyed deltas;
 * after a welcome, and whenever the hashes differ, the hub gets both in full. Health is only said in full, which ends what the hub knew
 * of all others, when all that are looked at have told theirs: before that what there is goes out as a delta, and all of it once it is
 * whole. One revision counts over both; it starts at the time of the start, so that it also rises over a restart.
 */
export class Reports {
  readonly #link: ReportLink;
  readonly #health = new Map<string, InstallationHealth>();
  readonly #observed = new Map<string, Observed>();
  readonly #isWhole: () => boolean;
  #owesWhole = false;
  #revision: number;

  /** @param isWhole whether each installation that is looked at has told its health */
  constructor(link: ReportLink, startedMs: number, isWhole: () => boolean) {
    this.#link = link;
    this.#revision = startedMs;
    this.#isWhole = isWhole;
  }

  /** Tells the report, and an event when the health itself changed. */
  setHealth(installationId: string, health: InstallationHealth, before: HealthState | undefined): void {
    this.#health.set(installationId, health);
    this.#revision += 1;
    this.#tellHealth({ set: { [installationId]: health }, delete: [] });
    if (before === health.health) return;
    const [reason] = health.reasons;
    const why = reason ? `${reason.object}: ${reason.message}` : `is ${health.health}`;
    this.#link.sendEvent({
      kind: 'health.changed',
      installationId,
      message: why.slice(0, 1000),
      ...(before === undefined ? {} : { from: before }),
      to: health.health,
      at: health.since,
    });
  }

  setObserved(installationId: string, observed: Observed): void {
    this.#observed.set(installationId, observed);
    this.#revision += 1;
    this.#link.reportObserved({
      revision: this.#revision,
      full: false,
      set: { [installationId]: observed },
      delete: [],
    });
  }

  /** The installation is gone: its health is not told any more. What was observed stays. */
  endHealth(installationId: string): void {
    if (!this.#health.delete(installationId) && !this.#owesWhole) return;
    this.#revision += 1;
    this.#tellHealth({ set: {}, delete: [installationId] });
  }

  #tellHealth(change: Pick<HealthReport, 'set' | 'delete'>): void {
    if (this.#owesWhole && this.#isWhole()) this.#link.reportHealth(this.full().health);
    else this.#link.reportHealth({ revision: this.#revision, full: false, ...change });
  }

  state(): { revision: number; hash: string } {
    const view = { health: Object.fromEntries(this.#health), observed: Object.fromEntries(this.#observed) };
    return { revision: this.#revision, hash: reportHash(view) };
  }

  full(): { health: HealthReport; observed: ObservedReport } {
    const common = { revision: this.#revision, delete: [] };
    const isWhole = this.#isWhole();
    this.#owesWhole = !isWhole;
    return {
      health: { ...common, full: isWhole, set: Object.fromEntries(this.#health) },
      observed: { ...common, full: true, set: Object.fromEntries(this.#observed) },
    };
  }
}
