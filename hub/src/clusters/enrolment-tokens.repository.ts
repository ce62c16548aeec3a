import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { execute, row } from '../db/query.ts';
import type { TenantContext } from '../db/tenant-context.ts';

/** A token that was presented, with the cluster it is for. */
export interface PresentedToken {
  id: string;
  clusterId: string;
  cluster: string;
  organizationId: string;
  organization: string;
  expiresAt: Date;
  replacedAt: Date | null;
  usedAt: Date | null;
  usedPublicKey: string | null;
  clusterPublicKey: string | null;
}

export interface EnrolledAgent {
  publicKey: string;
  clusterUid: string;
  agentVersion: string;
  kubernetesVersion: string;
}

/** Tokens by which a cluster gets its identity. {@link findForUpdate} and what follows it run as the system role: the token says whose it is. */
@Injectable()
export class EnrolmentTokensRepository {
  /** One token of a cluster counts: earlier ones that nobody has used end. @returns when it ends */
  async insert(
    tx: EntityManager,
    context: TenantContext,
    token: { clusterId: string; customerId: string; hash: Buffer; days: number },
  ): Promise<Date> {
    await execute(
      tx,
      'UPDATE enrolment_tokens SET replaced_at = now() WHERE cluster_id = $1 AND used_at IS NULL AND replaced_at IS NULL',
      [token.clusterId],
    );
    const made = await row<{ expiresAt: Date }>(
      tx,
      `INSERT INTO enrolment_tokens (organization_id, customer_id, cluster_id, token_hash, created_by, expires_at)
       VALUES ($1, $2, $3, $4, $5, now() + make_interval(days => $6)) RETURNING expires_at AS "expiresAt"`,
      [context.organizationId, token.customerId, token.clusterId, token.hash, context.actor, token.days],
    );
    if (!made) throw new Error('an inserted enrolment token is not there');
    return made.expiresAt;
  }

  /** Keeps others from using it, and its cluster from changing, until the transaction ends. */
  async findForUpdate(tx: EntityManager, hash: Buffer): Promise<PresentedToken | undefined> {
    // The cluster first, as everybody who changes its tokens does: else each could wait for the other.
    await row(
      tx,
      'SELECT 1 FROM clusters WHERE id = (SELECT cluster_id FROM enrolment_tokens WHERE token_hash = $1) FOR UPDATE',
      [hash],
    );
    return row(
      tx,
      `SELECT t.id, t.cluster_id AS "clusterId", c.name AS cluster, t.organization_id AS "organizationId", o.slug AS organization,
              t.expires_at AS "expiresAt", t.replaced_at AS "replacedAt", t.used_at AS "usedAt", t.used_public_key AS "usedPublicKey",
              c.public_key AS "clusterPublicKey"
       FROM enrolment_tokens t JOIN clusters c ON c.id = t.cluster_id JOIN organizations o ON o.id = t.organization_id
       WHERE t.token_hash = $1 FOR UPDATE OF t`,
      [hash],
    );
  }

  /** Uses the token up and gives the cluster its new identity. @returns the epoch below which sessions are over */
  async use(tx: EntityManager, token: PresentedToken, agent: EnrolledAgent): Promise<number> {
    await execute(tx, 'UPDATE enrolment_tokens SET used_at = now(), used_public_key = $2 WHERE id = $1', [
      token.id,
      agent.publicKey,
    ]);
    const made = await row<{ epoch: number }>(
      tx,
      `UPDATE clusters SET public_key = $2, cluster_uid = $3, agent_version = $4, kubernetes_version = $5, enrolled_at = now(), revoked_at = NULL,
              last_iat = 0, epoch = epoch + 1, session_replica = NULL, connected_at = NULL, last_seen_at = NULL,
              refused_at = NULL, refused_uid = NULL, former_uid = NULL, moved_at = NULL, clock_skew_ms = NULL
       WHERE id = $1 RETURNING epoch`,
      [token.clusterId, agent.publicKey, agent.clusterUid, agent.agentVersion, agent.kubernetesVersion],
    );
    if (!made) throw new Error('an enrolment token is for a cluster that is not there');
    return made.epoch;
  }

  async noteManifestFetched(tx: EntityManager, clusterId: string): Promise<void> {
    await execute(tx, 'UPDATE clusters SET manifest_fetched_at = now() WHERE id = $1', [clusterId]);
  }
}
