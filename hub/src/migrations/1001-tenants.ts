import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantTable, TENANT_FUNCTIONS } from '../db/tenant-table.ts';

/** Organizations, customers, users, sessions, API tokens. */
export class Tenants1001000000000 implements MigrationInterface {
  readonly name = 'Tenants1001000000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}

const STATEMENTS = [
  ...TENANT_FUNCTIONS,
  `CREATE TABLE organizations (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    slug text NOT NULL UNIQUE,
    name text NOT NULL,
    created_at timestamptz(3) NOT NULL DEFAULT now()
  )`,
  ...tenantTable('organizations', { customerScoped: false, organizationColumn: 'id' }),

  `CREATE TABLE customers (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL REFERENCES organizations,
    slug text NOT NULL,
    name text NOT NULL,
    created_at timestamptz(3) NOT NULL DEFAULT now(),
    UNIQUE (organization_id, slug),
    UNIQUE (organization_id, id)
  )`,
  `CREATE INDEX customers_page ON customers (organization_id, created_at, id)`,
  ...tenantTable('customers', { customerScoped: true, customerColumn: 'id' }),

  `CREATE TABLE users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL REFERENCES organizations,
    customer_id uuid,
    email text NOT NULL,
    name text NOT NULL,
    role text NOT NULL,
    password_hash text NOT NULL,
    created_at timestamptz(3) NOT NULL DEFAULT now(),
    FOREIGN KEY (organization_id, customer_id) REFERENCES customers (organization_id, id),
    CHECK ((role LIKE 'customer-%') = (customer_id IS NOT NULL)),
    UNIQUE (organization_id, id)
  )`,
  `CREATE UNIQUE INDEX users_email ON users (lower(email), organization_id, customer_id) NULLS NOT DISTINCT`,
  `CREATE INDEX users_page ON users (organization_id, created_at, id)`,
  ...tenantTable('users', { customerScoped: true }),

  `CREATE TABLE sessions (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL REFERENCES organizations,
    customer_id uuid,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    token_hash bytea NOT NULL UNIQUE,
    created_at timestamptz(3) NOT NULL DEFAULT now(),
    expires_at timestamptz(3) NOT NULL
  )`,
  `CREATE INDEX sessions_user ON sessions (user_id)`,
  `CREATE INDEX sessions_expiry ON sessions (expires_at)`,
  ...tenantTable('sessions', { customerScoped: true }),

  `CREATE TABLE api_tokens (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL REFERENCES organizations,
    customer_id uuid,
    name text NOT NULL,
    role text NOT NULL,
    token_hash bytea NOT NULL UNIQUE,
    created_by text NOT NULL,
    created_at timestamptz(3) NOT NULL DEFAULT now(),
    expires_at timestamptz(3),
    last_used_at timestamptz(3),
    FOREIGN KEY (organization_id, customer_id) REFERENCES customers (organization_id, id),
    CHECK ((role LIKE 'customer-%') = (customer_id IS NOT NULL))
  )`,
  `CREATE INDEX api_tokens_page ON api_tokens (organization_id, created_at, id)`,
  ...tenantTable('api_tokens', { customerScoped: true }),
];
