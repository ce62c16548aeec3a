import {
  comesToAnEnd,
  type ChartHook,
  type HookDeletePolicy,
  type HookEvent,
  type OperationPhase,
} from '@steward/shared';
import type { KubeObject } from '../../kube/client.ts';
import { nameOf } from '../../kube/object.ts';
import type { InventoryEntry } from '../../operations/installation/installation-object.ts';
import type { HookRecord } from '../../operations/journal/operation-object.ts';
import type { Move } from '../../operations/journal/transition.ts';
import { executeStep, type StepContext } from '../execute/steps.ts';
import type { Run } from '../operation/run/run.ts';
import { done, failed, type Failure, type Outcome } from '../outcome.ts';
import { pointOf } from '../history/point-of-no-return.ts';
import { entryName, entryOf, inventoryKey } from '../plan/inventory.ts';
import type { ObjectPlanInput, PlannedObject } from '../plan/plan-object.ts';
import type { ReleaseSet } from '../render/release-set.ts';
import { endEntries } from './abandon-hooks.ts';
import { HookWatch } from './hook-watch.ts';
import { isIrreversible } from './hook-moments.ts';
import { hookName, hookObject, hooksAt, isOfOperation } from './hook-object.ts';
import { findHook, planHook } from './plan-hooks.ts';

export interface HooksOptions {
  event: HookEvent;
  /** What the operation is said to be in meanwhile. */
  phase: OperationPhase;
  deadlineMs: number;
}

/**
 * Runs the hooks of one moment, one after the other, each to its end. Safe to begin again after a kill: what was begun is
 * in the operation's status before it is in the cluster, and goes on from there; nothing is made twice.
 */
export async function runHooks(run: Run, set: ReleaseSet, options: HooksOptions): Promise<Outcome<void>> {
  const hooks = hooksAt(set.hooks, options.event);
  if (hooks.length === 0) return done(undefined);
  const watch = new HookWatch(run, set.meta, options.deadlineMs);
  const runner = new HookRunner(run, set, options, watch);
  try {
    for (const [index, hook] of hooks.entries()) {
      const outcome = await runner.run(hook, { done: index, total: hooks.length });
      if (outcome.ok) continue;
      if (isHeldUp(options, outcome.failure)) return outcome;
      await runner.removeBy('hook-failed', hooks.slice(0, index + 1));
      return outcome;
    }
    await runner.removeBy('hook-succeeded', hooks);
    return done(undefined);
  } finally {
    watch.stop();
  }
}

/** Of a way back that lacks rights: it waits for them and runs the hook again, of which nothing was done, or which goes on. */
function isHeldUp({ phase }: HooksOptions, { reason }: Failure): boolean {
  return phase === 'roll-back' && reason === 'missing-rights';
}

/** How many of the hooks of this moment are done. */
type Progress = NonNullable<Move['progress']>;

class HookRunner {
  readonly #run: Run;
  readonly #set: ReleaseSet;
  readonly #options: HooksOptions;
  readonly #watch: HookWatch;
  readonly #steps: StepContext;

  constructor(run: Run, set: ReleaseSet, options: HooksOptions, watch: HookWatch) {
    this.#run = run;
    this.#set = set;
    this.#options = options;
    this.#watch = watch;
    const { kube, config, now } = run.context;
    const { fieldManager } = config;
    this.#steps = { kube, fieldManager, now, deadlineMs: options.deadlineMs, signal: run.whileWorking };
  }

  async run(hook: ChartHook, progress: Progress): Promise<Outcome<void>> {
    const known = this.#recordOf(hook);
    if (known?.state === 'succeeded') return done(undefined);
    if (known?.state === 'failed') return this.#endAgain(hook, known);
    const { event, phase } = this.#options;
    const named = { begunAs: known?.name, isWayBack: phase === 'roll-back' };
    const object = hookObject(hook, event, this.#run.record.spec.id, named);
    const found = known ? await this.#find(hook, known, object) : done(false);
    if (!found.ok) return this.#fail(hook, found.failure);
    const made = found.value
      ? done(undefined)
      : await this.#tryAndMake(hook, object, { isBegun: known !== undefined, progress });
    if (!made.ok) return made;
    const outcome = comesToAnEnd(object)
      ? await this.#watch.untilEnd(object, (text) => this.#tell(hook, progress, text))
      : done(undefined);
    if (!outcome.ok) return this.#fail(hook, outcome.failure);
    await this.#note(hook, { state: 'succeeded' });
    return done(undefined);
  }

  async #tryAndMake(
    hook: ChartHook,
    object: KubeObject,
    { isBegun, progress }: { isBegun: boolean; progress: Progress },
  ): Promise<Outcome<void>> {
    const planned = await planHook(this.#run, object, this.#until());
    if (!planned.ok) return isBegun ? this.#fail(hook, planned.failure) : this.#refused(hook, planned.failure);
    const begun = isBegun ? done(undefined) : await this.#begin(hook, planned.value, progress);
    if (!begun.ok) return this.#refused(hook, begun.failure);
    const made = await this.#make(hook, planned.value);
    return made.ok ? made : this.#fail(hook, made.failure);
  }

  /** Removes what these hooks made where their policy says so for such an end. */
  async removeBy(policy: HookDeletePolicy, hooks: readonly ChartHook[]): Promise<void> {
    for (const hook of hooks) if (hook.deletePolicies.includes(policy)) await this.#remove(this.#entriesOf(hook));
  }

  #title(hook: ChartHook): string {
    return `${this.#options.event} hook ${hookName(hook)}`;
  }

