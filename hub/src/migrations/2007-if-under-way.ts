import type { MigrationInterface, QueryRunner } from 'typeorm';

/** What becomes of an operation that is cancelled while it is under way. The hub before this one leaves it out: it goes on. */
export class IfUnderWay2007000000000 implements MigrationInterface {
  readonly name = 'IfUnderWay2007000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `ALTER TABLE operations ADD COLUMN cancel_if_under_way text CHECK (cancel_if_under_way IN ('hold', 'roll-back'))`,
    );
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
