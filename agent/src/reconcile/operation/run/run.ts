import {
  isFinal,
  releaseNameOf,
  titleOfOperation,
  type OperationKind,
  type OperationPhase,
  type OperationPlan,
  type RunState,
} from '@steward/shared';
import type {
  HistoryEntry,
  InstallationRecord,
  InventoryEntry,
  UnderWay,
} from '../../../operations/installation/installation-object.ts';
import type { StatusPatch } from '../../../operations/installation/installations.ts';
import type { ScheduleStatus } from '../../../operations/installation/schedule-status.ts';
import type { OperationRecord } from '../../../operations/journal/operation-object.ts';
import type { Move } from '../../../operations/journal/transition.ts';
import type { HelmRelease } from '../../adopt/helm-marks.ts';
import type { ReconcileContext } from '../../context.ts';
import type { Outcome } from '../../outcome.ts';
import { classify } from '../../run-state/classes.ts';
import { remedyText } from '../../run-state/remedy-text.ts';
import { asScheduled, dueTurn } from '../../schedule/due-turn.ts';
import { ApiWaits } from './api-waits.ts';
import { Halt, Interruption, isBeforeRemoval, isForGood, Pause } from './interruption.ts';
import { Spans } from './spans.ts';

function haltOf({ reason }: AbortSignal): Halt | undefined {
  const why: unknown = reason;
  return why instanceof Halt ? why : undefined;
}

/** Of these no pod is another one afterwards. */
const COUNT_ONLY: ReadonlySet<OperationKind> = new Set(['scale', 'autoscale']);

/** One operation being carried out: what it is about, how it says what it does, and what may still end it. */
export class Run {
  /** With a client whose calls the operation tells when they have to wait. */
  readonly context: ReconcileContext;
  readonly record: OperationRecord;
  readonly installation: InstallationRecord;
  /** What it is by what runs here, whatever the hub calls it; the policy must agree to each. */
  readonly kinds: readonly [OperationKind, ...OperationKind[]];
  /** How it is to run when it is done, and how it ran before. */
  readonly runState: RunState;
  readonly presentRunState: RunState;
  /** With what its schedule has made of it, which an operation leaves as it is; to start it, or to take away what stops it, is to start it. */
  readonly runsAs: RunState;
  /** It takes away the schedule that has stopped it, or the part that does now. */
  readonly endsScheduledStop: boolean;
  /** The last good generation, when this one runs its very set in another way: nothing is rendered then. */
  readonly sameSet: HistoryEntry | undefined;
  /** Ends the work; what is written down goes on at the next start. */
  readonly signal: AbortSignal;
  /** Fires when the work must end, also because somebody ended the operation before its first write. */
  readonly untilWriting: AbortSignal;
  readonly spans: Spans;
  /** An earlier life of the agent, or an earlier try, has begun with it. */
  readonly isResumed: boolean;
  /** The last look at all of it was good: it only has to be written down, also by another try, and it is too late to stop it. */
  isWhole: boolean;
  readonly #interrupt = new AbortController();
  readonly #halt = new AbortController();
  #halted: Halt | undefined;
  /** What becomes of it is decided, as by {@link decide}. */
  #isDecided = false;
  readonly #untilHalted: AbortSignal;
  readonly #giveUp = new AbortController();
  /** Ends what only waits on the way back: see {@link givenUp}. */
  readonly untilGivenUp: AbortSignal;
  readonly #waits: ApiWaits;
  #isWriting: boolean;
  /** Whether it is too late for a {@link halt}, also while that is only being written. */
  #isForGood: boolean;

