import { setTimeout as delay } from 'node:timers/promises';
import type { DesiredState, OperationFailure } from '@steward/shared';
import type { LookOptions } from '../collect/metrics/installation-metrics.ts';
import { Metrics } from '../collect/metrics/metrics.ts';
import type { MeasuredInstallation } from '../collect/metrics/own-page.ts';
import { belongingsOf } from '../collect/own-objects.ts';
import { Reports } from '../collect/reports.ts';
import type { KubeClient } from '../kube/client.ts';
import { isKubeError } from '../kube/error.ts';
import type { CancelRequest, Link, ResultRecord } from '../link/link.ts';
import type { Log } from '../log.ts';
import { acceptanceOf, DEFINITIONS_TOO_OLD } from '../operations/journal/accept.ts';
import {
  InstallationGoneError,
  Installations,
  type InstallationSummary,
} from '../operations/installation/installations.ts';
import { Journal } from '../operations/journal/journal.ts';
import type { ReconcileConfig, ReconcileContext } from './context.ts';
import { Drifts } from './drift/drifts.ts';
import type { DriftTimings } from './drift/installation-drift.ts';
import { InstallationQueue } from './installation-queue.ts';
import { Monitors } from './monitors.ts';
import { RuleProblems } from '../policy/rule-problems.ts';
import { isUnsettled } from './history/settle.ts';
import { RULE_KINDS } from './rule-kinds.ts';
import { removeOldRenders } from './render/helm.ts';
import { RenderRoom } from './render/render-room.ts';
import { RenderStore } from './render/render-store.ts';
import { Schedules } from './schedule/schedules.ts';
import { ServerTime } from './server-time.ts';

export interface ReconcileOptions {
  kube: KubeClient;
  link: Link;
  config: ReconcileConfig;
  log: Log;
  signal: AbortSignal;
  /**
   * A module that calls `runRenderWorker` with its port when it is loaded in a worker; the bundle passes itself. Without
   * it the module beside this one.
   */
  renderEntry?: URL;
  /** How patient the look for drift is; as it should be unless told. */
  driftTimings?: Partial<DriftTimings>;
  /** How metrics are looked at; as it should be unless told. */
  looks?: Partial<LookOptions>;
}

/** Confirmations that cannot be written in this time come again after the next welcome. */
const STOP_PATIENCE_MS = 2_000;

const suffix = import.meta.url.endsWith('.ts') ? 'ts' : 'js';

/**
 * The reconciling half of the agent: takes desired states from the link, carries their operations out, reports health.
 * It has read the journal and attached itself to the link when it resolves; operations that an earlier run left go on.
 */
export async function startReconcile(
  options: ReconcileOptions,
): Promise<{ measured(): MeasuredInstallation[]; stop(): Promise<void> }> {
  const reconciler = new Reconciler(options);
  await reconciler.start();
  return reconciler;
}

class Reconciler {
  readonly #options: ReconcileOptions;
  readonly #end = new AbortController();
  readonly #signal: AbortSignal;
  readonly #context: ReconcileContext;
  readonly #reports: Reports;
  readonly #drifts: Drifts;
  readonly #metrics: Metrics;
  readonly #rules: RuleProblems;
  readonly #schedules: Schedules;
  readonly #queues = new Map<string, InstallationQueue>();
  /** Desired states are taken in one after the other. */
  #intake: Promise<void> = Promise.resolve();

