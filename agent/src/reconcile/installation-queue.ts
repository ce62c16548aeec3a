import { setTimeout as delay } from 'node:timers/promises';
import { isFinal, type OperationKind } from '@steward/shared';
import type { CancelRequest } from '../link/link.ts';
import type { OperationRecord } from '../operations/journal/operation-object.ts';
import { InstallationGoneError } from '../operations/installation/installations.ts';
import { FencedError, LostRecordError } from '../operations/journal/operation-store.ts';
import type { ReconcileContext } from './context.ts';
import type { Drifts } from './drift/drifts.ts';
import { deploy } from './operation/deploy.ts';
import { leave } from './operation/leave.ts';
import { removeSets } from './history/good-generations.ts';
import { acceptOrRemake, readOrRestore } from './history/restore-status.ts';
import { endGivenUp, endLost, endUnbegun } from './operation/run/ends-outside.ts';
import { settle } from './history/settle.ts';
import { sayFirst } from './operation/run/first-words.ts';
import { Halt, Interruption, isForGood, removedBy, superseded } from './operation/run/interruption.ts';
import { Orders } from './operation/run/orders.ts';
import { Run } from './operation/run/run.ts';
import { uninstall } from './operation/uninstall.ts';
import { expireAt } from './run-expiry.ts';
import type { Schedules } from './schedule/schedules.ts';

const CARRIED_OUT_BY: Partial<Record<OperationKind, (run: Run) => Promise<void>>> = { uninstall, leave };
/** After an unexpected error the operation is begun again from the journal, this often. */
const RETRY_DELAYS_MS = [1_000, 5_000, 20_000];
const ERROR_WAKE_MS = 30_000;
/** Longer than a lease: whoever holds it then is the one to go on, and a last write of a predecessor has arrived. */
const FENCED_WAKE_MS = 45_000;

/**
 * The operations of one installation, one at a time, the newest generation first: an older one that has written nothing
 * gives way to it, one that writes is finished before. Its schedule is kept, and drift looked at, when there is none; drift
 * gives way to the first one that comes. Other installations have queues of their own.
 */
export class InstallationQueue {
  readonly #context: ReconcileContext;
  readonly #drifts: Drifts;
  readonly #schedules: Schedules;
  readonly #name: string;
  readonly #signal: AbortSignal;
  /** What is being carried out, also between two tries. */
  #busy: OperationRecord | undefined;
  #current: Run | undefined;
  readonly #orders = new Orders();
  /** The operation that lacks only its last word, by its id: see {@link Run.isWhole}. */
  #whole: string | undefined;
  /** The end of one that was cancelled before its turn. */
  #aside: Promise<void> | undefined;
  /** Ends a look at drift. */
  #look: AbortController | undefined;
  #work: Promise<void> | undefined;

  constructor(options: {
    context: ReconcileContext;
    drifts: Drifts;
    schedules: Schedules;
    name: string;
    signal: AbortSignal;
  }) {
    this.#context = options.context;
    this.#drifts = options.drifts;
    this.#schedules = options.schedules;
    this.#name = options.name;
    this.#signal = options.signal;
  }

  /** There may be something new in the journal, or drift. */
  wake(): void {
    const newest = this.#context.journal.unfinished(this.#name).at(-1);
    const busy = this.#busy;
    if (newest && busy && newest.spec.generation > busy.spec.generation)
      this.#interrupt(busy, superseded(newest.spec.generation));
    if (newest) this.#look?.abort(new Error('an operation comes first'));
    if (this.#schedules.isUrgent(this.#name)) this.#current?.pause();
    this.#work ??= this.#drain().then((isBroken) => {
      this.#work = undefined;
      // Something may have come between the last look and here.
      if (!isBroken && this.#hasMore) this.wake();
    });
  }

