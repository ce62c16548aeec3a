import { hasPause } from '../../operations/installation/installation-object.ts';
import { INSTALLATION, SUPPORT_POLICY } from '../../operations/kinds.ts';
import type { InstallationSummary } from '../../operations/installation/installations.ts';
import type { ReconcileContext } from '../context.ts';
import { Slots } from '../render/slots.ts';
import { DRIFT_TIMINGS, InstallationDrift, type DriftTimings } from './installation-drift.ts';
import type { Told } from './ledger.ts';

export interface DriftsOptions {
  context: ReconcileContext;
  timings?: Partial<DriftTimings> | undefined;
  /** The installation's queue is to call {@link InstallationDrift.check} when it has nothing else to do. */
  onDue: (installation: string) => void;
  signal: AbortSignal;
}

/** The drift of every installation that runs. */
export class Drifts {
  readonly #options: DriftsOptions;
  readonly #timings: DriftTimings;
  readonly #slots = new Slots(1);
  readonly #drifts = new Map<string, InstallationDrift>();
  readonly #end = new AbortController();
  #slowTimer: NodeJS.Timeout | undefined;

  constructor(options: DriftsOptions) {
    this.#options = options;
    this.#timings = { ...DRIFT_TIMINGS, ...options.timings };
  }

  start(): void {
    const { context } = this.#options;
    for (const { name, state } of context.installations.all())
      if (state !== 'removed') this.#lookAtAll(name, Math.random() * this.#timings.startSpreadMs);
    this.#watchCustomer();
    this.#planSlow();
  }

  stop(): void {
    this.#end.abort();
    clearTimeout(this.#slowTimer);
    for (const drift of this.#drifts.values()) drift.stop();
    this.#drifts.clear();
  }

  of(installation: string): InstallationDrift | undefined {
    return this.#drifts.get(installation);
  }

  /** Another set may run now, and somebody may have changed it while the operation had the word. */
  operationEnded(installation: string): void {
    this.#lookAtAll(installation, this.#timings.settleMs);
  }

  #lookAtAll(name: string, afterMs: number): void {
    const known = this.#options.context.installations.byName(name);
    if (!known || this.#end.signal.aborted) return;
    const drift = this.#drifts.get(name) ?? this.#create(known);
    drift.lookAtAll(afterMs);
  }

  #create({ name, namespace }: InstallationSummary): InstallationDrift {
    const { context, onDue, signal } = this.#options;
    const drift = new InstallationDrift({
      context,
      name,
      namespace,
      timings: this.#timings,
      slots: this.#slots,
      tell: (told, installationId) => this.#tell(told, installationId),
      onDue: () => onDue(name),
      signal,
    });
    this.#drifts.set(name, drift);
    return drift;
  }

  #tell({ kind, message }: Told, installationId: string): void {
    const { link, now, log } = this.#options.context;
    log.info('drift', { kind, installationId, said: message });
    link.sendEvent({ kind, installationId, message: message.slice(0, 1_000), at: now().toISOString() });
  }

  /** The customer may have lifted a freeze, or a pause, or set one. */
  #watchCustomer(): void {
    const { context } = this.#options;
    const { kube, config } = context;
    const common = { namespace: config.namespace, signal: this.#end.signal };
    kube.watch({ ...common, ref: SUPPORT_POLICY, project: () => true, onChange: () => this.#lookAgain() });
    kube.watch({
      ...common,
      ref: INSTALLATION,
      project: ({ metadata: { name, annotations } }) => ({ name, isPaused: hasPause(annotations) }),
      onChange: (event) => {
        if (event.type === 'delete') this.#lookForGone(event.previous.name);
        else if (event.object.isPaused !== (event.previous?.isPaused ?? false)) this.#lookAtAll(event.object.name, 0);
      },
    });
  }

  /** The look finds that it is gone, and its queue puts it together again. */
  #lookForGone(name: string): void {
    if (this.#options.context.installations.byName(name)?.state !== 'removed') this.#lookAtAll(name, 0);
  }

  #lookAgain(): void {
    const { installations } = this.#options.context;
    for (const [name, drift] of this.#drifts) drift.lookAgain(installations.byName(name)?.openDrift ?? []);
  }

  #planSlow(): void {
    const waitMs = this.#timings.slowMs * (0.8 + 0.4 * Math.random());
    this.#slowTimer = setTimeout(() => {
      this.#lookAgain();
      this.#planSlow();
    }, waitMs).unref();
  }
}
