import { Injectable } from '@nestjs/common';
import type { AgentFrameOf } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { execute, rows } from '../db/query.ts';
import { storableJson } from '../db/storable.ts';
import { SELECT_INSTALLATION, type InstallationRow } from '../installations/installation-row.ts';
import type { SessionIdentity } from '../sessions/agent-session.ts';

type Health = AgentFrameOf<'health'>['b']['set'];
type Observed = AgentFrameOf<'observed'>['b']['set'];

function timeOrNull(text: string): string | null {
  const at = new Date(text);
  return Number.isNaN(at.getTime()) ? null : at.toISOString();
}

/** What agents report of installations. Every statement writes only what differs, and answers with the ids it changed. As the system role. */
@Injectable()
export class ReportsRepository {
  setHealth(tx: EntityManager, clusterId: string, set: Health): Promise<{ id: string }[]> {
    const given = Object.entries(set).map(([id, { health, reasons, workloads, since }]) => ({
      id,
      health,
      reasons,
      workloads,
      since: timeOrNull(since),
    }));
    return rows(
      tx,
      `UPDATE installations i SET health = n.health, reasons = n.reasons, workloads = n.workloads, health_since = n.since
       FROM jsonb_to_recordset($2::jsonb) AS n(id uuid, health text, reasons jsonb, workloads jsonb, since timestamptz)
       WHERE i.id = n.id AND i.cluster_id = $1 AND i.removed_at IS NULL
         AND (i.health, i.reasons, i.workloads, i.health_since) IS DISTINCT FROM (n.health, n.reasons, n.workloads, n.since::timestamptz(3))
       RETURNING i.id`,
      [clusterId, storableJson(given)],
    );
  }

  /** Nothing is known of their health any more: of those named, or of all but those kept. */
  clearHealth(
    tx: EntityManager,
    clusterId: string,
    which: { ids: readonly string[] } | { keep: readonly string[] },
  ): Promise<{ id: string }[]> {
    const [ids, condition] = 'ids' in which ? [which.ids, 'id = ANY($2)'] : [which.keep, 'NOT id = ANY($2)'];
    return rows(
      tx,
      `UPDATE installations SET health = 'unknown', reasons = '[]', workloads = '[]', health_since = now()
       WHERE cluster_id = $1 AND removed_at IS NULL AND health <> 'unknown' AND ${condition} RETURNING id`,
      [clusterId, ids],
    );
  }

  setObserved(tx: EntityManager, clusterId: string, set: Observed): Promise<{ id: string }[]> {
    const given = Object.entries(set).map(([id, observed]) => ({ id, ...observed }));
    return rows(
      tx,
      `UPDATE installations i SET reported_generation = n.generation, observed_generation = n."observedGeneration",
              running_version = n.version, running_digest = n."releaseDigest", state = n.state, message = n.message,
              kept = COALESCE(n.kept, '[]'), endpoints = COALESCE(n.endpoints, '[]')
       FROM jsonb_to_recordset($2::jsonb) AS n(id uuid, generation integer, "observedGeneration" integer, version text, "releaseDigest" text,
                                               state text, message text, kept jsonb, endpoints jsonb)
       WHERE i.id = n.id AND i.cluster_id = $1 AND i.removed_at IS NULL
         AND (i.reported_generation, i.observed_generation, i.running_version, i.running_digest, i.state, i.message, i.kept, i.endpoints)
             IS DISTINCT FROM (n.generation, n."observedGeneration", n.version, n."releaseDigest", n.state, n.message,
                               COALESCE(n.kept, '[]'), COALESCE(n.endpoints, '[]'))
       RETURNING i.id`,
      [clusterId, storableJson(given)],
    );
  }

  /** The agent no longer knows these, though they are wanted. */
  forgetObserved(tx: EntityManager, clusterId: string, ids: readonly string[]): Promise<{ id: string }[]> {
    return rows(
      tx,
      `UPDATE installations SET state = 'pending', observed_generation = 0, running_version = NULL, running_digest = NULL,
              kept = '[]', endpoints = '[]', message = 'the agent no longer knows this installation'
       WHERE cluster_id = $1 AND removed_at IS NULL AND state <> 'pending' AND id = ANY($2) RETURNING id`,
      [clusterId, ids],
    );
  }

  installations(tx: EntityManager, ids: readonly string[]): Promise<InstallationRow[]> {
    return rows(tx, `${SELECT_INSTALLATION} WHERE i.id = ANY($1)`, [ids]);
  }

  /** False when the session is no longer the cluster's. */
  async setSkew(tx: EntityManager, { clusterId, epoch }: SessionIdentity, skewMs: number): Promise<boolean> {
    const count = await execute(
      tx,
      'UPDATE clusters SET clock_skew_ms = $3, clock_skew_at = now() WHERE id = $1 AND epoch = $2',
      [clusterId, epoch, skewMs],
    );
    return count > 0;
  }
}
