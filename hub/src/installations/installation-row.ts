import {
  compile,
  HealthReason,
  InEffect,
  KeptGeneration,
  ServiceEndpoint,
  WorkloadHealth,
  type Decoded,
  type HealthState,
  type Installation,
} from '@steward/shared';
import * as Type from 'typebox';
import { CAME_TO_NOTHING } from '../operations/operation-states.ts';
import { SELECT_RUN_STATE, shownRunState } from '../wanted/run-state.ts';

/** What the statements below read of one installation, with what is wanted of it. */
export interface InstallationRow {
  id: string;
  customerId: string;
  clusterId: string;
  name: string;
  cluster: string;
  customer: string;
  service: string;
  namespace: string;
  /** Null: the installation's name. */
  releaseName: string | null;
  createdAt: Date;
  generation: number;
  version: string;
  parameters: Record<string, unknown>;
  action: Installation['action'];
  /** JSON of the database; null while nobody has said anything. */
  runState: unknown;
  observedGeneration: number;
  runningVersion: string | null;
  /** JSON of the database; null while what is wanted may still come. */
  inEffect: unknown;
  state: Installation['state'];
  message: string | null;
  health: HealthState;
  reasons: unknown;
  workloads: unknown;
  kept: unknown;
  endpoints: unknown;
  healthSince: Date | null;
  isStale: boolean;
  currentOperation: string | null;
}

const decodeReasons = compile(Type.Array(HealthReason));
const decodeWorkloads = compile(Type.Array(WorkloadHealth));
const decodeKept = compile(Type.Array(KeptGeneration));
const decodeEndpoints = compile(Type.Array(ServiceEndpoint));
const decodeInEffect = compile(InEffect);

/**
 * Of installation `i`, after a change that came to nothing: what the generation brought that still runs. Nothing where another
 * version runs than it brought, as when a failed upgrade was left as it is, or where it is not certain what does.
 */
const SELECT_IN_EFFECT = `
  (SELECT json_build_object('version', er.version, 'parameters', eg.parameters)
   FROM operations eo
   JOIN installation_generations eg ON eg.installation_id = i.id AND eg.generation = i.observed_generation
   JOIN releases er ON er.id = eg.release_id
   WHERE eo.installation_id = i.id AND eo.generation = i.generation
     AND eo.state IN ${CAME_TO_NOTHING}
     AND i.observed_generation < i.generation AND er.version = i.running_version
   ORDER BY eo.created_at DESC LIMIT 1)`;

/** Ends before `WHERE`; aliases: i installation, c cluster, cu customer, s service, g wanted generation, r its release. */
export const SELECT_INSTALLATION = `
  SELECT i.id, i.customer_id AS "customerId", i.cluster_id AS "clusterId", i.name, c.name AS cluster, cu.slug AS customer,
         s.slug AS service, i.namespace, i.release_name AS "releaseName", i.created_at AS "createdAt", i.generation, r.version, g.parameters, g.action,
         i.observed_generation AS "observedGeneration", i.running_version AS "runningVersion", i.state, i.message, i.health,
         i.reasons, i.workloads, i.kept, i.endpoints, i.health_since AS "healthSince", ${SELECT_RUN_STATE} AS "runState",
         ${SELECT_IN_EFFECT} AS "inEffect",
         (SELECT o.id FROM operations o WHERE o.id = i.current_operation_id AND o.finished_at IS NULL) AS "currentOperation",
         c.shown_connection IN ('stale', 'offline', 'revoked') AS "isStale"
  FROM installations i
  JOIN clusters c ON c.id = i.cluster_id
  JOIN customers cu ON cu.id = i.customer_id
  JOIN services s ON s.id = i.service_id
  JOIN installation_generations g ON g.installation_id = i.id AND g.generation = i.generation
  JOIN releases r ON r.id = g.release_id`;

export function toInstallation(row: InstallationRow): Installation {
  const {
    customerId: _customerId,
    clusterId: _clusterId,
    createdAt,
    releaseName,
    runningVersion,
    message,
    healthSince,
    ...rest
  } = row;
  const { currentOperation, reasons, workloads, kept, endpoints, runState, inEffect, ...plain } = rest;
  const shown = shownRunState(runState);
  const effect = decodeInEffect(inEffect);
  const [readReasons, readWorkloads] = [decodeReasons(reasons), decodeWorkloads(workloads)];
  return {
    ...plain,
    createdAt: createdAt.toISOString(),
    reasons: readReasons.ok ? readReasons.value : [],
    workloads: readWorkloads.ok ? readWorkloads.value : [],
    ...listed('kept', decodeKept(kept)),
    ...listed('endpoints', decodeEndpoints(endpoints)),
    ...(shown ? { runState: shown } : {}),
    ...(releaseName === null ? {} : { releaseName }),
    ...(runningVersion === null ? {} : { runningVersion }),
    ...(effect.ok ? { inEffect: effect.value } : {}),
    ...(message === null ? {} : { message }),
    ...(healthSince === null ? {} : { healthSince: healthSince.toISOString() }),
    ...(currentOperation === null ? {} : { currentOperation }),
  };
}

/** Left out where the agent has told nothing of the kind. */
function listed<K extends string, T>(name: K, decoded: Decoded<T[]>): { [P in K]?: T[] } {
  return decoded.ok && decoded.value.length > 0 ? ({ [name]: decoded.value } as { [P in K]?: T[] }) : {};
}
