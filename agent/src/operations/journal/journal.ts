import { isFinal, type DesiredState } from '@steward/shared';
import { inTurn } from '../../in-turn.ts';
import type { Link, ResultRecord } from '../../link/link.ts';
import type { OperationRecord, OperationStatus } from './operation-object.ts';
import { LostRecordError, OperationStore, type OperationStoreOptions } from './operation-store.ts';
import { persist } from '../persist.ts';
import { NOT_KNOWN, resultOf, statusAfter, summaryOf, type Move } from './transition.ts';

/** What stays in memory of an operation that has ended and whose end the hub has. */
interface Ended {
  id: string;
  name: string;
  uid: string;
  installation: string;
  installationId: string;
  generation: number;
  finishedMs: number;
  formerIds: readonly string[] | undefined;
}

export interface JournalOptions extends OperationStoreOptions {
  link: Pick<Link, 'sendResult'>;
}

/** Ended operations are kept for a day, and no more than this many per installation. */
const KEPT_MS = 24 * 3_600_000;
const KEPT_PER_INSTALLATION = 50;
const ACK_WRITE_DELAY_MS = 1_000;

/**
 * The operations of this cluster, as Operation objects. A transition is in the API server before anybody hears of it,
 * and is told to the hub until the hub has confirmed it.
 */
export class Journal {
  readonly #options: JournalOptions;
  readonly #store: OperationStore;
  /** Not ended, or not confirmed by the hub. */
  readonly #live = new Map<string, OperationRecord>();
  readonly #ended = new Map<string, Ended>();
  /** One write of an operation after the other. */
  readonly #turns = new WeakMap<OperationRecord, Promise<void>>();
  /** Ids of installations of which a backup brought some operation. */
  readonly #restored = new Set<string>();
  #ackTimer: NodeJS.Timeout | undefined;
  /** With the record: when a confirmation comes during a write, that write ends its life in {@link #live}. */
  readonly #acksToWrite = new Map<string, OperationRecord>();

  constructor(options: JournalOptions) {
    this.#options = options;
    this.#store = new OperationStore(options);
  }

  /** Reads what earlier runs left. */
  async load(): Promise<void> {
    for (const record of await this.#store.load()) {
      await this.#takeIn(record);
      if (record.altered) await this.#setRight(record, record.altered);
    }
  }

