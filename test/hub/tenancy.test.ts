import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { cloneDatabase, OWNER, withClient, type ClonedDatabase } from '../support/postgres.ts';
import { dropConstraints, insertAnyRow, loadTenantTables, type TenantTable } from './tenancy/fill.ts';

const OWN = { organizationId: randomUUID(), customerId: randomUUID() };
const OTHER = { organizationId: randomUUID(), customerId: randomUUID() };
const APP = `${OWNER}_app`;

/** Tables without a tenant: name → what the app role may do with them. */
const HUB_TABLES: Record<string, string[]> = { schema_migrations: ['SELECT'] };

let database: ClonedDatabase;
let superuser: pg.Client;
let app: pg.Client;
let tables: TenantTable[];

function as(role: string): string {
  const url = new URL(database.superuserUrl);
  url.username = role;
  return url.href;
}

/** Runs a statement of the app role as this tenant, and undoes it. */
async function within(
  tenant: { organizationId: string; customerId: string } | undefined,
  sql: string,
): Promise<pg.QueryResult<Record<string, unknown>>> {
  await app.query('BEGIN');
  try {
    if (tenant)
      await app.query(
        `SELECT set_config('steward.organization_id', $1, true), set_config('steward.customer_id', $2, true)`,
        [tenant.organizationId, tenant.customerId],
      );
    return await app.query<Record<string, unknown>>(sql);
  } finally {
    await app.query('ROLLBACK');
  }
}

async function count(
  tenant: { organizationId: string; customerId: string } | undefined,
  table: string,
): Promise<number> {
  const { rows } = await within(tenant, `SELECT count(*)::int AS count FROM ${table}`);
  return Number(rows[0]?.['count']);
}

beforeAll(async () => {
  database = await cloneDatabase(inject('postgresUrl'));
  superuser = new pg.Client({ connectionString: database.superuserUrl });
  app = new pg.Client({ connectionString: as(APP) });
  await superuser.connect();
  await app.connect();
  tables = await loadTenantTables(superuser);
  await dropConstraints(superuser);
  for (const table of tables) {
    await insertAnyRow(superuser, table, OWN);
    await insertAnyRow(superuser, table, OTHER);
  }
});
afterAll(async () => {
  await app.end();
  await superuser.end();
  await database.drop();
});

describe('row-level security', () => {
  it('is enabled and forced on every table with an organization, which the owner owns', async () => {
    const { rows } = await superuser.query<{ relname: string; isOn: boolean; owner: string }>(
      `SELECT relname, relrowsecurity AND relforcerowsecurity AS "isOn", relowner::regrole::text AS owner
       FROM pg_class WHERE relname = ANY($1) AND relnamespace = 'public'::regnamespace`,
      [tables.map(({ name }) => name)],
    );
    expect(rows.length).toBeGreaterThan(5);
    expect(rows.filter(({ isOn, owner }) => !isOn || owner !== OWNER)).toEqual([]);
  });

  it('leaves no table without an organization to the app role, but those named here', async () => {
    const { rows } = await superuser.query<{ name: string; rights: string[] }>(
      `SELECT table_name AS name, array_agg(privilege_type::text ORDER BY privilege_type) AS rights
       FROM information_schema.role_table_grants WHERE table_schema = 'public' AND grantee IN ($1, 'PUBLIC') GROUP BY table_name`,
      [APP],
    );
    const withTenant = new Set(tables.map(({ name }) => name));
    const others = rows.filter(({ name }) => !withTenant.has(name));
    expect(Object.fromEntries(others.map(({ name, rights }) => [name, rights]))).toEqual(HUB_TABLES);
  });

  it('holds partitions back from the app role', async () => {
    const { rows } = await superuser.query(
      `SELECT relname FROM pg_class WHERE relispartition AND relkind = 'r' AND has_table_privilege($1, oid, 'SELECT')`,
      [APP],
    );
    expect(rows).toEqual([]);
  });

  it('shows an organization its own rows only, and nothing to nobody', async () => {
    for (const { name, organizationColumn } of tables) {
      const vendor = { organizationId: OWN.organizationId, customerId: '*' };
      const { rows } = await within(vendor, `SELECT ${organizationColumn} AS id FROM ${name}`);
      expect(
        rows.map(({ id }) => id),
        name,
      ).toEqual([OWN.organizationId]);
      expect(await count({ organizationId: randomUUID(), customerId: '*' }, name), name).toBe(0);
      expect(await count(undefined, name), `${name} without a tenant`).toBe(0);
      expect(await count({ organizationId: '', customerId: '' }, name), `${name} with an empty tenant`).toBe(0);
    }
  });

  it('shows a customer its own rows only', async () => {
    for (const { name, customerColumn } of tables) {
      if (customerColumn === undefined) continue;
      expect(await count(OWN, name), name).toBe(1);
      expect(await count({ ...OWN, customerId: randomUUID() }, name), `${name} to another customer`).toBe(0);
      expect(await count({ ...OWN, customerId: '' }, name), `${name} without a customer`).toBe(0);
    }
  });

  it('changes and deletes nothing of another tenant', async () => {
    for (const { name, organizationColumn } of tables) {
      const stranger = { organizationId: randomUUID(), customerId: '*' };
      expect((await within(stranger, `DELETE FROM ${name}`)).rowCount, name).toBe(0);
      const same = `UPDATE ${name} SET ${organizationColumn} = ${organizationColumn}`;
      expect((await within(stranger, same)).rowCount, name).toBe(0);
      const taken = `UPDATE ${name} SET ${organizationColumn} = '${OTHER.organizationId}'`;
      await expect(within({ ...OWN, customerId: '*' }, taken), name).rejects.toThrow('row-level security');
    }
  });

  it('is not bypassed by either role, and roles cannot become the owner', async () => {
    for (const role of [APP, `${OWNER}_system`]) {
      await withClient(as(role), async (client) => {
        const { rows } = await client.query<Record<string, boolean>>(
          `SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, pg_has_role(current_user, '${OWNER}', 'MEMBER') AS member
           FROM pg_roles WHERE rolname = current_user`,
        );
        expect(Object.values(rows[0] ?? {})).toEqual([false, false, false, false, false]);
      });
    }
  });
});
