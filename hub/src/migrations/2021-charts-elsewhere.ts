import type { MigrationInterface, QueryRunner } from 'typeorm';

const STATEMENTS = [
  // A release may say that its chart lies in a registry; every other one still has it here.
  `ALTER TABLE releases
     ADD COLUMN chart_oci text,
     ADD COLUMN stored_chart_digest text GENERATED ALWAYS AS (CASE WHEN chart_oci IS NULL THEN chart_digest END) STORED`,
  `ALTER TABLE releases
     DROP CONSTRAINT releases_organization_id_chart_digest_fkey,
     ADD FOREIGN KEY (organization_id, stored_chart_digest) REFERENCES charts (organization_id, digest)`,
];

/** Charts that are left in a registry. */
export class ChartsElsewhere2021000000000 implements MigrationInterface {
  readonly name = 'ChartsElsewhere2021000000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
