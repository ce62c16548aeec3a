import { LIMITS, type MetricRange, type MetricRangeQuery } from '@steward/shared';
import { ProblemError } from '../http/problem.ts';

export interface Range {
  name: string;
  fromMs: number;
  toMs: number;
  stepMs: number;
  points: number;
}

/** What was asked for, with its defaults. @throws ProblemError when it is upside down or of too many points */
export function rangeOf({ name, from, to, stepSeconds = 60 }: MetricRangeQuery, now: number): Range {
  const toMs = to === undefined ? now : Date.parse(to);
  const fromMs = from === undefined ? toMs - 3_600_000 : Date.parse(from);
  const points = Math.ceil((toMs - fromMs) / (stepSeconds * 1_000));
  if (!(points > 0))
    throw new ProblemError('invalid-request', 'the range is empty: `from` must be a time before `to`', {
      action: 'give times as 2026-11-21T10:00:00Z',
    });
  if (fromMs < 0)
    throw new ProblemError('invalid-request', 'the range begins before 1970, when nothing was measured', {
      action: 'give a later `from`, and a `to` after it',
    });
  if (points > LIMITS.maxMetricPoints) {
    const enough = Math.ceil((toMs - fromMs) / 1_000 / LIMITS.maxMetricPoints);
    throw new ProblemError('invalid-request', `the range has ${points} steps; ${LIMITS.maxMetricPoints} are possible`, {
      action: `ask for a step of at least ${Math.max(15, enough)} seconds, or for less time`,
    });
  }
  return { name, fromMs, toMs, stepMs: stepSeconds * 1_000, points };
}

/** What one series had in one step: `bucket` may be before the range; `value` null when nothing had changed. */
export interface Measured {
  key: number;
  bucket: number;
  value: number | null;
}

/**
 * Puts what was measured into the steps. What has not changed was not stored: it goes on from the step before, for as long as the series
 * is there, and at most for as long as an agent leaves an unchanged value out.
 * @param measured by key, then by bucket
 */
export function inSteps(
  measured: readonly Measured[],
  series: readonly Record<string, string>[],
  range: Range,
): MetricRange['series'] {
  const answered = series.map((labels): MetricRange['series'][number] => ({
    labels,
    values: Array.from({ length: range.points }, () => null),
  }));
  let last: { key: number; bucket: number; value: number } | undefined;
  for (const { key, bucket, value } of measured) {
    if (value !== null) last = { key, bucket, value };
    const isGoingOn = last?.key === key && (bucket - last.bucket) * range.stepMs <= LIMITS.metricsFullMs + range.stepMs;
    if (!isGoingOn || !last || !Number.isFinite(last.value)) continue;
    const values = answered[key]?.values;
    if (values && bucket >= 0 && bucket < range.points) values[bucket] = last.value;
  }
  return answered;
}
