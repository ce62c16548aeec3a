import { createHmac } from 'node:crypto';
import pg from 'pg';
import type { GivenDatabase } from '../config.ts';
import { Secret } from '../secret.ts';

/** How the hub reaches its database: three roles, three passwords. */
export interface DatabaseRoles {
  owner: Secret;
  app: Secret;
  system: Secret;
  appRole: string;
  systemRole: string;
}

/** Start-up cannot go on; the message says what to change. */
export class DatabaseSetupError extends Error {}

function withCredentials(url: URL, user: string, password: string): Secret {
  const other = new URL(url);
  other.username = encodeURIComponent(user);
  other.password = encodeURIComponent(password);
  return new Secret(other.href);
}

function userOf(url: Secret): string {
  return decodeURIComponent(new URL(url.reveal()).username);
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

async function canLogIn(url: Secret): Promise<boolean> {
  const client = new pg.Client({ connectionString: url.reveal(), connectionTimeoutMillis: 5_000 });
  try {
    await client.connect();
    return true;
  } catch (error) {
    // 28P01 wrong password, 28000 no such role or refused by pg_hba.conf
    if (['28P01', '28000'].includes(codeOf(error))) return false;
    throw error;
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Makes the role, or gives it this password again. Several hubs may do so at once. */
async function makeRole(owner: pg.Client, role: string, password: string): Promise<void> {
  const name = pg.escapeIdentifier(role);
  const options = `LOGIN PASSWORD ${pg.escapeLiteral(password)} NOINHERIT`;
  try {
    await owner.query(`CREATE ROLE ${name} ${options}`);
  } catch (error) {
    // 42710 and 23505: it exists, or another hub is just making it
    if (!['42710', '23505'].includes(codeOf(error))) throw error;
    await owner.query(`ALTER ROLE ${name} ${options}`);
  }
}

/**
 * The app and the system role. Given ones are taken as they are; otherwise they are named after the owner, with passwords derived from the
 * owner's (so that every replica knows them and nothing has to be kept), and made with the owner's right to create roles.
 * @throws DatabaseSetupError when they are missing and cannot be made
 */
export async function prepareRoles(database: GivenDatabase): Promise<DatabaseRoles> {
  const { owner, app, system } = database;
  if (app && system) return { owner, app, system, appRole: userOf(app), systemRole: userOf(system) };
  const url = new URL(owner.reveal());
  const ownerRole = userOf(owner);
  if (url.password === '')
    throw new DatabaseSetupError(
      'STEWARD_DATABASE_URL has no password to derive those of the app and the system role from: give STEWARD_DATABASE_APP_URL and STEWARD_DATABASE_SYSTEM_URL',
    );
  const roles = ['app', 'system'].map((suffix) => {
    const role = `${ownerRole}_${suffix}`;
    const password = createHmac('sha256', decodeURIComponent(url.password))
      .update(`steward role ${role}`)
      .digest('base64url');
    return { role, password, url: withCredentials(url, role, password) };
  });
  const client = new pg.Client({ connectionString: owner.reveal(), connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    for (const { role, password, url: roleUrl } of roles) {
      if (!(await canLogIn(roleUrl))) await makeRole(client, role, password);
    }
  } catch (error) {
    if (codeOf(error) !== '42501') throw error;
    throw new DatabaseSetupError(
      `the database role "${ownerRole}" may not create roles: run ALTER ROLE ${pg.escapeIdentifier(ownerRole)} CREATEROLE as an administrator, ` +
        'or make an app and a system role yourself and give STEWARD_DATABASE_APP_URL and STEWARD_DATABASE_SYSTEM_URL',
      { cause: error },
    );
  } finally {
    await client.end();
  }
  const [first, second] = roles;
  if (!first || !second) throw new Error('two roles were made');
  return { owner, app: first.url, system: second.url, appRole: first.role, systemRole: second.role };
}

interface RoleRights {
  role: string;
  isSuperuser: boolean;
  bypassesRls: boolean;
  ownsTables: boolean;
  /** Whether it is, or may become, the system role. */
  isSystem: boolean;
}

/**
 * Refuses to run on roles that would make row-level security a decoration.
 * @throws DatabaseSetupError naming the role and what is wrong with it
 */
export async function checkRoles(roles: DatabaseRoles): Promise<void> {
  for (const [name, url] of [
    ['app', roles.app],
    ['system', roles.system],
  ] as const) {
    const rights = await loadRights(url, roles.systemRole);
    const wrong =
      (rights.isSuperuser && 'is a superuser') ||
      (rights.bypassesRls && 'has BYPASSRLS') ||
      (rights.ownsTables && "owns the hub's tables (or is a member of their owner)") ||
      (name === 'app' && rights.isSystem && `is the system role "${roles.systemRole}", or a member of it`);
    if (wrong)
      throw new DatabaseSetupError(
        `the ${name} role "${rights.role}" ${wrong}, so tenants would not be kept apart: use a plain role that owns nothing (NOSUPERUSER NOBYPASSRLS)`,
      );
  }
}

async function loadRights(url: Secret, systemRole: string): Promise<RoleRights> {
  const client = new pg.Client({ connectionString: url.reveal(), connectionTimeoutMillis: 5_000 });
  await client.connect();
  try {
    const { rows } = await client.query<RoleRights>(
      `SELECT current_user AS role, rolsuper AS "isSuperuser", rolbypassrls AS "bypassesRls",
              EXISTS (SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
                      AND pg_has_role(current_user, relowner, 'MEMBER')) AS "ownsTables",
              pg_has_role(current_user, $1::name, 'MEMBER') AS "isSystem"
       FROM pg_roles WHERE rolname = current_user`,
      [systemRole],
    );
    const [rights] = rows;
    if (!rights) throw new DatabaseSetupError('the role this connection uses does not exist in pg_roles');
    return rights;
  } finally {
    await client.end();
  }
}
