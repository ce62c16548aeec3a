import { Injectable, Optional, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Worker } from 'node:worker_threads';
import { whenUsedUp } from '@steward/shared';
import { ProblemError, shuttingDown } from '../http/problem.ts';
import type { SchemaCheckReply, SchemaCheckRequest, SchemaCheckResult } from './schema-check.ts';

/** Of the processor, from the moment the thread is ready: that a machine is busy is nobody's fault. */
const TIME_LIMIT_MS = 2_000;
const START_LIMIT_MS = 20_000;
const MAX_WAITING = 200;

/**
 * Checks values against schemas that vendors wrote. They are strangers' programs (a pattern can run for ever), so it happens in a thread with
 * little memory that is thrown away when it takes too long. One check at a time; the thread stays warm between them.
 */
@Injectable()
export class SchemaCheckerService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  #ready: Promise<Worker | undefined> | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #state: 'open' | 'stopped' = 'open';
  readonly #start: typeof startWorker;

  constructor(@Optional() start: typeof startWorker = startWorker) {
    this.#start = start;
  }

  /** So that the first push does not wait for the thread. */
  onApplicationBootstrap(): void {
    this.#ready ??= this.#start();
  }

  /** @throws ProblemError with when to come again: `too-many-requests` when too many wait already or the thread does not start, `shutting-down` */
  async check(request: SchemaCheckRequest): Promise<SchemaCheckResult> {
    if (this.#waiting >= MAX_WAITING)
      throw new ProblemError('too-many-requests', 'too many parameter checks wait already', { retryAfterSeconds: 2 });
    this.#waiting += 1;
    const turn = this.#last.then(() => this.#ask(request));
    // One that was refused is no reason to refuse the next.
    this.#last = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      this.#waiting -= 1;
    }
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.#state = 'stopped';
    await this.#last;
    await this.#discard();
  }

  async #ask(request: SchemaCheckRequest): Promise<SchemaCheckResult> {
    if (this.#state === 'stopped') throw shuttingDown();
    this.#ready ??= this.#start();
    const worker = await this.#ready;
    if (!worker) {
      this.#ready = undefined;
      throw new ProblemError('too-many-requests', 'the thread that checks parameters did not start in time', {
        action: "try again; if it stays, give the hub's machine more processor or memory",
        retryAfterSeconds: 5,
      });
    }
    const { promise, resolve } = Promise.withResolvers<SchemaCheckResult>();
    const gaveUp = (why: string) => resolve({ kind: 'gave-up', problems: [why] });
    const forget = whenUsedUp(worker, TIME_LIMIT_MS, () => gaveUp(`checking took longer than ${TIME_LIMIT_MS} ms`));
    const onError = (error: Error) => gaveUp(`checking failed: ${error.message}`);
    const onMessage = (reply: SchemaCheckReply) => resolve(reply);
    worker.once('message', onMessage).once('error', onError);
    worker.postMessage(request);
    const result = await promise;
    forget();
    worker.off('message', onMessage).off('error', onError);
    if (result.kind === 'gave-up') await this.#discard();
    return result;
  }

  async #discard(): Promise<void> {
    const worker = await this.#ready;
    this.#ready = undefined;
    await worker?.terminate();
  }
}

/** Undefined when it did not start. */
async function startWorker(): Promise<Worker | undefined> {
  const file = import.meta.url.endsWith('.ts') ? './schema-check-worker.ts' : './schema-check-worker.js';
  const worker = new Worker(new URL(file, import.meta.url), {
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 16, stackSizeMb: 2 },
  });
  // An error ends the thread, also between two checks; whoever waits for an answer hears of it too.
  worker.on('error', () => undefined);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), START_LIMIT_MS);
  worker.once('message', () => resolve(true)).once('exit', () => resolve(false));
  const isReady = await promise;
  clearTimeout(timer);
  // Idle, it must not keep the process alive.
  worker.unref();
  if (isReady) return worker;
  await worker.terminate();
  return undefined;
}
