import { Injectable } from '@nestjs/common';
import type { AgentFrameOf } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { createOrderedIds } from '../db/ordered-id.ts';
import { execute, rows } from '../db/query.ts';
import { storableText } from '../db/storable.ts';
import type { SessionIdentity } from '../sessions/agent-session.ts';

const KEPT_PER_INSTALLATION = 500;

/** What agents say that happened. As the system role. */
@Injectable()
export class EventsRepository {
  readonly #nextId = createOrderedIds();

  /**
   * False when the cluster has no such installation. An event of the agent itself (a gap) goes to all of the cluster's installations. Of each
   * installation the latest few hundred are kept.
   */
  async insert(tx: EntityManager, { clusterId }: SessionIdentity, event: AgentFrameOf<'event'>['b']): Promise<boolean> {
    const made = await rows<{ id: string }>(
      tx,
      `INSERT INTO installation_events (id, organization_id, customer_id, cluster_id, installation_id, kind, message, from_state, to_state, lost, at)
       SELECT (substr($9, 1, 18) || substr(gen_random_uuid()::text, 19))::uuid, organization_id, customer_id, cluster_id, id, $3, $4, $5, $6, $7, $8 FROM installations
       WHERE cluster_id = $1 AND ($2::uuid IS NULL OR id = $2) AND removed_at IS NULL
       RETURNING installation_id AS id`,
      [
        clusterId,
        event.installationId ?? null,
        event.kind,
        storableText(event.message),
        event.from ?? null,
        event.to ?? null,
        event.lost ?? null,
        event.at,
        this.#nextId(),
      ],
    );
    const ids = made.map(({ id }) => id);
    if (ids.length > 0) await this.#prune(tx, ids);
    return ids.length > 0 || event.installationId === undefined;
  }

  async #prune(tx: EntityManager, installationIds: readonly string[]): Promise<void> {
    await execute(
      tx,
      `DELETE FROM installation_events e USING unnest($1::uuid[]) AS i(id), LATERAL (
         SELECT created_at, id FROM installation_events WHERE installation_id = i.id
         ORDER BY created_at DESC, id DESC OFFSET ${KEPT_PER_INSTALLATION} LIMIT 1) AS first_gone
       WHERE e.installation_id = i.id AND (e.created_at, e.id) <= (first_gone.created_at, first_gone.id)`,
      [installationIds],
    );
  }
}
