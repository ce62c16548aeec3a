import { Injectable } from '@nestjs/common';
import type { InstallationEvent } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { execute, rows } from '../db/query.ts';
import { newestFirst } from '../http/newest-first.ts';
import type { PageRequest } from '../http/page.ts';

export interface InstallationEventRow {
  id: string;
  createdAt: Date;
  installationId: string;
  kind: string;
  message: string;
  from: string | null;
  to: string | null;
  lost: number | null;
  at: Date;
}

export function toEvent({
  id,
  installationId,
  kind,
  message,
  from,
  to,
  lost,
  at,
}: InstallationEventRow): InstallationEvent {
  return {
    id,
    installationId,
    kind,
    message,
    at: at.toISOString(),
    ...(from === null ? {} : { from }),
    ...(to === null ? {} : { to }),
    ...(lost === null ? {} : { lost }),
  };
}

@Injectable()
export class InstallationEventsRepository {
  list(tx: EntityManager, installationId: string, page: PageRequest): Promise<InstallationEventRow[]> {
    const clause = newestFirst(page, 2, 'e');
    return rows(
      tx,
      `SELECT e.id, e.created_at AS "createdAt", e.installation_id AS "installationId", e.kind, e.message, e.from_state AS "from",
              e.to_state AS "to", e.lost, e.at
       FROM installation_events e WHERE e.installation_id = $1 AND ${clause.where} ${clause.tail}`,
      [installationId, ...clause.parameters],
    );
  }

  /** As system role. */
  async forgetOld(tx: EntityManager): Promise<void> {
    await execute(tx, `DELETE FROM installation_events WHERE created_at < now() - interval '90 days'`);
  }
}
