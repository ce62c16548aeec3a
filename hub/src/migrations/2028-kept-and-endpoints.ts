import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Which generations of an installation its agent keeps to go back to, and at which Services it is reached. */
export class KeptAndEndpoints2028000000000 implements MigrationInterface {
  readonly name = 'KeptAndEndpoints2028000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `ALTER TABLE installations ADD COLUMN kept jsonb NOT NULL DEFAULT '[]', ADD COLUMN endpoints jsonb NOT NULL DEFAULT '[]'`,
    );
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
