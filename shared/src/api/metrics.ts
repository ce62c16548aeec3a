import * as Type from 'typebox';
import type { Static } from 'typebox';
import { LIMITS } from '../limits.ts';
import { MetricName } from '../release/metrics.ts';
import { mapOf } from '../schema-map.ts';

const Time = Type.String({ format: 'date-time' });
const Labels = mapOf(Type.String());
const Value = Type.Union([Type.Number(), Type.Null()]);

/** What was measured last of each series: `value` is null when it had no number then. */
export const LatestMetrics = Type.Object({
  /** Of the latest record; absent when there is none of the last days. */
  at: Type.Optional(Time),
  series: Type.Array(Type.Object({ name: Type.String(), labels: Labels, value: Value })),
});
export type LatestMetrics = Static<typeof LatestMetrics>;

/** `to` is now unless given, `from` an hour before it; a step holds the last value that was measured in it. */
export const MetricRangeQuery = Type.Object({
  name: MetricName,
  from: Type.Optional(Time),
  to: Type.Optional(Time),
  stepSeconds: Type.Optional(
    Type.Integer({
      minimum: 15,
      maximum: 86_400,
      description: `default 60; (to - from) / step must be at most ${LIMITS.maxMetricPoints}`,
    }),
  ),
});
export type MetricRangeQuery = Static<typeof MetricRangeQuery>;

/** `values[n]` is of the step that begins at `from` + n steps; null where nothing was measured. */
export const MetricRange = Type.Object({
  name: Type.String(),
  from: Time,
  to: Time,
  stepSeconds: Type.Integer(),
  series: Type.Array(Type.Object({ labels: Labels, values: Type.Array(Value) })),
  /** Series that were left out: an answer has so many at most. */
  leftOut: Type.Integer({ minimum: 0 }),
});
export type MetricRange = Static<typeof MetricRange>;
