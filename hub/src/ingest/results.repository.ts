import { Injectable } from '@nestjs/common';
import type { AgentFrameOf } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { execute, row } from '../db/query.ts';
import { storableJson, storableText } from '../db/storable.ts';
import { SELECT_OPERATION, type OperationRow } from '../operations/operation-row.ts';

export type Result = AgentFrameOf<'result'>['b'];

/** What an agent's result writes. As the system role; whose it is comes from the operation's own row. */
@Injectable()
export class ResultsRepository {
  /**
   * The operation of this cluster, with its installation, locked in the order in which the API locks them.
   * Undefined when the cluster has no such operation.
   */
  async lock(tx: EntityManager, clusterId: string, operationId: string): Promise<OperationRow | undefined> {
    await row(
      tx,
      `SELECT 1 FROM installations i JOIN operations o ON o.installation_id = i.id
       WHERE o.id = $1 AND o.cluster_id = $2 FOR NO KEY UPDATE OF i`,
      [operationId, clusterId],
    );
    return row(tx, `${SELECT_OPERATION} WHERE o.id = $1 AND o.cluster_id = $2 FOR NO KEY UPDATE OF o`, [
      operationId,
      clusterId,
    ]);
  }

  find(tx: EntityManager, operationId: string): Promise<OperationRow | undefined> {
    return row(tx, `${SELECT_OPERATION} WHERE o.id = $1`, [operationId]);
  }

  async hasTransition(tx: EntityManager, operationId: string, revision: number): Promise<boolean> {
    const found = await row(tx, 'SELECT 1 FROM operation_transitions WHERE operation_id = $1 AND revision = $2', [
      operationId,
      revision,
    ]);
    return found !== undefined;
  }

  async insertTransition(tx: EntityManager, operation: OperationRow, result: Result): Promise<void> {
    await execute(
      tx,
      `INSERT INTO operation_transitions (organization_id, customer_id, operation_id, revision, state, phase, message, reason_code, progress, at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
      [
        operation.organizationId,
        operation.customerId,
        operation.id,
        result.revision,
        result.state,
        result.phase,
        storableText(result.message),
        result.reason === undefined ? null : storableText(result.reason),
        result.progress ? JSON.stringify(result.progress) : null,
        result.at,
      ],
    );
  }

  /** Moves the operation to where the agent says it is. Times are the agent's, kept between the operation's creation and now. */
  async move(tx: EntityManager, result: Result, isEnd: boolean): Promise<void> {
    await execute(
      tx,
      `UPDATE operations SET state = $2, phase = $3, message = $4, reason_code = $5, revision = $6, presumed_from = NULL, updated_at = now(),
              plan = COALESCE($7::json, plan),
              started_at = COALESCE(started_at, CASE WHEN $8 THEN LEAST(GREATEST($9::timestamptz, created_at), now()) END),
              finished_at = CASE WHEN $10 THEN LEAST(GREATEST($9::timestamptz, created_at), now()) END
       WHERE id = $1`,
      [
        result.operationId,
        result.state,
        result.phase,
        storableText(result.message),
        result.reason === undefined ? null : storableText(result.reason),
        result.revision,
        result.plan ? storableJson(result.plan) : null,
        result.state === 'accepted' || result.state === 'running',
        result.at,
        isEnd,
      ],
    );
  }

  /**
   * The installation no longer has this operation as its current one. A generation that ended well is remembered as good, and runs from here
   * on: the report of an older agent comes later after a reconnect, and what is pushed in between must not bring back what ran before. Any
   * other end says nothing of what runs.
   */
  async finish(tx: EntityManager, operation: OperationRow, result: Result): Promise<void> {
    const isGood = result.state === 'succeeded';
    const isRemoved = isGood && (operation.kind === 'uninstall' || operation.kind === 'leave');
    await execute(
      tx,
      `UPDATE installations SET
         current_operation_id = CASE WHEN current_operation_id = $2 THEN NULL ELSE current_operation_id END,
         removed_at = CASE WHEN $3 THEN now() ELSE removed_at END,
         state = CASE WHEN $3 THEN 'removed' ELSE state END,
         health = CASE WHEN $3 THEN 'unknown' ELSE health END,
         reasons = CASE WHEN $3 THEN '[]' ELSE reasons END,
         workloads = CASE WHEN $3 THEN '[]' ELSE workloads END
       WHERE id = $1`,
      [operation.installationId, operation.id, isRemoved],
    );
    if (!isGood) return;
    await execute(
      tx,
      'UPDATE installation_generations SET succeeded_at = now() WHERE installation_id = $1 AND generation = $2',
      [operation.installationId, operation.generation],
    );
    if (!isRemoved) await this.#setRunning(tx, operation);
  }

  /** What the agent writes down of a good end. Of an older generation than the one that is known to run, nothing. */
  async #setRunning(tx: EntityManager, operation: OperationRow): Promise<void> {
    const { installationId, generation, version, releaseDigest } = operation;
    await execute(
      tx,
      `UPDATE installations SET observed_generation = $2, running_version = $3, running_digest = $4, state = 'running', message = NULL
       WHERE id = $1 AND observed_generation < $2`,
      [installationId, generation, version, releaseDigest],
    );
  }

  /** An operation that the hub had ended goes on after all. */
  async resume(tx: EntityManager, operation: OperationRow): Promise<void> {
    await execute(
      tx,
      'UPDATE installations SET current_operation_id = COALESCE(current_operation_id, $2) WHERE id = $1',
      [operation.installationId, operation.id],
    );
  }
}
