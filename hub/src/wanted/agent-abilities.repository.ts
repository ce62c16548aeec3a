import { Injectable } from '@nestjs/common';
import { ADOPT_FEATURE } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { row } from '../db/query.ts';

/** What the agent of a cluster said last that it can do. */
@Injectable()
export class AgentAbilitiesRepository {
  mayKnowAdoption(tx: EntityManager, clusterId: string): Promise<boolean> {
    return this.mayKnow(tx, clusterId, [ADOPT_FEATURE]);
  }

  /** False only when it is known: an agent that never connected may be a new one. */
  async mayKnow(tx: EntityManager, clusterId: string, features: readonly string[]): Promise<boolean> {
    const lacking = await row(
      tx,
      'SELECT 1 FROM clusters WHERE id = $1 AND agent_features IS NOT NULL AND NOT agent_features @> $2::text[]',
      [clusterId, features],
    );
    return lacking === undefined;
  }
}
