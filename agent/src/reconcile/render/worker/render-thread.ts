import { Worker } from 'node:worker_threads';
import { whenUsedUp } from '@steward/shared';
import { failed, type Failure, type Outcome } from '../../outcome.ts';
import type { PackedSet } from '../release-set.ts';
import type { ManifestsQuestion, ParametersQuestion } from './render-work.ts';
import type { RenderAnswer, RenderQuestion } from './render-worker.ts';

/** In time of the processor that the thread takes for itself: a machine that is busy with something else refuses no chart. */
const START_LIMIT_MS = 10_000;
const PARAMETERS_LIMIT_MS = 2_000;
const MANIFESTS_LIMIT_MS = 15_000;
/** Half of what the agent's pod may use. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 80, maxYoungGenerationSizeMb: 8, stackSizeMb: 4 };

interface Waiting {
  resolve: (answer: RenderAnswer | Failure) => void;
  type: RenderAnswer['type'];
}

/**
 * The main thread's end of a render worker. One per render; always {@link stop} it. A question that takes too long or
 * too much memory ends the thread and is answered with a failure.
 */
export class RenderThread {
  readonly #worker: Worker;
  #waiting: Waiting | undefined;
  #ended: Failure | undefined;
  readonly #ready: Promise<RenderAnswer | Failure>;

  /** @param entry a module that calls `runRenderWorker` when it is loaded in a worker */
  constructor(entry: URL) {
    this.#worker = new Worker(entry, {
      resourceLimits: RESOURCE_LIMITS,
      env: {},
      workerData: 'render',
      execArgv: [],
      name: 'render',
    });
    this.#worker.on('message', (answer: RenderAnswer) => {
      if (this.#waiting?.type === answer.type) this.#settle(answer);
    });
    this.#worker.on('error', (error) => this.#end(failureOf(error)));
    this.#worker.on('exit', () => this.#end({ reason: 'internal', message: 'the render thread ended by itself' }));
    const late = { reason: 'internal', message: 'the render thread did not start' } as const;
    this.#ready = this.#wait('ready', START_LIMIT_MS, late);
  }

  async checkParameters(question: ParametersQuestion): Promise<Outcome<void>> {
    const answer = await this.#ask({ type: 'parameters', ...question }, PARAMETERS_LIMIT_MS, {
      reason: 'invalid-parameters',
      message: "the release's schema takes more than two seconds to check these parameters",
    });
    return 'type' in answer && answer.type === 'parameters' ? answer.outcome : asFailed(answer);
  }

  async readManifests(question: ManifestsQuestion): Promise<Outcome<PackedSet>> {
    const answer = await this.#ask({ type: 'manifests', ...question }, MANIFESTS_LIMIT_MS, {
      reason: 'too-large',
      message: 'what the chart renders to takes too long to read',
    });
    return 'type' in answer && answer.type === 'manifests' ? answer.outcome : asFailed(answer);
  }

  /** Ends the thread, also in the middle of something. Safe twice. */
  async stop(): Promise<void> {
    this.#end({ reason: 'internal', message: 'the render thread was ended' });
    await this.#worker.terminate();
  }

  async #ask(question: RenderQuestion, limitMs: number, late: Failure): Promise<RenderAnswer | Failure> {
    const ready = await this.#ready;
    if (!('type' in ready)) return ready;
    if (this.#ended) return this.#ended;
    const answer = this.#wait(question.type, limitMs, late);
    this.#worker.postMessage(question);
    return answer;
  }

  #wait(type: RenderAnswer['type'], limitMs: number, late: Failure): Promise<RenderAnswer | Failure> {
    const { promise, resolve } = Promise.withResolvers<RenderAnswer | Failure>();
    const forget = whenUsedUp(this.#worker, limitMs, () => {
      this.#end(late);
      void this.#worker.terminate();
    });
    this.#waiting = {
      type,
      resolve: (answer) => {
        forget();
        resolve(answer);
      },
    };
    return promise;
  }

  #settle(answer: RenderAnswer | Failure): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.resolve(answer);
  }

  #end(why: Failure): void {
    this.#ended ??= why;
    this.#settle(this.#ended);
  }
}

function asFailed(answer: RenderAnswer | Failure): { ok: false; failure: Failure } {
  return 'reason' in answer
    ? { ok: false, failure: answer }
    : failed('internal', 'the render thread answered something else');
}

function failureOf(error: unknown): Failure {
  if (error instanceof Error && 'code' in error && error.code === 'ERR_WORKER_OUT_OF_MEMORY')
    return {
      reason: 'too-large',
      message: 'the chart, its schema or its objects need more memory than the agent allows',
    };
  const why = error instanceof Error ? error.message : String(error);
  return { reason: 'internal', message: `the render thread failed: ${why.slice(0, 500)}` };
}
