import {
  compile,
  OperationPlan,
  type Operation,
  type OperationDetails,
  type OperationTransition,
} from '@steward/shared';
import type { OperationTrace } from '../telemetry/trace-context.ts';

export interface OperationRow {
  id: string;
  organizationId: string;
  customerId: string;
  clusterId: string;
  installationId: string;
  installation: string;
  cluster: string;
  customer: string;
  kind: Operation['kind'];
  generation: number;
  version: string;
  releaseDigest: string;
  state: Operation['state'];
  /** The state before the hub itself ended it; what the agent tells of it still counts. */
  presumedFrom: Operation['state'] | null;
  phase: Operation['phase'];
  message: string;
  reasonCode: string | null;
  revision: number;
  requestedBy: string;
  requestReason: string | null;
  createdAt: Date;
  startedAt: Date | null;
  finishedAt: Date | null;
  notAfter: Date;
  traceId: string;
  spanId: string;
  parentSpanId: string | null;
  plan: unknown;
}

export interface TransitionRow {
  revision: number | null;
  state: Operation['state'];
  phase: Operation['phase'];
  message: string;
  progress: { done: number; total: number } | null;
  at: Date;
}

const decodePlan = compile(OperationPlan);

/** Ends before `WHERE`; aliases: o operation, i installation, c cluster, cu customer, r release. */
export const SELECT_OPERATION = `
  SELECT o.id, o.organization_id AS "organizationId", o.customer_id AS "customerId", o.cluster_id AS "clusterId",
         o.installation_id AS "installationId", i.name AS installation, c.name AS cluster, cu.slug AS customer, o.kind, o.generation,
         r.version, r.digest AS "releaseDigest", o.state, o.presumed_from AS "presumedFrom", o.phase, o.message,
         o.reason_code AS "reasonCode", o.revision, o.requested_by AS "requestedBy", o.request_reason AS "requestReason",
         o.created_at AS "createdAt", o.started_at AS "startedAt", o.finished_at AS "finishedAt", o.not_after AS "notAfter",
         o.trace_id AS "traceId", o.span_id AS "spanId", o.parent_span_id AS "parentSpanId", o.plan
  FROM operations o
  JOIN installations i ON i.id = o.installation_id
  JOIN clusters c ON c.id = o.cluster_id
  JOIN customers cu ON cu.id = o.customer_id
  JOIN releases r ON r.id = o.release_id`;

export function toOperation(row: OperationRow): Operation {
  const { id, installationId, installation, cluster, customer, kind, generation, version, releaseDigest } = row;
  const { state, phase, message, requestedBy, traceId } = row;
  return {
    id,
    installationId,
    installation,
    cluster,
    customer,
    kind,
    generation,
    version,
    releaseDigest,
    state,
    phase,
    message,
    requestedBy,
    traceId,
    createdAt: row.createdAt.toISOString(),
    notAfter: row.notAfter.toISOString(),
    ...(row.reasonCode === null ? {} : { reasonCode: row.reasonCode }),
    ...(row.requestReason === null ? {} : { requestReason: row.requestReason }),
    ...(row.startedAt === null ? {} : { startedAt: row.startedAt.toISOString() }),
    ...(row.finishedAt === null ? {} : { finishedAt: row.finishedAt.toISOString() }),
  };
}

/** The hub's own entries carry revision 0; the agent's begin with 1. */
export function toTransition({ revision, state, phase, message, progress, at }: TransitionRow): OperationTransition {
  return {
    revision: revision ?? 0,
    state,
    phase,
    message,
    at: at.toISOString(),
    ...(progress === null ? {} : { progress }),
  };
}

export function toDetails(row: OperationRow, transitions: readonly TransitionRow[]): OperationDetails {
  const plan = decodePlan(row.plan);
  return { ...toOperation(row), ...(plan.ok ? { plan: plan.value } : {}), transitions: transitions.map(toTransition) };
}

export function traceOf({ traceId, spanId, parentSpanId }: OperationRow): OperationTrace {
  return { traceId, spanId, ...(parentSpanId === null ? {} : { parentSpanId }) };
}
