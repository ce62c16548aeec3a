import { Injectable } from '@nestjs/common';
import type { IfUnderWay, DesiredState, OperationKind, OperationState } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { rows } from '../db/query.ts';
import { SELECT_OPERATION, type OperationRow } from '../operations/operation-row.ts';
import { UNFINISHED } from '../operations/operation-states.ts';
import { fence } from '../ingest/fence.ts';
import type { Hello, SessionIdentity } from '../sessions/agent-session.ts';

/** An operation that has not ended, with all that an agent must know of it. */
export interface IntentRow {
  operationId: string;
  kind: OperationKind;
  state: OperationState;
  requestedBy: string;
  requestReason: string | null;
  cancelRequestedBy: string | null;
  cancelIfUnderWay: IfUnderWay | null;
  notAfter: Date;
  traceId: string;
  spanId: string;
  installationId: string;
  name: string;
  namespace: string;
  service: string;
  generation: number;
  action: DesiredState['action'];
  deleteVolumes: boolean;
  parameters: Record<string, unknown>;
  toGeneration: number | null;
  releaseName: string | null;
  acceptDifferences: boolean;
  /** It ran well before: an adoption is of what the agent itself installed. */
  hasRunWell: boolean;
  /** JSON; null in what a hub of before wrote: as it is. */
  runState: unknown;
  /** Of the agent's hello; null when it has not said it to a hub of this version. */
  agentFeatures: string[] | null;
  digest: string;
  version: string;
  isChartElsewhere: boolean;
}

const SELECT_INTENT = `
  SELECT o.id AS "operationId", o.kind, o.state, o.requested_by AS "requestedBy", o.request_reason AS "requestReason",
         o.cancel_requested_by AS "cancelRequestedBy", o.cancel_if_under_way AS "cancelIfUnderWay", o.not_after AS "notAfter", o.trace_id AS "traceId", o.span_id AS "spanId",
         i.id AS "installationId", i.name, i.namespace, i.release_name AS "releaseName", g.accept_differences AS "acceptDifferences", s.slug AS service, g.generation, g.action, g.delete_volumes AS "deleteVolumes",
         g.parameters, g.to_generation AS "toGeneration", g.run_state AS "runState", c.agent_features AS "agentFeatures", r.digest, r.version, r.chart_oci IS NOT NULL AS "isChartElsewhere",
         EXISTS (SELECT 1 FROM installation_generations w WHERE w.installation_id = i.id AND w.generation < g.generation
                   AND w.succeeded_at IS NOT NULL) AS "hasRunWell"
  FROM operations o
  JOIN installations i ON i.id = o.installation_id
  JOIN clusters c ON c.id = o.cluster_id
  JOIN services s ON s.id = i.service_id
  JOIN installation_generations g ON g.installation_id = o.installation_id AND g.generation = o.generation
  JOIN releases r ON r.id = o.release_id`;

/** What agents are to do. As the system role, for the session that holds the cluster. */
@Injectable()
export class IntentsRepository {
  /** Oldest first, so that of one installation the latest is sent last. */
  load(tx: EntityManager, clusterId: string): Promise<IntentRow[]> {
    return rows(
      tx,
      `${SELECT_INTENT} WHERE o.cluster_id = $1 AND o.state IN ${UNFINISHED}
       ORDER BY o.created_at, o.id`,
      [clusterId],
    );
  }

  /** Of these, the operations that the hub has ended on somebody's wish while the agent still has them open. */
  async endedByHub(tx: EntityManager, clusterId: string, ids: readonly string[]): Promise<string[]> {
    const found = await rows<{ id: string }>(
      tx,
      `SELECT id FROM operations WHERE cluster_id = $1 AND id = ANY($2) AND presumed_from IS NOT NULL
         AND (state = 'cancelled' OR (state = 'unknown' AND cancel_requested_by IS NOT NULL))`,
      [clusterId, ids],
    );
    return found.map(({ id }) => id);
  }

  /**
   * What gave way to newer operations counts as never sent where the agent neither has it nor runs it: that it is noted as offered says
   * only that it was about to be sent. @returns the installations
   */
  async putBack(tx: EntityManager, clusterId: string, hello: Hello): Promise<string[]> {
    const { unfinishedOperations, installations } = hello;
    const found = await rows<{ id: string }>(
      tx,
      `UPDATE operations SET presumed_from = 'queued'
       WHERE cluster_id = $1 AND reason_code = 'superseded' AND presumed_from <> 'queued' AND id <> ALL($2)
         AND NOT EXISTS (SELECT 1 FROM unnest($3::uuid[], $4::int[]) AS ran(id, generation)
                         WHERE ran.id = installation_id AND ran.generation = operations.generation)
       RETURNING installation_id AS id`,
      [
        clusterId,
        unfinishedOperations,
        installations.map(({ id }) => id),
        installations.map(({ observedGeneration }) => observedGeneration),
      ],
    );
    return [...new Set(found.map(({ id }) => id))];
  }

  /** Notes that these operations go to the agent now, and answers with those that were still queued: the others were cancelled meanwhile. */
  async markOffered(tx: EntityManager, identity: SessionIdentity, ids: readonly string[]): Promise<OperationRow[]> {
    await fence(tx, identity);
    const moved = await rows<{ id: string }>(
      tx,
      `WITH moved AS (
         UPDATE operations SET state = 'offered', message = 'sent to the agent', updated_at = now()
         WHERE id = ANY($1) AND state = 'queued' RETURNING id, organization_id, customer_id, state, phase, message)
       INSERT INTO operation_transitions (organization_id, customer_id, operation_id, state, phase, message, at)
       SELECT organization_id, customer_id, id, state, phase, message, now() FROM moved RETURNING operation_id AS id`,
      [ids],
    );
    if (moved.length === 0) return [];
    return rows(tx, `${SELECT_OPERATION} WHERE o.id = ANY($1)`, [moved.map(({ id }) => id)]);
  }
}