  constructor(input: {
    context: ReconcileContext;
    record: OperationRecord;
    installation: InstallationRecord;
    signal: AbortSignal;
    isWhole?: boolean;
  }) {
    const { journal, now, log, kube } = input.context;
    this.#waits = new ApiWaits({ record: input.record, journal, now, log });
    this.context = { ...input.context, kube: this.#waits.client(kube) };
    this.record = input.record;
    this.installation = input.installation;
    this.signal = input.signal;
    this.untilWriting = AbortSignal.any([this.signal, this.#interrupt.signal]);
    this.#untilHalted = AbortSignal.any([this.signal, this.#halt.signal]);
    this.untilGivenUp = AbortSignal.any([this.signal, this.#giveUp.signal]);
    this.isWhole = input.isWhole ?? false;
    this.isResumed = input.record.status.revision > 0;
    const { kinds, runState, present, sameSet } = classify(input.record.spec.desired, input.installation.status);
    this.kinds = kinds;
    this.runState = runState;
    this.presentRunState = present;
    this.sameSet = sameSet;
    this.endsScheduledStop = kinds.includes('schedule') && this.#turn()?.isStopped === false;
    this.runsAs = this.#runsAs();
    this.spans = new Spans(input.record.spec.traceparent, input.record.status.spans ?? []);
    this.#isWriting = input.record.status.state === 'running';
    this.#isForGood = isForGood(input.record.spec.desired, input.record.status.phase);
    this.#haltAsNoted();
  }

  /** As an earlier life of the agent was told, when that has ended its hooks and nothing more. */
  #haltAsNoted(): void {
    const { wayBack, hooks = [] } = this.record.status;
    const noted = wayBack ? undefined : hooks.find(({ cancelled }) => cancelled)?.cancelled;
    if (noted) this.halt(new Halt(noted.ifUnderWay, noted.requestedBy));
  }

  /** Ends what changes the cluster: on the way back only the end of the agent does. */
  get whileWorking(): AbortSignal {
    return this.record.status.wayBack ? this.signal : this.#untilHalted;
  }

  /** How it was last told to stop under way, if it was. */
  get halted(): Halt | undefined {
    return this.#halted;
  }

  /** The same on its way back: what goes back is finished, what is waited for is not waited for any more. */
  get givenUp(): Halt | undefined {
    return haltOf(this.#giveUp.signal);
  }

  /** False when it is too late, or too early: see {@link interrupt}. */
  halt(halt: Halt): boolean {
    if (this.isWhole || !this.#isWriting || this.#isForGood) return false;
    const { wayBack, state } = this.record.status;
    const isDecided = wayBack !== undefined || this.#isDecided;
    if (isFinal(state) || (isDecided && halt.ifUnderWay !== 'hold')) return false;
    if (!isDecided) this.#halted = halt;
    (isDecided ? this.#giveUp : this.#halt).abort(halt);
    return true;
  }

  /** How it was last told to stop under way, if it was. From here on it is only heard that a way back is to be given up. */
  decide(): Halt | undefined {
    this.#isDecided = true;
    return this.#halted;
  }

  /** From here on no order ends it. @throws Halt when one came before */
  goForGood(): void {
    this.#halt.signal.throwIfAborted();
    this.#isForGood = true;
  }

  /** What it was interrupted with, if it was. */
  get interruption(): Interruption | undefined {
    const reason: unknown = this.#interrupt.signal.reason;
    return reason instanceof Interruption ? reason : undefined;
  }

  /** Nothing is done about it any more. */
  end(): void {
    this.#waits.stop();
  }

  /** False when it is too late: it writes already. */
  interrupt(interruption: Interruption): boolean {
    return this.#abort(interruption);
  }

  #abort(why: Interruption | Pause): boolean {
    if (this.#isWriting || isFinal(this.record.status.state)) return false;
    this.#interrupt.abort(why);
    return true;
  }

  /** Ends the run and not the operation, which is to be carried out again. False when it is too late. */
  pause(): boolean {
    return this.#abort(new Pause('its schedule comes first'));
  }

  get isPaused(): boolean {
    return this.#interrupt.signal.reason instanceof Pause;
  }

  /**
   * From here on nothing but its own end ends it. The journal says so, with what was agreed to, before the first change.
   * @throws Interruption when one came before
   */
  async begin(agreed: {
    phase: OperationPhase;
    message: string;
    told: OperationPlan;
    reach: string[];
    lastsMs: number;
  }): Promise<void> {
    const { phase, message, told, reach, lastsMs } = agreed;
    const now = this.context.now();
    this.#interrupt.signal.throwIfAborted();
    this.#isWriting = true;
    this.#isForGood = isForGood(this.record.spec.desired, phase);
    await this.move({
      state: 'running',
      phase,
      message,
      tellsPlan: true,
      also: {
        plan: told,
        planDigest: told.digest,
        reach,
        startedAt: now.toISOString(),
        deadlineAt: new Date(now.getTime() + lastsMs).toISOString(),
      },
    });
  }

  /** Writes into the installation while it is changed, and that it is; see {@link UnderWay}. */
  async write(status: StatusPatch): Promise<void> {
    const { context, installation, record } = this;
    const { renderRef, phase } = record.status;
    const { id: operation, generation, desired } = record.spec;
    const underWay: UnderWay = {
      operation,
      generation,
      ...(renderRef !== undefined && { renderRef }),
      ...(isBeforeRemoval(desired, phase) && { isBeforeRemoval: true }),
    };
    await context.installations.write(installation.name, { ...status, underWay });
  }

  /** The same for what there is of it. */
  async writeInventory(inventory: InventoryEntry[], also: StatusPatch = {}): Promise<void> {
    await this.write({ inventory, ...also });
    this.installation.status.inventory = inventory;
  }

  async move(move: Move): Promise<void> {
    await this.context.journal.move(this.record, { ...move, also: { ...move.also, spans: this.spans.all() } });
  }

  /** Measures a piece of the work; its failure is noted with it. */
  async span<T>(name: string, work: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
    const end = this.spans.start(name);
    try {
      const outcome = await work();
      end(outcome.ok ? undefined : outcome.failure.message);
      return outcome;
    } catch (error) {
      end(error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  /** As which the chart is rendered, and whose objects an adoption takes over. */
  get helmRelease(): HelmRelease {
    const { desired } = this.record.spec;
    return { releaseName: releaseNameOf(desired), namespace: desired.namespace };
  }

  /** No pod is replaced for the name of its image: in an adoption, and where only the count of what was adopted changes. */
  get isAsFound(): boolean {
    if (this.kind === 'adopt') return true;
    return this.sameSet?.isAsFound === true && this.kinds.every((kind) => COUNT_ONLY.has(kind));
  }

  /** What is taken over was this agent's own before its records were lost. */
  get recovers(): boolean {
    return this.kind === 'adopt' && this.record.spec.desired.operation.recovers === true;
  }

  get kind(): OperationKind {
    return this.kinds[0];
  }

  /** What the schedule that it brings makes of it now; undefined when that is what its schedule has made of it. */
  #turn(): ScheduleStatus | undefined {
    return dueTurn(this.runState.schedule, this.installation.status.schedule, this.context.now().getTime());
  }

  #runsAs(): RunState {
    if (this.kind === 'start' || this.endsScheduledStop) return this.runState;
    const { schedule } = this.installation.status;
    // With its records it is gone what the schedule has made of it.
    return asScheduled(this.runState, (this.recovers ? this.#turn() : undefined) ?? schedule);
  }

  /** `upgrade of shop to 2.0.0`; of a scale, a resize or an autoscale, what to. */
  get title(): string {
    const { desired } = this.record.spec;
    const title = titleOfOperation(this.kind, desired.name, desired.release.version);
    const changed = remedyText(this.kind, this.presentRunState, this.runState);
    return changed === '' ? title : `${title} to ${changed}`;
  }
}
