export interface TenantTable {
  /** Whether a customer's users and tokens see only the rows of their customer. Rows without a customer are the vendor's alone then. */
  customerScoped: boolean;
  /** Default `organization_id`. */
  organizationColumn?: string;
  /** Default `customer_id`. */
  customerColumn?: string;
}

/** Runs a statement in which `%1$I` is the app role and `%2$I` the system role, whose names the owner's connection carries. */
function asRoles(statement: string): string {
  return `DO $do$ BEGIN EXECUTE format($f$${statement}$f$, current_setting('steward.app_role'), current_setting('steward.system_role')); END $do$`;
}

/**
 * The statements that put an existing table under row-level security and give the two roles their rights. Every table with an
 * `organization_id` goes through here; a test walks the catalog and fails for one that does not.
 *
 * The app role sees the organization of `steward.organization_id`, and within it what `steward.customer_id` names (`*`: all). Unset or
 * empty shows nothing. The system role sees everything: only the repositories that say so use it.
 */
export function tenantTable(name: string, options: TenantTable): string[] {
  const organization = options.organizationColumn ?? 'organization_id';
  const customer = options.customerColumn ?? 'customer_id';
  const mine = options.customerScoped
    ? `${organization} = (SELECT steward_organization()) AND ((SELECT steward_all_customers()) OR ${customer} = (SELECT steward_customer()))`
    : `${organization} = (SELECT steward_organization())`;
  return [
    `ALTER TABLE ${name} ENABLE ROW LEVEL SECURITY`,
    `ALTER TABLE ${name} FORCE ROW LEVEL SECURITY`,
    asRoles(`CREATE POLICY tenant ON ${name} TO %1$I USING (${mine}) WITH CHECK (${mine})`),
    asRoles(`CREATE POLICY system ON ${name} TO %2$I USING (true) WITH CHECK (true)`),
    ...grants(name),
  ];
}

/** Rights of both roles on a table of the hub itself, in which no tenant has rows. */
export function hubTable(name: string): string[] {
  return [asRoles(`GRANT SELECT, INSERT, UPDATE, DELETE ON ${name} TO %2$I`)];
}

function grants(name: string): string[] {
  return [asRoles(`GRANT SELECT, INSERT, UPDATE, DELETE ON ${name} TO %1$I, %2$I`)];
}

/** Rights on a sequence, for tables with a serial column. */
export function sequenceGrants(name: string): string[] {
  return [asRoles(`GRANT USAGE, SELECT ON SEQUENCE ${name} TO %1$I, %2$I`)];
}

/** The right of the system role alone to call a function. */
export function functionGrant(signature: string): string {
  return asRoles(`GRANT EXECUTE ON FUNCTION ${signature} TO %2$I`);
}

/** Functions the policies are made of; created by the first migration. */
export const TENANT_FUNCTIONS = [
  `CREATE FUNCTION steward_organization() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
   $$ SELECT NULLIF(current_setting('steward.organization_id', true), '')::uuid $$`,
  `CREATE FUNCTION steward_all_customers() RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS
   $$ SELECT COALESCE(current_setting('steward.customer_id', true) = '*', false) $$`,
  `CREATE FUNCTION steward_customer() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS
   $$ SELECT NULLIF(NULLIF(current_setting('steward.customer_id', true), '*'), '')::uuid $$`,
];