  constructor(options: ReconcileOptions) {
    this.#options = options;
    const { kube, link, config, log } = options;
    const { namespace } = config;
    this.#signal = AbortSignal.any([options.signal, this.#end.signal]);
    const { now } = new ServerTime(() => kube.serverTime());
    const reports = new Reports(link, Date.now(), () => monitors.haveAllTold());
    this.#reports = reports;
    const common = { kube, namespace, log, signal: this.#signal };
    const installations = new Installations({ ...common, onChange: (summary) => this.#observe(summary) });
    const monitors = new Monitors({
      kube,
      now,
      onHealth: (id, health, before) => reports.setHealth(id, health, before),
      belongings: (name) => installations.byName(name)?.belongings ?? belongingsOf([], []),
      expected: (name) => installations.byName(name)?.workloads ?? [],
      remarks: (name) => [...rules.reasons, ...(installations.byName(name)?.remarks ?? []), ...metrics.problems(name)],
      writtenHealth: (name) => installations.byName(name)?.health,
      writeHealth: async (name, health) => {
        await installations.write(name, { health }).catch((error: unknown) => {
          if (!this.#signal.aborted) log.warn('the health of an installation was not written', { name, error });
        });
      },
    });
    const rules = new RuleProblems({
      ...common,
      kinds: RULE_KINDS,
      onChange: () => installations.all().forEach(({ name }) => monitors.refresh(name)),
    });
    this.#rules = rules;
    const metrics = new Metrics({
      kube,
      now,
      objects: (name) => monitors.measured(name),
      onProblems: (name) => monitors.refresh(name),
      onLook: (look) => link.sendMetrics(look),
      looks: options.looks,
    });
    this.#metrics = metrics;
    this.#context = {
      kube,
      link,
      config,
      journal: new Journal({ ...common, link, now }),
      installations,
      renders: new RenderStore(common),
      room: new RenderRoom(),
      monitors,
      renderEntry: options.renderEntry ?? new URL(`./render/worker/render-worker-main.${suffix}`, import.meta.url),
      now,
      log,
    };
    this.#drifts = new Drifts({
      context: this.#context,
      timings: options.driftTimings,
      onDue: (name) => this.#queueOf(name).wake(),
      signal: this.#signal,
    });
    this.#schedules = new Schedules({
      context: this.#context,
      onDue: (name) => this.#queueOf(name).wake(),
      signal: this.#signal,
    });
  }

  async start(): Promise<void> {
    const { journal, installations, monitors, log } = this.#context;
    const error = await removeOldRenders(this.#options.config.tmpDir);
    if (error !== undefined) log.warn('what earlier renderings left was not removed', { error });
    await journal.load();
    await installations.load();
    for (const installation of installations.all())
      if (installation.watched.length > 0) monitors.watch(installation, installation.watched);
    this.#options.link.attach({
      summary: () => ({
        installations: installations.all().map(({ id, generation, observedGeneration }) => ({
          id,
          generation: Math.max(generation, journal.highestGeneration(id)),
          observedGeneration,
        })),
        unfinishedOperations: journal.unfinishedIds(),
      }),
      reportState: () => this.#reports.state(),
      fullReports: () => this.#reports.full(),
      unackedResults: () => journal.unackedResults(),
      onResultAcked: (id, revision) => journal.onAcked(id, revision),
      onDesired: (desired, { traceparent }) => this.#enqueue(() => this.#take(desired, traceparent)),
      onCancel: (cancel) => this.#enqueue(() => this.#cancel(cancel)),
    });
    const unsettled = installations.all().filter((installation) => isUnsettled(this.#context, installation));
    for (const name of [...journal.installationsWithWork(), ...unsettled.map((one) => one.name)])
      this.#queueOf(name).wake();
    this.#drifts.start();
    this.#schedules.start();
    this.#rules.start();
  }

  /** Of every installation that is not removed. */
  measured(): MeasuredInstallation[] {
    const { installations, monitors } = this.#context;
    const there = installations.all().filter(({ state }) => state !== 'removed');
    return there.map(({ name, namespace, service }) => ({
      name,
      namespace,
      service,
      health: monitors.health(name),
      look: this.#metrics.latest(name),
    }));
  }

  async stop(): Promise<void> {
    const { journal, monitors } = this.#context;
    this.#drifts.stop();
    this.#metrics.stop();
    this.#schedules.stop();
    monitors.stop();
    await Promise.race([journal.stop(), delay(STOP_PATIENCE_MS, undefined, { ref: false })]);
    this.#end.abort(new Error('the agent stops'));
    await Promise.all([this.#intake, ...[...this.#queues.values()].map((queue) => queue.stop())]);
  }

  #enqueue(work: () => Promise<void>): void {
    this.#intake = this.#intake.then(work).catch((error: unknown) => {
      // The hub offers it again after the next welcome.
      if (!this.#signal.aborted) this.#context.log.error('a message of the hub was not taken in', { error });
    });
  }

  async #take(desired: DesiredState, traceparent: string | undefined): Promise<void> {
    const { journal, installations, config, now } = this.#context;
    const { operation, name } = desired;
    const acceptance = acceptanceOf(desired, {
      installations: installations.all(),
      isJournalled: journal.has(operation.id),
      journalledGeneration: journal.highestGeneration(desired.installationId),
      unconfirmed: journal.unconfirmed(name),
      formerIds: journal.formerIds(name),
      reserved: new Set([config.namespace]),
      now: now(),
    });
    switch (acceptance.kind) {
      case 'known':
        await journal.repeat(operation.id);
        if (journal.find(operation.id)) this.#queueOf(name).wake();
        return;
      case 'refuse':
        if (await journal.discover(operation.id)) {
          await journal.repeat(operation.id);
          return this.#queueOf(name).wake();
        }
        return this.#refuse(desired, acceptance);
      case 'accept':
        try {
          await journal.create(desired, traceparent, installations.idsReplacedBy(desired));
        } catch (error) {
          // A newer agent may run beside definitions that know fewer kinds: charts are upgraded without theirs.
          if (isKubeError(error) && error.status === 422) return this.#refuse(desired, DEFINITIONS_TOO_OLD);
          throw error;
        }
        await installations
          .accept(desired, journal.formerIds(name))
          .catch((error: unknown) => {
            // Somebody deleted it: the queue puts it together again, when nothing else writes into it.
            if (!(error instanceof InstallationGoneError)) throw error;
          })
          .finally(() => this.#queueOf(name).wake());
    }
  }

  /** Nothing is written down: when it comes again it is refused again. */
  #refuse(
    { operation, installationId }: DesiredState,
    { state, reason, message }: Pick<ResultRecord, 'state' | 'message'> & { reason: OperationFailure },
  ): void {
    const { link, now } = this.#context;
    const at = now().toISOString();
    link.sendResult({
      operationId: operation.id,
      installationId,
      revision: 1,
      phase: 'verify',
      state,
      reason,
      message,
      at,
    });
  }

  async #cancel(cancel: CancelRequest): Promise<void> {
    const record = this.#context.journal.find(cancel.operationId);
    if (record) await this.#queueOf(record.spec.installation).cancel(record, cancel);
    else await this.#context.journal.repeat(cancel.operationId);
  }

  #queueOf(name: string): InstallationQueue {
    const known = this.#queues.get(name);
    if (known) return known;
    const [context, drifts, schedules] = [this.#context, this.#drifts, this.#schedules];
    const queue = new InstallationQueue({ context, drifts, schedules, name, signal: this.#signal });
    this.#queues.set(name, queue);
    return queue;
  }

  #observe(summary: InstallationSummary): void {
    const { id, generation, observedGeneration, releaseDigest, version, state, message, kept, endpoints } = summary;
    this.#metrics.follow(summary);
    this.#reports.setObserved(id, {
      generation,
      observedGeneration,
      ...(releaseDigest !== undefined && { releaseDigest }),
      ...(version !== undefined && { version }),
      state,
      ...(message !== undefined && { message: message.slice(0, 1_000) }),
      ...(kept.length > 0 && { kept: [...kept] }),
      ...(endpoints.length > 0 && { endpoints: [...endpoints] }),
    });
    if (state === 'removed') this.#reports.endHealth(id);
  }
}
