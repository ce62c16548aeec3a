import { Injectable } from '@nestjs/common';
import type { ClusterQuery } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { execute, notify, row, rows } from '../db/query.ts';
import type { TenantContext } from '../db/tenant-context.ts';
import { pageClause, type PageRequest } from '../http/page.ts';
import { SELECT_CLUSTER, type ClusterRow } from './cluster-row.ts';

/** Tells every replica that sessions of a cluster below an epoch are over; the payload is a {@link SessionNotice}. */
export const SESSION_CHANNEL = 'steward_session';

export interface SessionNotice {
  clusterId: string;
  /** Sessions with a lower epoch end. */
  epoch: number;
  reason: 'replaced' | 'revoked' | 'unauthorized';
}

@Injectable()
export class ClustersRepository {
  list(tx: EntityManager, query: ClusterQuery, page: PageRequest): Promise<ClusterRow[]> {
    const clause = pageClause(page, 3, 'c');
    return rows(
      tx,
      `${SELECT_CLUSTER} WHERE ($1::text IS NULL OR c.name = $1) AND ($2::text IS NULL OR cu.slug = $2) AND ${clause.where} ${clause.tail}`,
      [query.name ?? null, query.customer ?? null, ...clause.parameters],
    );
  }

  find(tx: EntityManager, id: string): Promise<ClusterRow | undefined> {
    return row(tx, `${SELECT_CLUSTER} WHERE c.id = $1`, [id]);
  }

  /** Keeps others from changing it until the transaction ends. */
  findForUpdate(tx: EntityManager, id: string): Promise<ClusterRow | undefined> {
    return row(tx, `${SELECT_CLUSTER} WHERE c.id = $1 FOR UPDATE OF c`, [id]);
  }

  /** Undefined when the customer has a cluster of this name. */
  async insert(
    tx: EntityManager,
    context: TenantContext,
    customerId: string,
    name: string,
  ): Promise<string | undefined> {
    const made = await row<{ id: string }>(
      tx,
      `INSERT INTO clusters (organization_id, customer_id, name, created_by) VALUES ($1, $2, $3, $4)
       ON CONFLICT (customer_id, name) DO NOTHING RETURNING id`,
      [context.organizationId, customerId, name, context.actor],
    );
    return made?.id;
  }

  /** Ends the identity at once: no session may write from here on, none may be made, no token enrols. */
  async revoke(tx: EntityManager, id: string): Promise<void> {
    const found = await row<{ epoch: number }>(
      tx,
      `UPDATE clusters SET revoked_at = now(), epoch = epoch + 1, session_replica = NULL,
              last_seen_at = CASE WHEN session_replica IS NULL THEN last_seen_at ELSE now() END
       WHERE id = $1 RETURNING epoch`,
      [id],
    );
    await execute(tx, 'UPDATE enrolment_tokens SET replaced_at = now() WHERE cluster_id = $1 AND replaced_at IS NULL', [
      id,
    ]);
    if (found) await this.endSessions(tx, { clusterId: id, epoch: found.epoch, reason: 'revoked' });
  }

  /** The identity belongs to another Kubernetes cluster from here on: the session in the one before ends. */
  async move(tx: EntityManager, id: string, clusterUid: string): Promise<void> {
    const found = await row<{ epoch: number }>(
      tx,
      `UPDATE clusters SET former_uid = cluster_uid, cluster_uid = $2, moved_at = now(), refused_at = NULL, refused_uid = NULL,
              epoch = epoch + 1, session_replica = NULL,
              last_seen_at = CASE WHEN session_replica IS NULL THEN last_seen_at ELSE now() END
       WHERE id = $1 RETURNING epoch`,
      [id, clusterUid],
    );
    // It dials again, and hears then why it is out.
    if (found) await this.endSessions(tx, { clusterId: id, epoch: found.epoch, reason: 'replaced' });
  }

  endSessions(tx: EntityManager, notice: SessionNotice): Promise<void> {
    return notify(tx, SESSION_CHANNEL, JSON.stringify(notice));
  }

  /** With everything that was planned for it. Only for a cluster that never enrolled: nothing of it has ever run. */
  async delete(tx: EntityManager, id: string): Promise<void> {
    const installations = 'SELECT id FROM installations WHERE cluster_id = $1';
    const statements = [
      'DELETE FROM operation_transitions WHERE operation_id IN (SELECT id FROM operations WHERE cluster_id = $1)',
      // Else the same request again would be answered with what is no more.
      'DELETE FROM idempotency_keys WHERE operation_id IN (SELECT id FROM operations WHERE cluster_id = $1)',
      'DELETE FROM operations WHERE cluster_id = $1',
      `DELETE FROM grant_tokens WHERE installation_id IN (${installations})`,
      `DELETE FROM installation_events WHERE cluster_id = $1`,
      `DELETE FROM installation_generations WHERE installation_id IN (${installations})`,
      'DELETE FROM installations WHERE cluster_id = $1',
      'DELETE FROM clusters WHERE id = $1',
    ];
    for (const statement of statements) await execute(tx, statement, [id]);
  }

  async setShown(tx: EntityManager, id: string, connection: string): Promise<void> {
    await execute(tx, 'UPDATE clusters SET shown_connection = $2 WHERE id = $1', [id, connection]);
  }
}
