import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { rows } from '../db/query.ts';

/** Installations that an agent has lost the records of. As the system role, for the session that holds the cluster. */
@Injectable()
export class RecoveryRepository {
  /**
   * Of the cluster those that ran well before it was enrolled anew, that its agent does not name, and that nobody has begun to take up
   * again since.
   */
  async lost(tx: EntityManager, clusterId: string, known: readonly string[]): Promise<string[]> {
    const found = await rows<{ id: string }>(
      tx,
      `SELECT i.id FROM installations i
       JOIN clusters c ON c.id = i.cluster_id
       JOIN installation_generations g ON g.installation_id = i.id AND g.generation = i.observed_generation
       WHERE i.cluster_id = $1 AND i.removed_at IS NULL AND g.created_at < c.enrolled_at AND NOT i.id = ANY($2)
         AND NOT EXISTS (SELECT 1 FROM operations o
                         WHERE o.installation_id = i.id AND o.kind = 'adopt' AND o.created_at >= c.enrolled_at)
       ORDER BY i.id`,
      [clusterId, known],
    );
    return found.map(({ id }) => id);
  }
}
