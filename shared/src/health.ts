import * as Type from 'typebox';
import type { Static } from 'typebox';

export const HEALTH_STATES = ['healthy', 'progressing', 'degraded', 'unhealthy', 'unknown'] as const;
export const HealthState = Type.Unsafe<HealthState>({ type: 'string', enum: [...HEALTH_STATES] });
export type HealthState = (typeof HEALTH_STATES)[number];

/** One cause of a health that is not `healthy`; of a stopped workload, which is healthy, that it is `Stopped`. `code` is for programs, `message` for people and says what to do where that is known. */
export const HealthReason = Type.Object({
  code: Type.String({
    maxLength: 64,
    description:
      'CrashLoopBackOff, OOMKilled, ImagePullBackOff, Unschedulable, JobFailed, PodsMissing, ClaimUnbound, VolumeGrowing, VolumeNotGrown, EndpointsUnready, NotReady, Stopped, …',
  }),
  object: Type.String({ maxLength: 300, description: 'Kind/name the reason is about' }),
  message: Type.String({ maxLength: 1000 }),
});
export type HealthReason = Static<typeof HealthReason>;

/** A workload (or a claim, service, job) of an installation. `ready`/`wanted` count pods where that applies. */
export const WorkloadHealth = Type.Object({
  kind: Type.String({ maxLength: 64 }),
  name: Type.String({ maxLength: 253 }),
  health: HealthState,
  ready: Type.Optional(Type.Integer({ minimum: 0 })),
  wanted: Type.Optional(Type.Integer({ minimum: 0 })),
  restarts: Type.Optional(Type.Integer({ minimum: 0 })),
});
export type WorkloadHealth = Static<typeof WorkloadHealth>;

export const InstallationHealth = Type.Object({
  health: HealthState,
  reasons: Type.Array(HealthReason, { maxItems: 20 }),
  workloads: Type.Array(WorkloadHealth, { maxItems: 200 }),
  /** When the agent saw it change to this, by the API server's clock. */
  since: Type.String({ format: 'date-time' }),
});
export type InstallationHealth = Static<typeof InstallationHealth>;

const SEVERITY: Record<HealthState, number> = { healthy: 0, progressing: 1, unknown: 2, degraded: 3, unhealthy: 4 };

/** The worst of several; `healthy` for none. */
export function worstHealth(states: Iterable<HealthState>): HealthState {
  let worst: HealthState = 'healthy';
  for (const state of states) if (SEVERITY[state] > SEVERITY[worst]) worst = state;
  return worst;
}
