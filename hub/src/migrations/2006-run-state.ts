import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * How an installation is to run: stopped, scaled, restarted. A generation without a run state runs as the one before it,
 * so that what a hub of the previous version writes meanwhile takes nothing back.
 */
export class RunState2006000000000 implements MigrationInterface {
  readonly name = 'RunState2006000000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}

const STATEMENTS = [
  `ALTER TABLE installation_generations ADD COLUMN run_state jsonb`,
  // What the agent said in its last hello; null until it has said it to a hub of this version.
  `ALTER TABLE clusters ADD COLUMN agent_features text[]`,
];
