import type { MigrationInterface, QueryRunner } from 'typeorm';
import { sequenceGrants, tenantTable } from '../db/tenant-table.ts';

/** The live feed. `feed_horizon` remembers up to where rows were deleted, so that a reader who comes too late is told so. */
export class Feed1002000000000 implements MigrationInterface {
  readonly name = 'Feed1002000000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}

const STATEMENTS = [
  `CREATE TABLE feed_events (
    id bigserial PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    organization_id uuid NOT NULL REFERENCES organizations,
    customer_id uuid,
    type text NOT NULL,
    data jsonb NOT NULL,
    created_at timestamptz(3) NOT NULL DEFAULT now()
  )`,
  `CREATE INDEX feed_events_order ON feed_events (organization_id, xid, id)`,
  `CREATE INDEX feed_events_age ON feed_events (created_at)`,
  ...sequenceGrants('feed_events_id_seq'),
  ...tenantTable('feed_events', { customerScoped: true }),
  `CREATE TABLE feed_horizon (
    organization_id uuid PRIMARY KEY REFERENCES organizations,
    xid xid8 NOT NULL,
    id bigint NOT NULL
  )`,
  ...tenantTable('feed_horizon', { customerScoped: false }),
];
