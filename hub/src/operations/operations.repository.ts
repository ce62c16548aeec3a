import { Injectable } from '@nestjs/common';
import {
  LIMITS,
  REMEDY_KINDS,
  type IfUnderWay,
  type OperationKind,
  type OperationQuery,
  type OperationState,
} from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { execute, row, rows } from '../db/query.ts';
import { newestFirst } from '../http/newest-first.ts';
import type { PageRequest } from '../http/page.ts';
import type { OperationTrace } from '../telemetry/trace-context.ts';
import { SELECT_OPERATION, type OperationRow, type TransitionRow } from './operation-row.ts';
import { UNFINISHED } from './operation-states.ts';

/** Of an installation these many operations are kept for ever, and all as long. */
const KEPT = { newest: 100, days: 400 };

export interface NewOperation {
  organizationId: string;
  customerId: string;
  clusterId: string;
  installationId: string;
  releaseId: string;
  kind: OperationKind;
  generation: number;
  requestedBy: string;
  requestReason: string | undefined;
  notAfterSeconds: number;
  trace: OperationTrace;
}

/** A move the hub itself makes: superseded, expired, cancelled. */
export interface HubMove {
  state: OperationState;
  reasonCode: string;
  message: string;
}

@Injectable()
export class OperationsRepository {
  list(tx: EntityManager, query: OperationQuery, page: PageRequest): Promise<OperationRow[]> {
    const conditions = [
      ['o.installation_id = ', query.installation],
      ['c.name = ', query.cluster],
      ['cu.slug = ', query.customer],
      ['o.state = ', query.state],
    ].filter((condition): condition is [string, string] => condition[1] !== undefined);
    const values = conditions.map(([, value]) => value);
    const where = conditions.map(([sql], index) => `${sql}$${index + 1}`);
    if (query.unfinished) where.push(`o.state IN ${UNFINISHED}`);
    const clause = newestFirst(page, values.length + 1, 'o');
    const sql = `${SELECT_OPERATION} WHERE ${[...where, clause.where].join(' AND ')} ${clause.tail}`;
    return rows(tx, sql, [...values, ...clause.parameters]);
  }

  find(tx: EntityManager, id: string): Promise<OperationRow | undefined> {
    return row(tx, `${SELECT_OPERATION} WHERE o.id = $1`, [id]);
  }

  /** Keeps others from moving it until the transaction ends. */
  findForUpdate(tx: EntityManager, id: string): Promise<OperationRow | undefined> {
    return row(tx, `${SELECT_OPERATION} WHERE o.id = $1 FOR UPDATE OF o`, [id]);
  }

  /** What brought a generation, and how that went. */
  ofGeneration(
    tx: EntityManager,
    installationId: string,
    generation: number,
  ): Promise<Pick<OperationRow, 'kind' | 'state'> | undefined> {
    return row(
      tx,
      'SELECT kind, state FROM operations WHERE installation_id = $1 AND generation = $2 ORDER BY created_at DESC LIMIT 1',
      [installationId, generation],
    );
  }

  /** Whether one of these kinds ended well after a generation. */
  async hasEndedWellSince(
    tx: EntityManager,
    installationId: string,
    generation: number,
    kinds: readonly OperationKind[],
  ): Promise<boolean> {
    const found = await row(
      tx,
      `SELECT 1 FROM operations WHERE installation_id = $1 AND generation > $2 AND kind = ANY($3) AND state = 'succeeded' LIMIT 1`,
      [installationId, generation, kinds],
    );
    return found !== undefined;
  }

  /** Whether nobody knows what became of this generation, or of a later one that was to bring what it runs, and none since has told what runs. */
  async hasLostTrackSince(tx: EntityManager, installationId: string, generation: number): Promise<boolean> {
    const found = await row(
      tx,
      `SELECT 1 FROM operations o WHERE o.installation_id = $1 AND o.generation >= $2 AND o.kind <> ALL($3) AND o.state = 'unknown'
         AND NOT EXISTS (SELECT 1 FROM operations later WHERE later.installation_id = o.installation_id
                         AND later.generation > o.generation AND later.state IN ('succeeded', 'rolled-back')) LIMIT 1`,
      [installationId, generation, REMEDY_KINDS],
    );
    return found !== undefined;
  }

  /** Operations of an installation that have not ended, oldest generation first; locked. */
  unfinishedOf(tx: EntityManager, installationId: string): Promise<OperationRow[]> {
    return rows(
      tx,
      `${SELECT_OPERATION} WHERE o.installation_id = $1 AND o.state IN ${UNFINISHED} ORDER BY o.generation FOR UPDATE OF o`,
      [installationId],
    );
  }

  /** In order; of very many the latest. */
  transitions(tx: EntityManager, id: string): Promise<TransitionRow[]> {
    return rows(
      tx,
      `SELECT revision, state, phase, message, progress, at FROM (
         SELECT * FROM operation_transitions WHERE operation_id = $1 ORDER BY id DESC LIMIT 500) latest ORDER BY id`,
      [id],
    );
  }

