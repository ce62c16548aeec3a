import type { MigrationInterface, QueryRunner } from 'typeorm';

const CHANNEL = 'steward_credential_gone';

const STATEMENTS = [
  'ALTER TABLE api_tokens ADD COLUMN made_by uuid REFERENCES users ON DELETE CASCADE',
  'CREATE INDEX api_tokens_made_by ON api_tokens (made_by)',
  // The owner of the tables is bound by their policies too, and has none.
  'ALTER TABLE users NO FORCE ROW LEVEL SECURITY',
  'ALTER TABLE api_tokens NO FORCE ROW LEVEL SECURITY',
  // Where one person of the vendor alone, or of one customer, has that address, and had it then.
  `UPDATE api_tokens t SET made_by = u.id FROM users u
   WHERE u.organization_id = t.organization_id AND u.email = t.created_by AND u.created_at <= t.created_at
     AND NOT EXISTS (SELECT FROM users o WHERE o.organization_id = u.organization_id AND o.email = u.email AND o.id <> u.id)`,
  'ALTER TABLE users FORCE ROW LEVEL SECURITY',
  'ALTER TABLE api_tokens FORCE ROW LEVEL SECURITY',
  // However a session or a token ends, every hub is told which: what is open with it ends at once.
  `CREATE FUNCTION steward_credential_gone() RETURNS trigger LANGUAGE plpgsql AS
   $$ BEGIN PERFORM pg_notify('${CHANNEL}', encode(OLD.token_hash, 'hex')); RETURN NULL; END $$`,
  ...['sessions', 'api_tokens'].map(
    (table) =>
      `CREATE TRIGGER credential_gone AFTER DELETE ON ${table} FOR EACH ROW EXECUTE FUNCTION steward_credential_gone()`,
  ),
];

/** API tokens end with the person who made them, and what ends is told. */
export class WhoseTokens2029000000000 implements MigrationInterface {
  readonly name = 'WhoseTokens2029000000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}