  /** Ends an operation that has changed nothing yet, and one under way only as the request says; too late is no error. */
  async cancel(record: OperationRecord, { requestedBy, ifUnderWay }: CancelRequest): Promise<void> {
    const message = `cancelled by ${requestedBy} before it changed anything`;
    const interruption = new Interruption('cancelled', { reason: 'cancelled', message });
    const halt = ifUnderWay && new Halt(ifUnderWay, requestedBy);
    const isBusy = this.#busy?.spec.id === record.spec.id;
    // An earlier life of the agent may have begun it, which is only seen later.
    if (halt && record.status.state !== 'running') this.#orders.halt(record, halt);
    if (!isBusy && record.status.state !== 'running') return this.#endAside(record, interruption);
    if (isBusy && this.#interrupt(record, interruption)) return;
    if (halt === undefined || !this.#halt(record, halt))
      this.#context.log.info('too late to cancel', { operation: record.spec.id, state: record.status.state });
  }

  /** Also where no run of it has begun yet, or the one that has is begun anew after an error. False when it is too late. */
  #halt(record: OperationRecord, halt: Halt): boolean {
    const { id, desired } = record.spec;
    const run = this.#current?.record.spec.id === id ? this.#current : undefined;
    const isTaken = run ? run.halt(halt) : this.#whole !== id && !isForGood(desired, record.status.phase);
    if (!isTaken) return false;
    this.#orders.halt(record, halt);
    return true;
  }

  async #endAside(record: OperationRecord, interruption: Interruption): Promise<void> {
    this.#orders.interrupt(record, interruption);
    this.#aside = this.#end(record, interruption).finally(() => (this.#aside = undefined));
    await this.#aside;
  }

  /** False when it is too late. */
  #interrupt(busy: OperationRecord, interruption: Interruption): boolean {
    // Also while it writes down that it begins, which may fail.
    this.#orders.interrupt(busy, interruption);
    if (this.#current && !this.#current.isPaused) return this.#current.interrupt(interruption);
    return busy.status.state !== 'running';
  }

  /** Resolves when nothing of it runs any more; the signal has fired before. */
  async stop(): Promise<void> {
    await this.#work;
  }

