import type pg from 'pg';

export interface TenantTable {
  name: string;
  organizationColumn: string;
  /** Undefined for tables that all of the vendor's customers may see. */
  customerColumn: string | undefined;
}

interface Column {
  name: string;
  type: string;
  isNullable: boolean;
  isGenerated: boolean;
}

/** Every table of the hub with an organization in it, by the catalog. */
export async function loadTenantTables(client: pg.Client): Promise<TenantTable[]> {
  const { rows } = await client.query<{ name: string; columns: string[] }>(
    `SELECT c.relname AS name, array_agg(a.attname::text) AS columns
     FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
     WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
     GROUP BY c.relname ORDER BY c.relname`,
  );
  return rows
    .filter(({ name, columns }) => name === 'organizations' || columns.includes('organization_id'))
    .map(({ name, columns }) => ({
      name,
      organizationColumn: name === 'organizations' ? 'id' : 'organization_id',
      customerColumn: name === 'customers' ? 'id' : columns.includes('customer_id') ? 'customer_id' : undefined,
    }));
}

/** Lets any row in: no keys to other tables, no checks, nothing unique. Only for a database that is thrown away. */
export async function dropConstraints(client: pg.Client): Promise<void> {
  await client.query(`DO $$ DECLARE c record; BEGIN
    FOR c IN SELECT conrelid::regclass AS t, conname FROM pg_constraint
             WHERE connamespace = 'public'::regnamespace AND contype IN ('f', 'c') LOOP
      EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.t, c.conname);
    END LOOP; END $$`);
}

const VALUES: Record<string, string> = {
  uuid: 'gen_random_uuid()',
  text: 'gen_random_uuid()::text',
  bytea: `decode(replace(gen_random_uuid()::text, '-', ''), 'hex')`,
  jsonb: `'{}'::jsonb`,
  json: `'{}'::json`,
  bool: 'true',
  timestamptz: 'now()',
  date: 'current_date',
  int2: '1',
  int4: '1',
  int8: '(random() * 1000000000)::bigint',
  float8: '1',
  numeric: '1',
  xid8: 'pg_current_xact_id()',
  _text: `'{}'::text[]`,
  _float8: `'{}'::float8[]`,
};

async function loadColumns(client: pg.Client, table: string): Promise<Column[]> {
  const { rows } = await client.query<Column>(
    `SELECT column_name AS name, udt_name AS type, is_nullable = 'YES' AS "isNullable",
            is_generated = 'ALWAYS' OR is_identity = 'YES' AS "isGenerated"
     FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1`,
    [table],
  );
  return rows;
}

/** Writes a row of made-up values for this organization and customer. */
export async function insertAnyRow(
  client: pg.Client,
  table: TenantTable,
  ids: { organizationId: string; customerId: string },
): Promise<void> {
  const columns = (await loadColumns(client, table.name)).filter(({ isGenerated }) => !isGenerated);
  const given = columns.flatMap(({ name, type, isNullable }) => {
    if (name === table.organizationColumn) return [[name, `'${ids.organizationId}'`]];
    if (name === table.customerColumn) return [[name, `'${ids.customerId}'`]];
    if (isNullable) return [];
    const value = VALUES[type];
    if (value === undefined)
      throw new Error(`no made-up value for ${table.name}.${name} of type ${type}: add one to VALUES`);
    return [[name, value]];
  });
  const names = given.map(([name]) => name).join(', ');
  const values = given.map(([, value]) => value).join(', ');
  await client.query(`INSERT INTO ${table.name} (${names}) VALUES (${values})`);
}
