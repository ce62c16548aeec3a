import { isFinal, type OperationFailure } from '@steward/shared';
import type { KubeClient } from '../../../kube/client.ts';
import { isKubeError, type KubeError } from '../../../kube/error.ts';
import { observedClient, type Observe } from '../../../kube/observed-client.ts';
import type { Log } from '../../../log.ts';
import type { Journal } from '../../../operations/journal/journal.ts';
import type { OperationRecord, OperationStatus } from '../../../operations/journal/operation-object.ts';
import type { Move } from '../../../operations/journal/transition.ts';

/** A call that failed in a way that passes by itself is told after this; it may be many tries then. */
const TELL_AFTER_MS = 3_000;
/** The same of one that is not answered at all. */
const SLOW_AFTER_MS = 6_000;
const LOOK_MS = 500;
/** Nobody tries it any more: the longest pause between two tries is shorter. */
const GIVEN_UP_AFTER_MS = 30_000;

/** A call that has not succeeded since. Milliseconds are of the monotonic clock. */
interface Waiting {
  what: string;
  since: Date;
  sinceMs: number;
  tries: number;
  why: string | undefined;
  open: number;
  lastMs: number;
  /** Told again when it has lasted twice as long. */
  tellAtMs: number;
}

export interface ApiWaitsOptions {
  record: OperationRecord;
  journal: Pick<Journal, 'say'>;
  /** The API server's time. */
  now: () => Date;
  log: Log;
  monotonic?: () => number;
}

/**
 * Says in an operation what it waits for while the API server does not do what it is asked, in the phase that it is in: the call,
 * why it fails, how often it was tried and since when. When that is over, what was said before is said again.
 */
export class ApiWaits {
  readonly #options: ApiWaitsOptions;
  readonly #nowMs: () => number;
  readonly #waiting = new Map<string, Waiting>();
  #said: { what: string; message: string; before: Pick<OperationStatus, 'message' | 'reason'> } | undefined;
  #isSaying = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ApiWaitsOptions) {
    this.#options = options;
    this.#nowMs = options.monotonic ?? (() => performance.now());
  }

  /** The client that the operation works with. */
  client(kube: KubeClient): KubeClient {
    return observedClient(kube, this.observe);
  }

  readonly observe: Observe = async (what, call) => {
    const one = this.#begin(what);
    try {
      const answer = await call();
      this.#waiting.delete(what);
      return answer;
    } catch (error) {
      if (isKubeError(error) && passesByItself(error)) this.#fail(one, error);
      else this.#waiting.delete(what);
      throw error;
    } finally {
      one.open -= 1;
      one.lastMs = this.#nowMs();
      if (this.#said) this.#say();
    }
  };

  /** Says what is due; called by a timer while there is something to wait for. */
  look(): void {
    const nowMs = this.#nowMs();
    for (const { what, open, lastMs } of this.#waiting.values())
      if (open === 0 && nowMs - lastMs > GIVEN_UP_AFTER_MS) this.#waiting.delete(what);
    if (this.#due()) this.#say();
  }

  /** Nothing is said any more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting.clear();
  }

  #begin(what: string): Waiting {
    const nowMs = this.#nowMs();
    const { now } = this.#options;
    const fresh = { what, since: now(), sinceMs: nowMs, tries: 0, why: undefined, open: 0, lastMs: nowMs };
    const one = this.#waiting.get(what) ?? { ...fresh, tellAtMs: nowMs + SLOW_AFTER_MS };
    one.open += 1;
    this.#waiting.set(what, one);
    this.#plan();
    return one;
  }

  #fail(one: Waiting, { message }: KubeError): void {
    if (one.tries === 0) one.tellAtMs = one.sinceMs + TELL_AFTER_MS;
    one.tries += 1;
    one.why = message.slice(0, 600);
  }

  #plan(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.look();
      if (this.#waiting.size > 0) this.#plan();
    }, LOOK_MS).unref();
  }

  /** The one that has lasted longest, if it is to be told now. */
  #due(): Waiting | undefined {
    const nowMs = this.#nowMs();
    return [...this.#waiting.values()].filter(({ tellAtMs }) => tellAtMs <= nowMs).toSorted(byAge)[0];
  }

  #say(): void {
    // The journal may be what does not answer.
    if (this.#isSaying) return;
    this.#isSaying = true;
    const { journal, record, log } = this.#options;
    const saying = journal.say(record, (status) => this.#moveOf(status));
    void saying
      .catch((error: unknown) => log.debug('what an operation waits for was not said', { error }))
      .finally(() => {
        this.#isSaying = false;
      });
  }

  #moveOf(status: OperationStatus): Move | undefined {
    if (isFinal(status.state) || isAsking(status)) return undefined;
    const due = this.#due();
    if (due) return this.#waitOf(due, status);
    const said = this.#said;
    if (!said || this.#waiting.has(said.what)) return undefined;
    this.#said = undefined;
    const { state, phase, message } = status;
    if (message !== said.message) return undefined;
    return { state, phase, message: said.before.message, ...reasonOf(said.before) };
  }

  #waitOf(due: Waiting, { state, phase, message: present, reason }: OperationStatus): Move {
    due.tellAtMs = due.sinceMs + 2 * (this.#nowMs() - due.sinceMs);
    const before = this.#said?.message === present ? this.#said.before : { message: present, ...reasonOf({ reason }) };
    const message = sentenceOf(due);
    this.#said = { what: due.what, message, before };
    return { state, phase, reason: 'api-unavailable', message };
  }
}

function byAge(a: Waiting, b: Waiting): number {
  return a.sinceMs - b.sinceMs;
}

/** One that cannot be reached at all cannot be written to either. */
function passesByItself(error: KubeError): boolean {
  if (error.status === 0) return error.reason === 'Timeout';
  return error.isTransient || error.silentWebhook !== undefined;
}

/** What is said then holds the commands that answer. */
function isAsking({ state, approval, planDigest }: OperationStatus): boolean {
  return state === 'awaiting-approval' && (approval === undefined || approval.planDigest !== planDigest);
}

function reasonOf({ reason }: { reason?: string | undefined }): { reason?: OperationFailure } {
  return reason === undefined ? {} : { reason: reason as OperationFailure };
}

function sentenceOf({ what, why, tries, since }: Waiting): string {
  const from = `since ${since.toISOString()}`;
  if (why === undefined) return `waiting for the API server of the cluster: ${what} has no answer, ${from}`;
  return `waiting for the API server of the cluster: ${what} fails, tried ${tries} times ${from}. ${why}`;
}
