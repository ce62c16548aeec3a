import * as Type from 'typebox';
import type { Static } from 'typebox';
import { LIMITS } from '../limits.ts';
import { MetricName } from '../release/metrics.ts';
import { mapOf } from '../schema-map.ts';

/** In `features`: this hub stores metrics. To one that does not the agent sends none. */
export const METRICS_FEATURE = 'metrics';

/** A series: the metric's name and its labels. Agents add `endpoint` and `pod`. */
export const MetricSeries = Type.Tuple([
  MetricName,
  mapOf(Type.String({ maxLength: LIMITS.maxMetricLabelLength }), { maxProperties: 32 }),
]);
export type MetricSeries = Static<typeof MetricSeries>;

/**
 * Agent → hub, buffered record: one look at the metrics of one installation. `table` names the series that there were, in their order, by
 * the first 64 bits of a digest over them; the series themselves come once per session and day (UTC), with the first record that needs them.
 */
export const MetricsFrame = Type.Object({
  installationId: Type.String({ format: 'uuid' }),
  table: Type.String({ pattern: '^[0-9a-f]{16}$' }),
  series: Type.Optional(Type.Array(MetricSeries, { minItems: 1, maxItems: LIMITS.maxMetricSeries })),
  /** When it was, by the API server's clock. */
  t0: Type.String({ format: 'date-time' }),
  /** Which series of the table `values` are of, rising; absent: all of them. Those left out are as they were. */
  index: Type.Optional(
    Type.Array(Type.Integer({ minimum: 0, maximum: LIMITS.maxMetricSeries - 1 }), {
      maxItems: LIMITS.maxMetricSeries,
    }),
  ),
  /** null: it had no number (NaN, infinite, or its pod did not answer). */
  values: Type.Array(Type.Union([Type.Number(), Type.Null()]), { maxItems: LIMITS.maxMetricSeries }),
});
export type MetricsFrame = Static<typeof MetricsFrame>;
