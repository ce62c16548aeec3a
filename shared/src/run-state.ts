import Type, { type Static } from 'typebox';

/** A workload that can be scaled, as `Deployment/web`. */
export const SCALABLE_WORKLOAD = '^(Deployment|StatefulSet)/[a-z0-9]([a-z0-9.-]*[a-z0-9])?$';
export const MAX_REPLICAS = 1_000;
const MAX_SCALED = 100;

const Replicas = { type: 'integer', minimum: 0, maximum: MAX_REPLICAS } as const;
const ofWorkloads = { maxProperties: MAX_SCALED, propertyNames: { pattern: SCALABLE_WORKLOAD, maxLength: 270 } };

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
});
export type RunState = Static<typeof RunState>;

/** Everything runs as its release says. */
export const AS_RELEASED: RunState = { stopped: false, replicas: {} };

/** By kind, with what it says to do: the operations that change how an installation runs and nothing else. */
export const REMEDY_KINDS = ['restart', 'stop', 'start', 'scale'] as const;
export type RemedyKind = (typeof REMEDY_KINDS)[number];

export function isRemedy(kind: string): kind is RemedyKind {
  return REMEDY_KINDS.some((known) => known === kind);
}

/** In words, for people: `everything is stopped; Deployment/web runs 3 pods`; undefined when all is as released. */
export function runStateText({ stopped, replicas }: RunState): string | undefined {
  const scaled = Object.entries(replicas).sort(([a], [b]) => (a < b ? -1 : 1));
  const shown = scaled.slice(0, MAX_SHOWN).map(([workload, count]) => `${workload} at ${podsText(count)}`);
  if (scaled.length > MAX_SHOWN) shown.push(`${scaled.length - MAX_SHOWN} more scaled`);
  const parts = [...(stopped ? ['stopped'] : []), ...shown];
  return parts.length === 0 ? undefined : parts.join(', ');
}

const MAX_SHOWN = 10;

function podsText(count: number): string {
  return count === 1 ? '1 pod' : `${count} pods`;
}
