import { AGENT_OBJECT, type HealthReason } from '@steward/shared';
import type { KubeClient, KubeObject, ResourceRef } from '../kube/client.ts';
import type { Log } from '../log.ts';
import { AGENT } from '../operations/kinds.ts';

/** A kind that the customer writes rules in, and how one of it is read: undefined when it can be. */
export interface RuleKind {
  ref: ResourceRef;
  /** What becomes of it that one cannot be read. */
  effect: string;
  fault(object: KubeObject): string | undefined;
}

export interface RuleProblemsOptions {
  kube: KubeClient;
  /** The agent's own, in which the rules are. */
  namespace: string;
  kinds: readonly RuleKind[];
  log: Log;
  signal: AbortSignal;
  /** Others than before. */
  onChange: () => void;
}

const MAX_TOLD = 20;
const MAX_MESSAGE = 900;
/** A folder of rules is applied one by one. */
const SETTLE_MS = 500;
const RETRY_MS = 10_000;

/**
 * Tells at once what of the customer's rules cannot be read: in the Agent object, in the log, and with each installation. The next operation
 * would say so too, and may come in months.
 */
export class RuleProblems {
  readonly #options: RuleProblemsOptions;
  readonly #views: ReadonlyMap<string, HealthReason>[] = [];
  #timer: NodeJS.Timeout | undefined;
  #written = '[]';
  #reasons: readonly HealthReason[] = [];

  constructor(options: RuleProblemsOptions) {
    this.#options = options;
  }

  /** They concern every installation: a rule that cannot be read does not say which ones it is for. */
  get reasons(): readonly HealthReason[] {
    return this.#reasons;
  }

  start(): void {
    const { kube, namespace, kinds, signal } = this.#options;
    for (const kind of kinds) {
      const project = (object: KubeObject): HealthReason | undefined => this.#reasonOf(kind, object);
      const { objects } = kube.watch({
        ref: kind.ref,
        namespace,
        project,
        onChange: () => this.#plan(SETTLE_MS),
        signal,
      });
      this.#views.push(objects);
    }
    // What an agent of before has told may be mended.
    this.#written = '';
    this.#plan(SETTLE_MS);
    signal.addEventListener('abort', () => clearTimeout(this.#timer), { once: true });
  }

  #reasonOf(kind: RuleKind, object: KubeObject): HealthReason | undefined {
    const { ref, effect } = kind;
    const why = kind.fault(object);
    if (why === undefined) return undefined;
    const { name } = object.metadata;
    const message = `${ref.kind} ${name} cannot be read, so ${effect}: ${why}`.slice(0, MAX_MESSAGE);
    const action = `Correct or delete it: kubectl edit ${ref.plural} ${name} -n ${this.#options.namespace}`;
    return { code: 'RuleUnreadable', object: `${ref.kind}/${name}`, message: `${message}. ${action}`.slice(0, 1_000) };
  }

  #plan(waitMs: number): void {
    if (this.#options.signal.aborted) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#tell();
    }, waitMs);
  }

  async #tell(): Promise<void> {
    const { kube, namespace, log, onChange } = this.#options;
    const reasons = this.#views.flatMap((view) => [...view.values()]).slice(0, MAX_TOLD);
    const problems = reasons.map(({ message }) => message);
    const text = JSON.stringify(problems);
    if (text === this.#written) return;
    if (problems.length > 0) log.warn("the customer's rules cannot all be read", { problems });
    this.#reasons = reasons;
    onChange();
    try {
      await kube.patchStatus(AGENT, namespace, AGENT_OBJECT, { status: { problems } });
      this.#written = text;
    } catch (error) {
      if (!this.#options.signal.aborted) log.debug('the problems of rules were not written; trying again', { error });
      this.#plan(RETRY_MS);
    }
  }
}
