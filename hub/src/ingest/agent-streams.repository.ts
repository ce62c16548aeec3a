import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { execute, rows } from '../db/query.ts';
import type { SessionIdentity } from '../sessions/agent-session.ts';

const KEPT_STREAMS = 6;

/** How far the record streams of agents have been committed. As the system role. */
@Injectable()
export class AgentStreamsRepository {
  async load(tx: EntityManager, clusterId: string, streams: readonly string[]): Promise<Map<string, number>> {
    const found = await rows<{ stream: string; cursor: string }>(
      tx,
      'SELECT stream, cursor FROM agent_streams WHERE cluster_id = $1 AND stream = ANY($2)',
      [clusterId, streams],
    );
    return new Map(found.map(({ stream, cursor }) => [stream, Number(cursor)]));
  }

  async advance(tx: EntityManager, identity: SessionIdentity, stream: string, cursor: number): Promise<void> {
    await execute(
      tx,
      `INSERT INTO agent_streams (organization_id, customer_id, cluster_id, stream, cursor) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (cluster_id, stream) DO UPDATE SET cursor = excluded.cursor, updated_at = now()`,
      [identity.organizationId, identity.customerId, identity.clusterId, stream, cursor],
    );
  }

  /** Streams of processes that are gone: each start of an agent makes new ones. */
  async prune(tx: EntityManager, clusterId: string): Promise<void> {
    await execute(
      tx,
      `DELETE FROM agent_streams WHERE cluster_id = $1 AND stream IN (
         SELECT stream FROM agent_streams WHERE cluster_id = $1 ORDER BY updated_at DESC, stream OFFSET ${KEPT_STREAMS})`,
      [clusterId],
    );
  }
}
