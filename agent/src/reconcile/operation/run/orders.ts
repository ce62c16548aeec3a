import type { OperationRecord } from '../../../operations/journal/operation-object.ts';
import type { Halt, Interruption } from './interruption.ts';
import type { Run } from './run.ts';

/** How operations of one installation were told to end, by operation id: for each run of them that is still to come. */
export class Orders {
  readonly #interruptions = new Map<string, Interruption>();
  readonly #halts = new Map<string, Halt>();

  /** Counts while it has changed nothing; of several the first. */
  interrupt({ spec: { id } }: OperationRecord, interruption: Interruption): void {
    if (!this.#interruptions.has(id)) this.#interruptions.set(id, interruption);
  }

  /** Counts while it is under way; of several the last. */
  halt({ spec: { id } }: OperationRecord, halt: Halt): void {
    this.#halts.set(id, halt);
  }

  /** What is to end it instead of a run; undefined where there is nothing, and where it is too late. */
  interruptionOf({ spec: { id }, status: { state } }: OperationRecord): Interruption | undefined {
    return state === 'running' ? undefined : this.#interruptions.get(id);
  }

  /** Tells a run of it that has not begun to work. */
  tell(run: Run): void {
    const interruption = this.interruptionOf(run.record);
    if (interruption) run.interrupt(interruption);
    const halt = this.#halts.get(run.record.spec.id);
    if (halt) run.halt(halt);
  }

  /** All others have ended. */
  keepOnly(records: readonly OperationRecord[]): void {
    const ids = new Set(records.map(({ spec }) => spec.id));
    for (const told of [this.#interruptions, this.#halts])
      for (const id of told.keys()) if (!ids.has(id)) told.delete(id);
  }
}
