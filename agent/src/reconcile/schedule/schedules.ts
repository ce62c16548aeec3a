import type { ReconcileContext } from '../context.ts';
import { dueTurn } from './due-turn.ts';
import { takeTurn, type Turn } from './take-turn.ts';

const TICK_MS = 5_000;
/** What could not be done is tried again after this; a policy may be another one then. */
const RETRY_MS = 10_000;

export interface SchedulesOptions {
  context: ReconcileContext;
  /** The installation's queue is to call {@link Schedules.turn} when it has nothing else to do. */
  onDue: (installation: string) => void;
  signal: AbortSignal;
}

/** Notices, by the API server's clock, that an installation is to be stopped or started by its schedule. */
export class Schedules {
  readonly #options: SchedulesOptions;
  readonly #notBefore = new Map<string, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: SchedulesOptions) {
    this.#options = options;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#look(), TICK_MS).unref();
    this.#look();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  isDue(name: string): boolean {
    const { installations, now } = this.#options.context;
    const known = installations.byName(name);
    if (!known || known.state === 'pending' || known.state === 'removed') return false;
    if ((this.#notBefore.get(name) ?? 0) > performance.now()) return false;
    return dueTurn(known.schedule, known.scheduled, now().getTime()) !== undefined;
  }

  /** Due, and nothing has held it: worth an interruption of what only waits. */
  isUrgent(name: string): boolean {
    return this.isDue(name) && this.#options.context.installations.byName(name)?.scheduled?.held === undefined;
  }

  async turn(name: string): Promise<Turn> {
    const { context, signal } = this.#options;
    const later = (): void => void this.#notBefore.set(name, performance.now() + RETRY_MS);
    later();
    const turn = await takeTurn(context, name, signal);
    if (turn === 'done') this.#notBefore.delete(name);
    // It may have waited longer for an API than until the next is due: what else there is to do comes between.
    else later();
    return turn;
  }

  #look(): void {
    for (const { name } of this.#options.context.installations.all()) if (this.isDue(name)) this.#options.onDue(name);
  }
}
