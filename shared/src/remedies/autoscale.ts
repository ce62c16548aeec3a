import * as Type from 'typebox';
import type { Static } from 'typebox';
import { MAX_REPLICAS, ofWorkloads } from './workload.ts';

const Pods = Type.Integer({ minimum: 1, maximum: MAX_REPLICAS });
export const MAX_CPU_PERCENT = 400;

/** Between how many pods a workload runs, by the CPU that they use on average, in percent of what they request. */
export const Autoscale = Type.Object(
  { minimum: Pods, maximum: Pods, cpuPercent: Type.Integer({ minimum: 1, maximum: MAX_CPU_PERCENT }) },
  { additionalProperties: false },
);
export type Autoscale = Static<typeof Autoscale>;

/** By workload. */
export const AutoscaledWorkloads = Type.Unsafe<Record<string, Autoscale>>({
  type: 'object',
  ...ofWorkloads,
  additionalProperties: Autoscale,
});

/** What is asked of an autoscale, by workload; null switches it off. */
export const AutoscaleRequest = Type.Unsafe<Record<string, Autoscale | null>>({
  type: 'object',
  minProperties: 1,
  ...ofWorkloads,
  additionalProperties: { anyOf: [Autoscale, { type: 'null' }] },
});

/** `2 to 10 pods at 70 % CPU` */
export function autoscaleText({ minimum, maximum, cpuPercent }: Autoscale): string {
  return `${minimum} to ${maximum} pods at ${cpuPercent} % CPU`;
}
