import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Each hello looks for what gave way to newer operations and may have never arrived. */
export class GivenWay2030000000000 implements MigrationInterface {
  readonly name = 'GivenWay2030000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE INDEX operations_given_way ON operations (cluster_id)
       WHERE reason_code = 'superseded' AND presumed_from <> 'queued'`,
    );
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
