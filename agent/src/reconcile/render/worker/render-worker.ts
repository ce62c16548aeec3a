import type { MessagePort } from 'node:worker_threads';
import type { Outcome } from '../../outcome.ts';
import type { PackedSet } from '../release-set.ts';
import { checkedParameters, packedSet, type ManifestsQuestion, type ParametersQuestion } from './render-work.ts';

export type RenderQuestion =
  | ({ type: 'parameters' } & ParametersQuestion)
  | ({ type: 'manifests' } & ManifestsQuestion);

export type RenderAnswer =
  | { type: 'ready' }
  | { type: 'parameters'; outcome: Outcome<void> }
  | { type: 'manifests'; outcome: Outcome<PackedSet> };

/**
 * The thread's end: in it happens what a chart could make large or slow. It has bounds of its own, and its memory is gone
 * when it ends.
 */
export function runRenderWorker(port: MessagePort): void {
  port.on('message', (question: RenderQuestion) => {
    port.postMessage(answer(question));
  });
  port.postMessage({ type: 'ready' } satisfies RenderAnswer);
}

function answer(question: RenderQuestion): RenderAnswer {
  return question.type === 'parameters'
    ? { type: 'parameters', outcome: checkedParameters(question) }
    : { type: 'manifests', outcome: packedSet(question) };
}
