import type { MigrationInterface, QueryRunner } from 'typeorm';

/** An idempotency key is its customer's own, and what a cluster's agent may download is found without reading every installation. */
export class FleetKeys2003000000000 implements MigrationInterface {
  readonly name = 'FleetKeys2003000000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}

const STATEMENTS = [
  // Two customers may have users or tokens of the same name; neither may meet the other's key.
  `ALTER TABLE idempotency_keys DROP CONSTRAINT idempotency_keys_pkey`,
  `CREATE UNIQUE INDEX idempotency_keys_own ON idempotency_keys (organization_id, customer_id, actor, key) NULLS NOT DISTINCT`,
  // Also of removed installations, which the partial indexes leave out.
  `CREATE INDEX installations_cluster ON installations (cluster_id)`,
];
