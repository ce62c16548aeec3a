import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What was running under plain Helm before: Helm's own name of it, and whether an adoption may change what runs. */
export class Adopt2010000000000 implements MigrationInterface {
  readonly name = 'Adopt2010000000000';

  async up(runner: QueryRunner): Promise<void> {
    // Null: the installation's name.
    await runner.query('ALTER TABLE installations ADD COLUMN release_name text');
    await runner.query(
      'ALTER TABLE installation_generations ADD COLUMN accept_differences boolean NOT NULL DEFAULT false',
    );
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