  /**
   * What the API server has. Without its status, as backup tools leave it unless told otherwise, a restored one looks as if it
   * was only just written down: it is not begun again.
   */
  async #takeIn(record: OperationRecord): Promise<void> {
    const isRestored = await this.#store.isRestored(record);
    if (isRestored) this.#restored.add(record.spec.desired.installationId);
    if (isRestored && record.status.revision === 0) await this.move(record, NOT_KNOWN);
    else this.#keep(record);
  }

  /** Whether a backup brought records of the installation: objects that they name by uid may be others now. */
  isRestored(installationId: string): boolean {
    return this.#restored.has(installationId);
  }

  /** What they name is right again. */
  settled(installationId: string): void {
    this.#restored.delete(installationId);
  }

  /** One that has ended is written as it ended; what goes on says so itself. */
  async #setRight(record: OperationRecord, { state }: OperationStatus): Promise<void> {
    const { log } = this.#options;
    log.warn('somebody changed the status of an operation; what its transitions say counts', {
      ...summaryOf(record),
      to: state,
    });
    if (!isFinal(record.status.state)) return;
    await this.note(record, {}).catch((error: unknown) =>
      log.warn('it was not set right', { name: record.name, error }),
    );
  }

  has(id: string): boolean {
    return this.#live.has(id) || this.#ended.has(id);
  }

  /** Operations of an installation that have not ended, lowest generation first. */
  unfinished(installation: string): OperationRecord[] {
    return [...this.#live.values()]
      .filter((record) => record.spec.installation === installation && !isFinal(record.status.state))
      .sort((a, b) => a.spec.generation - b.spec.generation);
  }

  /** One that has not ended. */
  find(id: string): OperationRecord | undefined {
    const record = this.#live.get(id);
    return record && !isFinal(record.status.state) ? record : undefined;
  }

  /** Names of installations with an operation that has not ended. */
  installationsWithWork(): Set<string> {
    const unfinished = [...this.#live.values()].filter(({ status }) => !isFinal(status.state));
    return new Set(unfinished.map(({ spec }) => spec.installation));
  }

  unfinishedIds(): string[] {
    return [...this.#live.values()].map(({ spec }) => spec.id);
  }

  unconfirmed(installation: string): number {
    return [...this.#live.values()].filter((record) => record.spec.installation === installation).length;
  }

  /** The highest generation that any kept operation of the installation is about. */
  highestGeneration(installationId: string): number {
    const live = [...this.#live.values()].filter(({ spec }) => spec.desired.installationId === installationId);
    const ended = [...this.#ended.values()].filter((entry) => entry.installationId === installationId);
    return Math.max(0, ...live.map(({ spec }) => spec.generation), ...ended.map(({ generation }) => generation));
  }

  /** Of removed installations that had this name, as operations noted that took it. */
  formerIds(installation: string): string[] {
    const live = [...this.#live.values()].map(({ spec }) => spec);
    const kept = [...live, ...this.#ended.values()].filter((one) => one.installation === installation);
    return kept.flatMap(({ formerIds = [] }) => formerIds);
  }

  /** Writes the operation down, before anything is done about it. What is there already stays as it is. */
  async create(desired: DesiredState, traceparent?: string, formerIds: string[] = []): Promise<OperationRecord> {
    const record = await this.#store.create(desired, traceparent, formerIds);
    await this.#takeIn(record);
    return record;
  }

  /** Whether the API server has an operation that this journal did not know: a predecessor's last write may arrive late. */
  async discover(id: string): Promise<boolean> {
    const record = await this.#store.find(id);
    if (record) await this.#takeIn(record);
    return record !== undefined;
  }

  /**
   * Takes what the API server has of an installation's unfinished operations instead of what is known of them.
   * @returns those that are gone
   */
  async refresh(installation: string): Promise<OperationRecord[]> {
    const gone: OperationRecord[] = [];
    for (const record of this.unfinished(installation)) {
      try {
        this.#keep(await this.#store.reload(record));
      } catch (error) {
        if (!(error instanceof LostRecordError)) throw error;
        gone.push(record);
      }
    }
    return gone;
  }

  /** While nothing is written of it. @throws LostRecordError when somebody deleted its object, or made it unreadable */
  async lookFor(record: OperationRecord): Promise<void> {
    await persist(() => this.#store.reload(record), this.#options.signal);
  }

  /** Ends an operation whose object somebody deleted: told until it is confirmed, and written nowhere any more. */
  lose(record: OperationRecord, move: Move): void {
    record.status = statusAfter(record.status, move, this.#options.now());
    const transition = record.status.transitions.at(-1);
    if (transition) this.#options.link.sendResult(resultOf(record, transition));
    this.#options.log.error('the object of an operation was deleted while it went on', summaryOf(record));
  }

  /** Takes the operation one step on: written first, then told. @throws FencedError */
  async move(record: OperationRecord, move: Move): Promise<void> {
    await this.say(record, () => move);
  }

  /** The same with what is to be said when its turn has come; undefined: nothing any more. @throws FencedError */
  async say(record: OperationRecord, moveOf: (status: OperationStatus) => Move | undefined): Promise<void> {
    await inTurn(this.#turns, record, async () => {
      const move = moveOf(record.status);
      if (!move) return;
      const next = statusAfter(record.status, move, this.#options.now());
      await this.#write(record, next);
      const transition = next.transitions.at(-1);
      if (transition) this.#options.link.sendResult(resultOf(record, transition));
      if (isFinal(next.state)) this.#options.log.info('operation ended', summaryOf(record));
    });
  }

  /** Writes something down without telling it. @throws FencedError */
  async note(record: OperationRecord, also: Partial<OperationStatus>): Promise<void> {
    await inTurn(this.#turns, record, () => this.#write(record, { ...record.status, ...also }));
  }

  /** What the hub has not confirmed, per operation in order. */
  unackedResults(): ResultRecord[] {
    return [...this.#live.values()].flatMap((record) =>
      record.status.transitions
        .filter(({ revision }) => revision > record.status.ackedRevision)
        .map((transition) => resultOf(record, transition)),
    );
  }

  /** Answers a frame that came again: with all that is not confirmed, at least with the last word. */
  async repeat(id: string): Promise<void> {
    const record = this.#live.get(id) ?? (await this.#store.find(id));
    if (!record) return;
    const { ackedRevision, revision, transitions } = record.status;
    const from = Math.min(ackedRevision, revision - 1);
    for (const transition of transitions)
      if (transition.revision > from) this.#options.link.sendResult(resultOf(record, transition));
  }

  onAcked(id: string, revision: number): void {
    const record = this.#live.get(id);
    if (!record || revision <= record.status.ackedRevision) return;
    record.status.ackedRevision = Math.min(revision, record.status.revision);
    // Of one that goes on, the next transition writes it.
    if (!isFinal(record.status.state)) return;
    this.#acksToWrite.set(id, record);
    this.#ackTimer ??= setTimeout(() => {
      this.#ackTimer = undefined;
      void this.#writeAcks();
    }, ACK_WRITE_DELAY_MS);
  }

  /** Removes what has ended, is confirmed, and is old or one of too many. */
  async prune(installation: string): Promise<void> {
    const ended = [...this.#ended.values()]
      .filter((entry) => entry.installation === installation)
      .sort((a, b) => b.finishedMs - a.finishedMs);
    const oldestMs = this.#options.now().getTime() - KEPT_MS;
    const extra = ended.filter(({ finishedMs }, index) => index >= KEPT_PER_INSTALLATION || finishedMs < oldestMs);
    for (const { id, name, uid } of extra) {
      await this.#store.remove(name, uid);
      this.#ended.delete(id);
    }
  }

  /** Writes confirmations that wait. */
  async stop(): Promise<void> {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    await this.#writeAcks();
  }

  async #writeAcks(): Promise<void> {
    const waiting = [...this.#acksToWrite];
    this.#acksToWrite.clear();
    for (const [id, noted] of waiting) {
      const record = this.#live.get(id) ?? noted;
      try {
        await inTurn(this.#turns, record, () => this.#write(record, record.status));
      } catch (error) {
        if (error instanceof LostRecordError) this.#live.delete(id);
        // It is confirmed once more after the next welcome.
        this.#options.log.debug('a confirmation was not written', { operation: id, error });
      }
    }
  }

  async #write(record: OperationRecord, next: OperationStatus): Promise<void> {
    const { resourceVersion, status } = await this.#store.write(record, next);
    record.resourceVersion = resourceVersion;
    delete record.altered;
    // A confirmation may have come meanwhile.
    record.status = { ...status, ackedRevision: Math.max(status.ackedRevision, record.status.ackedRevision) };
    this.#keep(record);
  }

  #keep(record: OperationRecord): void {
    const { id, installation, generation, desired, formerIds } = record.spec;
    const { state, revision, ackedRevision, finishedAt } = record.status;
    if (!isFinal(state) || ackedRevision < revision) {
      this.#live.set(id, record);
      return;
    }
    this.#live.delete(id);
    const { name, uid } = record;
    const { installationId } = desired;
    const finishedMs = Date.parse(finishedAt ?? '') || 0;
    this.#ended.set(id, { id, name, uid, installation, installationId, generation, finishedMs, formerIds });
  }
}
