import type { MigrationInterface, QueryRunner } from 'typeorm';
import { tenantTable } from '../db/tenant-table.ts';

/** Release keys, services, charts, releases, channels. All of one vendor; its customers' users read them. */
export class Catalog2001000000000 implements MigrationInterface {
  readonly name = 'Catalog2001000000000';

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  async down(): Promise<void> {
    throw new Error('migrations only go forward');
  }
}

const STATEMENTS = [
  `CREATE TABLE release_keys (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL REFERENCES organizations,
    name text NOT NULL,
    fingerprint text NOT NULL,
    public_key text NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz(3) NOT NULL DEFAULT now(),
    UNIQUE (organization_id, fingerprint)
  )`,
  ...tenantTable('release_keys', { customerScoped: false }),

  `CREATE TABLE services (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL REFERENCES organizations,
    slug text NOT NULL,
    name text NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz(3) NOT NULL DEFAULT now(),
    UNIQUE (organization_id, slug),
    UNIQUE (organization_id, id)
  )`,
  ...tenantTable('services', { customerScoped: false }),

  // The packed chart's bytes, already compressed: kept beside the row and not compressed again.
  `CREATE TABLE charts (
    organization_id uuid NOT NULL REFERENCES organizations,
    digest text NOT NULL,
    bytes integer NOT NULL,
    content bytea NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz(3) NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, digest)
  )`,
  `ALTER TABLE charts ALTER COLUMN content SET STORAGE EXTERNAL`,
  ...tenantTable('charts', { customerScoped: false }),

  // The envelope as text: what was signed is never written anew.
  `CREATE TABLE releases (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    service_id uuid NOT NULL,
    version text NOT NULL,
    digest text NOT NULL,
    chart_digest text NOT NULL,
    signed_by text NOT NULL,
    counter integer NOT NULL,
    signed_at timestamptz(3) NOT NULL,
    envelope text NOT NULL,
    created_by text NOT NULL,
    created_at timestamptz(3) NOT NULL DEFAULT now(),
    FOREIGN KEY (organization_id, service_id) REFERENCES services (organization_id, id),
    FOREIGN KEY (organization_id, chart_digest) REFERENCES charts (organization_id, digest),
    UNIQUE (service_id, version),
    UNIQUE (service_id, signed_by, counter),
    UNIQUE (organization_id, digest),
    UNIQUE (organization_id, id)
  )`,
  ...tenantTable('releases', { customerScoped: false }),

  `CREATE TABLE channels (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    organization_id uuid NOT NULL,
    service_id uuid NOT NULL,
    name text NOT NULL,
    release_id uuid NOT NULL,
    updated_by text NOT NULL,
    updated_at timestamptz(3) NOT NULL DEFAULT now(),
    created_at timestamptz(3) NOT NULL DEFAULT now(),
    FOREIGN KEY (organization_id, service_id) REFERENCES services (organization_id, id),
    FOREIGN KEY (organization_id, release_id) REFERENCES releases (organization_id, id),
    UNIQUE (service_id, name)
  )`,
  ...tenantTable('channels', { customerScoped: false }),
];
