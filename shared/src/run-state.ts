import * as Type from 'typebox';
import type { Static } from 'typebox';
import { AutoscaledWorkloads, autoscaleText } from './remedies/autoscale.ts';
import { ResizedContainers, sizeText } from './remedies/resize.ts';
import { podsText } from './remedies/scale.ts';
import { Schedule, scheduleText } from './remedies/schedule.ts';
import { MAX_REPLICAS, ofWorkloads } from './remedies/workload.ts';

const Replicas = { type: 'integer', minimum: 0, maximum: MAX_REPLICAS } as const;

/** Pods wanted by workload. */
export const ScaledReplicas = Type.Unsafe<Record<string, number>>({
  type: 'object',
  ...ofWorkloads,
  additionalProperties: Replicas,
});

/** What is asked of a scale: pods by workload; null gives the count back to the release. */
export const ScaleRequest = Type.Unsafe<Record<string, number | null>>({
  type: 'object',
  minProperties: 1,
  ...ofWorkloads,
  additionalProperties: { anyOf: [Replicas, { type: 'null' }] },
});

/**
 * How an installation is to run, beside its release and parameters. It is part of what is desired, so it outlives
 * upgrades, repairs and restarts of the agent.
 */
export const RunState = Type.Object({
  /** No pods of it are to run; the counts come back when it is started. */
  stopped: Type.Boolean(),
  /** Instead of what the release says. */
  replicas: ScaledReplicas,
  /** Stands in every pod template: another one replaces every pod once. */
  restartToken: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9-]{1,64}$' })),
  /** CPU and memory of containers, instead of what the release says. */
  resources: Type.Optional(ResizedContainers),
  /** Workloads whose count is an autoscaler's of ours; a count in `replicas` waits meanwhile. */
  autoscale: Type.Optional(AutoscaledWorkloads),
  /** When it is stopped, beside `stopped`. */
  schedule: Type.Optional(Schedule),
});
export type RunState = Static<typeof RunState>;

/** Everything runs as its release says. */
export const AS_RELEASED: RunState = { stopped: false, replicas: {} };

/** By kind, with what it says to do: the operations that change how an installation runs and nothing else. */
export const REMEDY_KINDS = ['restart', 'stop', 'start', 'scale', 'resize', 'autoscale', 'schedule'] as const;
export type RemedyKind = (typeof REMEDY_KINDS)[number];

export function isRemedy(kind: string): kind is RemedyKind {
  return REMEDY_KINDS.some((known) => known === kind);
}

/** In words, for people: `everything is stopped; Deployment/web runs 3 pods`; undefined when all is as released. */
export function runStateText({
  stopped,
  replicas,
  resources = {},
  autoscale = {},
  schedule,
}: RunState): string | undefined {
  const parts = [
    ...(stopped ? ['stopped'] : []),
    ...(schedule ? [scheduleText(schedule)] : []),
    ...shown(replicas, 'scaled', (workload, count) => `${workload} at ${podsText(count)}`),
    ...shown(autoscale, 'autoscaled', (workload, bounds) => `${workload} autoscaled, ${autoscaleText(bounds)}`),
    ...shown(resources, 'resized', (container, size) => `${container} with ${sizeText(size)}`),
  ];
  return parts.length === 0 ? undefined : parts.join(', ');
}

const MAX_SHOWN = 10;

function shown<T>(all: Readonly<Record<string, T>>, what: string, text: (name: string, value: T) => string): string[] {
  const sorted = Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1));
  const lines = sorted.slice(0, MAX_SHOWN).map(([name, value]) => text(name, value));
  return sorted.length > MAX_SHOWN ? [...lines, `${sorted.length - MAX_SHOWN} more ${what}`] : lines;
}