  /** Whether its agent has not been heard for so long that the cluster is shown as offline, or is shut out. */
  async isClusterSilent(tx: EntityManager, clusterId: string): Promise<boolean> {
    const found = await row(
      tx,
      `SELECT 1 FROM clusters WHERE id = $1 AND (revoked_at IS NOT NULL OR (session_replica IS NULL
         AND (last_seen_at IS NULL OR last_seen_at < now() - interval '${LIMITS.offlineAfterMs} milliseconds')))`,
      [clusterId],
    );
    return found !== undefined;
  }

  /** A queued operation with its first entry. */
  async insert(tx: EntityManager, operation: NewOperation): Promise<OperationRow> {
    const { trace } = operation;
    const made = await row<{ id: string }>(
      tx,
      `WITH made AS (
         INSERT INTO operations (organization_id, customer_id, cluster_id, installation_id, release_id, kind, generation, state, phase, message,
                                 requested_by, request_reason, not_after, trace_id, span_id, parent_span_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'queued', 'verify', 'waits for the agent', $8, $9, now() + make_interval(secs => $10), $11, $12, $13)
         RETURNING id, organization_id, customer_id, state, phase, message)
       INSERT INTO operation_transitions (organization_id, customer_id, operation_id, state, phase, message, at)
       SELECT organization_id, customer_id, id, state, phase, message, now() FROM made RETURNING operation_id AS id`,
      [
        operation.organizationId,
        operation.customerId,
        operation.clusterId,
        operation.installationId,
        operation.releaseId,
        operation.kind,
        operation.generation,
        operation.requestedBy,
        operation.requestReason ?? null,
        operation.notAfterSeconds,
        trace.traceId,
        trace.spanId,
        trace.parentSpanId ?? null,
      ],
    );
    return this.#reload(tx, made?.id);
  }

  /** Ends an operation by the hub's own decision, and remembers from which state: what the agent tells of it still counts. */
  async endByHub(tx: EntityManager, operation: OperationRow, move: HubMove): Promise<OperationRow> {
    await execute(
      tx,
      `UPDATE operations SET presumed_from = COALESCE(presumed_from, state), state = $2, reason_code = $3, message = $4,
              finished_at = now(), updated_at = now() WHERE id = $1`,
      [operation.id, move.state, move.reasonCode, move.message],
    );
    await execute(
      tx,
      `INSERT INTO operation_transitions (organization_id, customer_id, operation_id, state, phase, message, reason_code, at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, now())`,
      [
        operation.organizationId,
        operation.customerId,
        operation.id,
        move.state,
        operation.phase,
        move.message,
        move.reasonCode,
      ],
    );
    return this.#reload(tx, operation.id);
  }

  async markCancelRequested(
    tx: EntityManager,
    id: string,
    by: string,
    ifUnderWay: IfUnderWay | undefined,
  ): Promise<void> {
    await execute(
      tx,
      'UPDATE operations SET cancel_requested_by = $2, cancel_if_under_way = coalesce($3, cancel_if_under_way), updated_at = now() WHERE id = $1',
      [id, by, ifUnderWay ?? null],
    );
  }

  /**
   * Operations that should have ended by themselves: never started by their time, or not heard of for long after it. As system role, across
   * tenants, skipping what others hold.
   */
  overdue(tx: EntityManager): Promise<OperationRow[]> {
    return rows(
      tx,
      `${SELECT_OPERATION} WHERE (o.state IN ('queued', 'offered') AND o.not_after < now())
          OR (o.state IN ('awaiting-approval', 'accepted') AND o.not_after < now() - interval '10 minutes' AND o.updated_at < now() - interval '10 minutes')
          OR (o.state = 'running' AND o.not_after < now() - interval '1 day' AND o.updated_at < now() - interval '1 day')
       ORDER BY o.not_after LIMIT 100 FOR UPDATE OF o SKIP LOCKED`,
    );
  }

  /** Operations that ended long ago, with their stories; of each installation the newest stay. As system role; so many at a time. */
  async forgetOld(tx: EntityManager): Promise<void> {
    const old = await rows<{ id: string }>(
      tx,
      `SELECT o.id FROM operations o WHERE o.finished_at < now() - interval '${KEPT.days} days'
          AND EXISTS (SELECT 1 FROM operations n WHERE n.installation_id = o.installation_id AND n.created_at > o.created_at
                      OFFSET ${KEPT.newest - 1})
       ORDER BY o.finished_at LIMIT 500`,
    );
    const ids = [old.map(({ id }) => id)];
    await execute(tx, 'DELETE FROM operation_transitions WHERE operation_id = ANY($1)', ids);
    await execute(tx, 'DELETE FROM operations WHERE id = ANY($1)', ids);
  }

  async #reload(tx: EntityManager, id: string | undefined): Promise<OperationRow> {
    const found = id === undefined ? undefined : await this.find(tx, id);
    if (!found) throw new Error('an operation that was just written is not there');
    return found;
  }
}
