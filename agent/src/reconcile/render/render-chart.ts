import { answeringChart, askedLookup, ChartTooLargeError, LIMITS, type AnsweringChart } from '@steward/shared';
import { done, failed, type Outcome } from '../outcome.ts';
import { helmTemplate, type HelmRequest } from './helm.ts';
import type { Lookups } from './lookups.ts';

/**
 * What a chart renders to. One that looks things up is rendered from a copy that asks the agent instead of the cluster:
 * each thing it asks for ends a rendering, is read, and is there at the next one. No other chart is rendered twice, and no
 * child ever has a way to the API server.
 */
export async function renderChart(request: HelmRequest, lookups: Lookups): Promise<Outcome<Uint8Array>> {
  const chart = lookingUp(request.chart);
  if (!chart.ok) return chart;
  if (!chart.value) return helmTemplate(request);
  const answers = new Map<string, string>();
  const endMs = performance.now() + LIMITS.renderTimeoutMs;
  for (;;) {
    const timeoutMs = Math.max(1_000, endMs - performance.now());
    let said = '';
    const printed = await helmTemplate({
      ...request,
      chart: chart.value.with(answers),
      limits: { ...request.limits, timeoutMs },
      onRefusal: (words) => (said = words),
    });
    if (printed.ok) return printed;
    const asked = askedLookup(said);
    // The same again: the chart says it itself.
    if (!asked || answers.has(asked.key)) return lookups.hasReadSecret ? untold(said, printed) : printed;
    const answer = await lookups.answer(asked.lookup);
    if (!answer.ok) return answer;
    answers.set(asked.key, answer.value);
  }
}

function lookingUp(packed: Uint8Array): Outcome<AnsweringChart | undefined> {
  try {
    return done(answeringChart(packed));
  } catch (error) {
    if (error instanceof ChartTooLargeError) return failed('too-large', error.message);
    throw error;
  }
}

/** Only where Helm itself writes it, before the first word that may be a template's. */
const PLACE = /^Error: (?:execution error at \()?(?<place>[\w.-]+(?:\/[\w.-]+)*:\d+(?::\d+)?)[)\s]/;

/** A template that has read a Secret may say parts of it, in any disguise: only its place goes out of the cluster. */
function untold(said: string, refused: { ok: false; failure: { reason: string } }): Outcome<never> {
  if (refused.failure.reason !== 'render-failed') return refused as Outcome<never>;
  const place = PLACE.exec(said)?.groups?.['place'] ?? 'a template';
  return failed(
    'render-failed',
    `the chart does not render: ${place} ends it. What it says is not told, since it has looked up a Secret`,
  );
}
