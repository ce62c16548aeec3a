import { Injectable } from '@nestjs/common';
import { LIMITS } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { execute, row, rows } from '../db/query.ts';

const DEAD_AFTER_SECONDS = 30;
const FADING_BATCH = 200;

/** Which replicas of the hub live, and with them their sessions. As the system role, across tenants. */
@Injectable()
export class PresenceRepository {
  /** @returns whether the replica was counted as dead, or is new */
  async beat(tx: EntityManager, replica: string): Promise<boolean> {
    const found = await row<{ isNew: boolean }>(
      tx,
      `INSERT INTO hub_replicas (id) VALUES ($1) ON CONFLICT (id) DO UPDATE SET beat_at = now() RETURNING xmax = 0 AS "isNew"`,
      [replica],
    );
    return found?.isNew ?? false;
  }

  /** Sessions that live on though their replica was counted as dead. */
  async reclaim(
    tx: EntityManager,
    replica: string,
    sessions: readonly { clusterId: string; epoch: number }[],
  ): Promise<string[]> {
    const found = await rows<{ id: string }>(
      tx,
      `UPDATE clusters c SET session_replica = $1 FROM unnest($2::uuid[], $3::int[]) AS s(id, epoch)
       WHERE c.id = s.id AND c.epoch = s.epoch AND c.session_replica IS DISTINCT FROM $1 RETURNING c.id`,
      [replica, sessions.map(({ clusterId }) => clusterId), sessions.map(({ epoch }) => epoch)],
    );
    return found.map(({ id }) => id);
  }

  /** Of these sessions those that are over by what the database says: of a cluster with a newer epoch, or shut out. */
  overtaken(
    tx: EntityManager,
    sessions: readonly { clusterId: string; epoch: number }[],
  ): Promise<{ clusterId: string; epoch: number; isRevoked: boolean }[]> {
    return rows(
      tx,
      `SELECT c.id AS "clusterId", c.epoch, c.revoked_at IS NOT NULL AS "isRevoked"
       FROM clusters c JOIN unnest($1::uuid[], $2::int[]) AS s(id, epoch) ON c.id = s.id WHERE c.epoch > s.epoch`,
      [sessions.map(({ clusterId }) => clusterId), sessions.map(({ epoch }) => epoch)],
    );
  }

  /** True for one replica at a time, until the transaction ends. */
  async mayTidy(tx: EntityManager): Promise<boolean> {
    const found = await row<{ ok: boolean }>(tx, `SELECT pg_try_advisory_xact_lock(hashtext('presence')) AS ok`);
    return found?.ok ?? false;
  }

  /** Ends the sessions of replicas that are gone; also those that one which had left already began last. */
  async buryDead(tx: EntityManager): Promise<void> {
    await this.#bury(tx, `beat_at < now() - interval '${DEAD_AFTER_SECONDS} seconds'`);
    // What somebody holds is left for the next time: by then its replica, if it is new, is among those that this statement sees.
    await execute(
      tx,
      `UPDATE clusters SET session_replica = NULL WHERE id IN (
         SELECT c.id FROM clusters c WHERE c.session_replica IS NOT NULL
           AND NOT EXISTS (SELECT FROM hub_replicas r WHERE r.id = c.session_replica) FOR UPDATE SKIP LOCKED)`,
    );
  }

  /** Clusters that have gone stale or offline since the feed was told of them. */
  async fading(tx: EntityManager): Promise<string[]> {
    const found = await rows<{ id: string }>(
      tx,
      `SELECT id FROM clusters WHERE session_replica IS NULL AND shown_connection IN ('connected', 'stale') AND revoked_at IS NULL
         AND last_seen_at < now() - CASE shown_connection WHEN 'connected' THEN interval '${LIMITS.staleAfterMs} milliseconds'
                                                          ELSE interval '${LIMITS.offlineAfterMs} milliseconds' END
       ORDER BY last_seen_at LIMIT ${FADING_BATCH} FOR UPDATE SKIP LOCKED`,
    );
    return found.map(({ id }) => id);
  }

  /** With the sessions whose end could not be written. */
  leave(tx: EntityManager, replica: string): Promise<void> {
    return this.#bury(tx, 'id = $1', [replica]);
  }

  /** Agents of a replica that is gone were last heard when the replica was. */
  async #bury(tx: EntityManager, condition: string, parameters: readonly unknown[] = []): Promise<void> {
    await execute(
      tx,
      `WITH dead AS (DELETE FROM hub_replicas WHERE ${condition} RETURNING id, beat_at)
       UPDATE clusters c SET session_replica = NULL, last_seen_at = GREATEST(c.last_seen_at, dead.beat_at)
       FROM dead WHERE c.session_replica = dead.id`,
      parameters,
    );
  }
}
