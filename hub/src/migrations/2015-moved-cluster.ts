import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Where a cluster was before it moved, and when that was confirmed: the agent that is left there is told. */
export class MovedCluster2015000000000 implements MigrationInterface {
  readonly name = 'MovedCluster2015000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE clusters ADD COLUMN former_uid text, ADD COLUMN moved_at timestamptz(3)');
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
