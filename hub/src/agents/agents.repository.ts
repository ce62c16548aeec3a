import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { execute, row, rows } from '../db/query.ts';
import type { Hello, SessionIdentity } from '../sessions/agent-session.ts';

/** What the hub holds against an agent's token. */
export interface AgentRow {
  clusterId: string;
  organizationId: string;
  customerId: string;
  organization: string;
  cluster: string;
  publicKey: string | null;
  clusterUid: string | null;
  /** Where it was before it moved, and when that was confirmed. */
  formerUid: string | null;
  movedAt: Date | null;
  revokedAt: Date | null;
  lastIat: number;
  clockSkewMs: number | null;
}

/** Identities and sessions of agents. As the system role: the token says whose cluster it is. */
@Injectable()
export class AgentsRepository {
  find(tx: EntityManager, clusterId: string): Promise<AgentRow | undefined> {
    return row(
      tx,
      `SELECT c.id AS "clusterId", c.organization_id AS "organizationId", c.customer_id AS "customerId", o.slug AS organization,
              c.name AS cluster, c.public_key AS "publicKey", c.cluster_uid AS "clusterUid", c.revoked_at AS "revokedAt",
              c.former_uid AS "formerUid", c.moved_at AS "movedAt",
              c.last_iat AS "lastIat", c.clock_skew_ms AS "clockSkewMs"
       FROM clusters c JOIN organizations o ON o.id = c.organization_id WHERE c.id = $1`,
      [clusterId],
    );
  }

  /**
   * Begins a session: the epoch rises, so that whatever an older one still brings is refused. Undefined when the token was used before, or the
   * identity changed meanwhile.
   */
  async connect(
    tx: EntityManager,
    agent: { clusterId: string; publicKey: string; iat: number; replica: string },
  ): Promise<number | undefined> {
    const made = await row<{ epoch: number }>(
      tx,
      `UPDATE clusters SET epoch = epoch + 1, last_iat = $3, session_replica = $4, connected_at = now(), last_seen_at = now()
       WHERE id = $1 AND public_key = $2 AND last_iat < $3 AND revoked_at IS NULL RETURNING epoch`,
      [agent.clusterId, agent.publicKey, agent.iat, agent.replica],
    );
    return made?.epoch;
  }

  /** False when the session is no longer the cluster's. */
  async hello(
    tx: EntityManager,
    { clusterId, epoch }: SessionIdentity,
    hello: Hello,
    skewMs: number,
  ): Promise<boolean> {
    const count = await execute(
      tx,
      `UPDATE clusters SET agent_version = $3, kubernetes_version = $4, clock_skew_ms = $5, clock_skew_at = now(),
              agent_features = $6
       WHERE id = $1 AND epoch = $2`,
      [clusterId, epoch, hello.agentVersion, hello.kubernetesVersion, skewMs, hello.features],
    );
    return count > 0;
  }

  /** Sessions that are over, of those that are still their cluster's. @returns the clusters that have no session now */
  async disconnect(
    tx: EntityManager,
    sessions: readonly { clusterId: string; epoch: number; heardAt: number }[],
  ): Promise<string[]> {
    const found = await rows<{ id: string }>(
      tx,
      `UPDATE clusters c SET session_replica = NULL, last_seen_at = s.heard_at
       FROM unnest($1::uuid[], $2::int[], $3::timestamptz[]) AS s(id, epoch, heard_at)
       WHERE c.id = s.id AND c.epoch = s.epoch AND c.session_replica IS NOT NULL RETURNING c.id`,
      [
        sessions.map(({ clusterId }) => clusterId),
        sessions.map(({ epoch }) => epoch),
        sessions.map(({ heardAt }) => new Date(heardAt).toISOString()),
      ],
    );
    return found.map(({ id }) => id);
  }

  /** Something with this identity runs in another cluster. Noted at most once a minute. @returns whether it was noted */
  async noteCopy(tx: EntityManager, clusterId: string, uid: string): Promise<boolean> {
    const count = await execute(
      tx,
      `UPDATE clusters SET refused_at = now(), refused_uid = $2
       WHERE id = $1 AND (refused_at IS NULL OR refused_at < now() - interval '1 minute')`,
      [clusterId, uid],
    );
    return count > 0;
  }

  /** The agent's clock keeps it from connecting. Noted at most once a minute. @returns whether it was noted */
  async noteSkew(tx: EntityManager, clusterId: string, skewMs: number): Promise<boolean> {
    const count = await execute(
      tx,
      `UPDATE clusters SET clock_skew_ms = $2, clock_skew_at = now()
       WHERE id = $1 AND session_replica IS NULL AND (clock_skew_at IS NULL OR clock_skew_at < now() - interval '1 minute')`,
      [clusterId, skewMs],
    );
    return count > 0;
  }

  /** The envelope of a release that some generation of this cluster's installations refers to. */
  async findRelease(tx: EntityManager, clusterId: string, digest: string): Promise<string | undefined> {
    const found = await row<{ envelope: string }>(tx, `SELECT r.envelope ${REFERRED} AND r.digest = $2 LIMIT 1`, [
      clusterId,
      digest,
    ]);
    return found?.envelope;
  }

  async findChart(tx: EntityManager, clusterId: string, digest: string): Promise<Buffer | undefined> {
    const found = await row<{ content: Buffer }>(
      tx,
      `SELECT content FROM charts WHERE (organization_id, digest) IN (
         SELECT r.organization_id, r.chart_digest ${REFERRED} AND r.chart_digest = $2 LIMIT 1)`,
      [clusterId, digest],
    );
    return found?.content;
  }
}

const REFERRED = `
  FROM installations i
  JOIN installation_generations g ON g.installation_id = i.id
  JOIN releases r ON r.id = g.release_id
  WHERE i.cluster_id = $1`;