  /** As progress, since a hook that is tried again and again has no end of it, and the plan is to stay among what is kept. */
  async #tell(hook: ChartHook, progress: Progress, text: string): Promise<void> {
    const count = `${progress.done + 1} of ${progress.total}`;
    const message = `${this.#title(hook)} (${count}) ${text}`.slice(0, 1_000);
    await this.#run.move({ state: 'running', phase: this.#options.phase, message, progress });
  }

  /** Written down before it is made. What the same hook made for an earlier operation goes now. */
  async #begin(hook: ChartHook, planned: PlannedObject, progress: Progress): Promise<Outcome<void>> {
    const { installations } = this.#run.context;
    const { name, status } = this.#run.installation;
    const { event } = this.#options;
    const entry = { ...entryOf(planned.ref, planned.object, planned.uid), hook: hookName(hook) };
    const earlier = this.#entriesOf(hook).filter(({ name: older }) => older !== entry.name);
    const alone = comesToAnEnd(planned.object) ? await this.#endOthers(hook, entry, progress) : done(undefined);
    if (!alone.ok) return alone;
    await this.#remove(earlier);
    await this.#run.writeInventory([...this.#inventoryWithout([entry]), entry]);
    const { meta } = this.#set;
    if (isIrreversible(event, hook.object, meta)) {
      const { generation } = this.#run.record.spec;
      const before = status.pointOfNoReturn?.generation === generation ? `${status.pointOfNoReturn.hooks}, ` : '';
      const pointOfNoReturn = pointOf(generation, `${before}${hookName(hook)} (${event})`, meta);
      await installations.write(name, { pointOfNoReturn });
      status.pointOfNoReturn = pointOfNoReturn;
    }
    await this.#tell(hook, progress, 'begins');
    await this.#note(hook, { state: 'started', name: planned.object.metadata.name });
    return done(undefined);
  }

  /** Nothing that a hook has made runs beside this one, whatever it is called: charts put their version into such names. */
  async #endOthers(hook: ChartHook, own: InventoryEntry, progress: Progress): Promise<Outcome<void>> {
    const others = this.#inventoryWithout([own]).filter((entry) => entry.hook !== undefined && comesToAnEnd(entry));
    for (const entry of await endEntries(others, this.#steps)) {
      await this.#tell(hook, progress, `waits until ${entryName(entry)}, begun before it, is gone with its pods`);
      const ended = await executeStep({ type: 'end', entry, isAwaited: true }, this.#steps);
      if (!ended.ok) return ended;
    }
    return done(undefined);
  }

  async #make(hook: ChartHook, { ref, object, isOurs }: PlannedObject): Promise<Outcome<void>> {
    const step = comesToAnEnd(object)
      ? ({ type: 'make-once', ref, object } as const)
      : ({ type: 'apply', ref, object, force: isOurs } as const);
    const outcome = await executeStep(step, this.#steps);
    if (!outcome.ok) return outcome;
    await this.#noteMade(hook, entryOf(ref, object, outcome.value.uid));
    return done(undefined);
  }

  async #noteMade(hook: ChartHook, made: InventoryEntry): Promise<void> {
    const { uid } = made;
    await this.#note(hook, { state: 'made', ...(uid !== undefined && { uid }) });
    const entry = { ...made, hook: hookName(hook) };
    await this.#run.writeInventory([...this.#inventoryWithout([entry]), entry]);
  }

  /**
   * Whether what an earlier life of the agent began is there; if not, it is still to be made. It is not tried by a dry run: one that
   * runs is not ended for what the cluster would refuse by now. One that is gone may have done its work, or part of it: nobody here
   * can know.
   */
  async #find(hook: ChartHook, { state, uid }: HookRecord, object: KubeObject): Promise<Outcome<boolean>> {
    const found = await findHook(this.#run, object, this.#until());
    if (!found.ok) return found;
    const { ref, live } = found.value;
    if (state === 'made') {
      if (live && (uid === undefined || live.metadata.uid === uid)) return done(true);
      const message = `${nameOf(object)} was begun and then removed by somebody; whether it did its work is not known`;
      return failed('hook-lost', message);
    }
    if (!live || !comesToAnEnd(object) || !isOfOperation(live, this.#run.record.spec.id)) return done(false);
    await this.#noteMade(hook, entryOf(ref, object, live.metadata.uid));
    return done(true);
  }

  #until(): Pick<ObjectPlanInput, 'isLate' | 'signal'> {
    const { context, whileWorking: signal } = this.#run;
    return { isLate: () => context.now().getTime() > this.#options.deadlineMs, signal };
  }

  /** It was not begun, and nothing is noted of it: what is noted has run, and may be what going back does not undo. */
  #refused(hook: ChartHook, { reason, message }: Failure): Outcome<void> {
    const failure: Failure = { reason, message: `${this.#title(hook)}: ${message}` };
    return { ok: false, failure: isHeldUp(this.#options, failure) ? failure : { ...failure, reason: 'hook-failed' } };
  }

  async #fail(hook: ChartHook, failure: Failure): Promise<Outcome<void>> {
    const { reason, message } = failure;
    if (isHeldUp(this.#options, failure)) return this.#refused(hook, failure);
    const record = await this.#note(hook, { state: 'failed', message: message.slice(0, 1_500) });
    return this.#endFailed(hook, record, reason === 'hook-lost' ? reason : 'hook-failed');
  }

  /** What has not come to its own end must not go on after the operation has ended, also where somebody cancels that just now. */
  async #endFailed(
    hook: ChartHook,
    { message = 'it failed' }: HookRecord,
    reason: 'hook-failed' | 'hook-lost' = 'hook-failed',
  ): Promise<Outcome<void>> {
    if (comesToAnEnd(hook.object))
      await endEntries(this.#entriesOf(hook), { ...this.#steps, signal: this.#run.signal });
    return failed(reason, `${this.#title(hook)}: ${message}`);
  }

  /** What an earlier life of the agent may not have ended. @throws Halt where that was told to stop */
  async #endAgain(hook: ChartHook, known: HookRecord): Promise<Outcome<void>> {
    const ended = await this.#endFailed(hook, known);
    if (known.cancelled) this.#run.whileWorking.throwIfAborted();
    return ended;
  }

  #recordOf(hook: ChartHook): HookRecord | undefined {
    return this.#run.record.status.hooks?.find((known) => this.#isOf(hook, known));
  }

  /** One from before the way back is of another set, even where it bears the same name at the same moment. */
  #isOf(hook: ChartHook, { event, hook: name, isBeforeWayBack = false }: HookRecord): boolean {
    return event === this.#options.event && name === hookName(hook) && !isBeforeWayBack;
  }

  async #note(hook: ChartHook, change: Partial<HookRecord> & Pick<HookRecord, 'state'>): Promise<HookRecord> {
    const { journal, now } = this.#run.context;
    const { event } = this.#options;
    const before = this.#recordOf(hook) ?? { event, hook: hookName(hook), name: hook.object.metadata.name };
    const record: HookRecord = { ...before, ...change, at: now().toISOString() };
    const others = (this.#run.record.status.hooks ?? []).filter((known) => !this.#isOf(hook, known));
    await journal.note(this.#run.record, { hooks: [...others, record] });
    return record;
  }

  #entriesOf(hook: ChartHook): InventoryEntry[] {
    const name = hookName(hook);
    return this.#run.installation.status.inventory.filter((entry) => entry.hook === name);
  }

  #inventoryWithout(entries: readonly InventoryEntry[]): InventoryEntry[] {
    const gone = new Set(entries.map(inventoryKey));
    return this.#run.installation.status.inventory.filter((entry) => !gone.has(inventoryKey(entry)));
  }

  /** What goes on is ended with its pods, and stays known until it is gone with them; so does what may not be removed. */
  async #remove(entries: readonly InventoryEntry[]): Promise<void> {
    if (entries.length === 0) return;
    const goesOn = new Set(await endEntries(entries.filter(comesToAnEnd), this.#steps, { isRemoved: true }));
    const gone: InventoryEntry[] = [];
    for (const entry of entries.filter((one) => !goesOn.has(one))) {
      const removed = await executeStep({ type: 'remove', entry, propagation: 'Background' }, this.#steps);
      if (removed.ok) gone.push(entry);
    }
    await this.#run.writeInventory(this.#inventoryWithout(gone));
  }
}