  /** @returns true when it cannot go on */
  async #drain(): Promise<boolean> {
    try {
      await settle(this.#context, this.#name, this.#signal);
      for (;;) {
        const record = await this.#next();
        if (record) await this.#carryOut(record);
        else if (this.#schedules.isDue(this.#name)) await this.#turn();
        else if (this.#hasDrift) await this.#lookForDrift();
        else return false;
      }
    } catch (error) {
      if (this.#signal.aborted) return true;
      const level = error instanceof FencedError ? 'warn' : 'error';
      this.#context.log[level]('operations of an installation are not carried on', { installation: this.#name, error });
      this.#wakeLater(error instanceof FencedError ? FENCED_WAKE_MS : ERROR_WAKE_MS);
      return true;
    }
  }

  /** What it meets is no fault of an operation that waits: it is tried again a moment later. */
  async #turn(): Promise<void> {
    try {
      // What was held has changed nothing, and is tried again every few seconds.
      if ((await this.#schedules.turn(this.#name)) !== 'held') this.#drifts.operationEnded(this.#name);
    } catch (error) {
      if (this.#signal.aborted) throw error;
      this.#context.log.error('a schedule was not kept', { installation: this.#name, error });
    }
  }

  get #hasMore(): boolean {
    const { journal } = this.#context;
    return journal.unfinished(this.#name).length > 0 || this.#schedules.isDue(this.#name) || this.#hasDrift;
  }

  get #hasDrift(): boolean {
    return this.#drifts.of(this.#name)?.isDue ?? false;
  }

  async #lookForDrift(): Promise<void> {
    const look = new AbortController();
    this.#look = look;
    try {
      await this.#drifts.of(this.#name)?.check(AbortSignal.any([this.#signal, look.signal]));
    } catch (error) {
      if (error instanceof InstallationGoneError) await this.#restore();
      else if (this.#signal.aborted || !look.signal.aborted) throw error;
    } finally {
      this.#look = undefined;
    }
  }

  /** Without an operation that brings it: what was seen last is the highest. */
  async #restore(): Promise<void> {
    const known = this.#context.installations.byName(this.#name);
    if (!known || known.state === 'removed') return;
    await readOrRestore(this.#context, this.#name, { before: known.generation + 1, signal: this.#signal });
  }

  /** With what the API server has by then. */
  #wakeLater(afterMs: number): void {
    const timer = setTimeout(() => {
      if (this.#signal.aborted) return;
      void this.#refresh().then(
        () => this.wake(),
        () => this.#wakeLater(afterMs),
      );
    }, afterMs);
    timer.unref();
  }

  async #refresh(): Promise<void> {
    for (const gone of await this.#context.journal.refresh(this.#name)) {
      await endLost(this.#context, gone, this.#signal);
      this.#drifts.operationEnded(this.#name);
    }
  }

  /** What runs already, else the newest; everything older that is left gives way. */
  async #next(): Promise<OperationRecord | undefined> {
    // What is being ended is not begun. Whoever cancels it hears of an error.
    while (this.#aside) await this.#aside.catch(() => {});
    this.#signal.throwIfAborted();
    const unfinished = this.#context.journal.unfinished(this.#name);
    const running = unfinished.find(({ status }) => status.state === 'running');
    const newest = unfinished.at(-1);
    this.#orders.keepOnly(unfinished);
    this.#busy = running ?? newest;
    if (running || !newest) return running;
    for (const older of unfinished.slice(0, -1)) await this.#end(older, superseded(newest.spec.generation));
    return newest;
  }

  /** To its end, whichever. */
  async #carryOut(record: OperationRecord): Promise<void> {
    await this.#trying(record);
    this.#drifts.operationEnded(this.#name);
  }

  async #trying(record: OperationRecord): Promise<void> {
    for (const retryMs of [...RETRY_DELAYS_MS, undefined]) {
      try {
        return await this.#keepingSchedule(record);
      } catch (error) {
        if (this.#signal.aborted || error instanceof FencedError) throw error;
        if (error instanceof LostRecordError) return endLost(this.#context, record, this.#signal);
        const { id } = record.spec;
        this.#context.log.error('an operation met an unexpected error', { operation: id, retryMs, error });
        if (retryMs === undefined) return endGivenUp(this.#context, record, { error, signal: this.#signal });
        await delay(retryMs, undefined, { signal: this.#signal });
      }
    }
  }

  /** Its schedule is kept also while an operation waits, for people or for rights. */
  async #keepingSchedule(record: OperationRecord): Promise<void> {
    for (;;) {
      if (record.status.state !== 'running' && this.#schedules.isUrgent(this.#name)) await this.#turn();
      if ((await this.#once(record)) !== 'paused') return;
    }
  }

  /** @returns `paused` when its schedule comes first, and the operation is to go on after that */
  async #once(record: OperationRecord): Promise<'paused' | void> {
    const context = this.#context;
    const { desired, generation } = record.spec;
    // Tried again after an error that came behind its end.
    if (isFinal(record.status.state)) return;
    const interruption = this.#orders.interruptionOf(record);
    if (interruption) return this.#end(record, interruption);
    const known = context.installations.byName(this.#name);
    if (known?.id !== desired.installationId || known.generation < generation) await acceptOrRemake(context, desired);
    const installation = await readOrRestore(context, this.#name, { before: generation, record, signal: this.#signal });
    const { status } = installation;
    if (record.status.state !== 'running') {
      if (status.generation > generation) return this.#end(record, superseded(status.generation));
      const { state, observedGeneration } = status;
      if (state === 'removed' && observedGeneration < generation)
        return this.#end(record, removedBy(observedGeneration));
    }
    const isWhole = this.#whole === record.spec.id;
    const run = new Run({ context, record, installation, signal: this.#signal, isWhole });
    this.#orders.tell(run);
    if (!(await this.#isThrough(run))) return 'paused';
    await context.journal.prune(this.#name);
  }

  /** @returns false when its schedule comes first */
  async #isThrough(run: Run): Promise<boolean> {
    const { context, record, installation } = run;
    this.#current = run;
    const stopExpiry = expireAt(run);
    try {
      // Its own set is among them when it was killed between the end of its work and the last word; going on needs it.
      const left = (installation.status.unneeded ?? []).filter((reference) => reference !== record.status.renderRef);
      await Promise.all([sayFirst(run), removeSets(context, left)]);
      await (CARRIED_OUT_BY[run.kind] ?? deploy)(run);
      return true;
    } catch (error) {
      if (run.isPaused && !this.#signal.aborted) return false;
      if (!run.interruption || this.#signal.aborted || error instanceof FencedError) throw error;
      await this.#end(record, run.interruption);
      return true;
    } finally {
      stopExpiry();
      run.end();
      if (run.isWhole) this.#whole = record.spec.id;
      this.#current = undefined;
    }
  }

  async #end(record: OperationRecord, { state, failure }: Interruption): Promise<void> {
    await endUnbegun(this.#context, record, { state, failure, signal: this.#signal });
  }
}
