import { createCatalog, type Catalog } from './catalog.ts';
import { createHash, randomBytes } from 'node:crypto';
import {
  ROLES,
  type CreatedApiToken,
  type CreatedInstallation,
  type CreatedUser,
  type Customer,
  type Role,
} from '@steward/shared';
import pg from 'pg';
import type { Api } from '../../support/api.ts';
import { withClient } from '../../support/postgres.ts';
import { startHubWithDatabase, type HubWithDatabase } from '../../support/hub-database.ts';

/** One vendor on the hub, with a caller for every role. A customer's callers are of its first customer. */
export interface Vendor {
  id: string;
  callers: Record<Role, Api>;
  customers: [Customer, Customer];
  /** Name of a cluster of the first customer. */
  cluster: string;
  catalog: Catalog;
  /** Roles of the second customer. */
  otherCallers: { 'customer-admin': Api; 'customer-viewer': Api };
}

/** Two vendors with two customers each: whatever is asked for belongs to the first vendor's first customer. */
export interface World extends HubWithDatabase {
  own: Vendor;
  foreign: Vendor;
  /** Every id of the first vendor, and of its first customer, that must not show up anywhere else. */
  loadIds(): Promise<{ vendor: string[]; customer: string[] }>;
}

async function tokenFor(owner: Api, role: Role, customer?: string): Promise<Api> {
  const made = await owner.post<CreatedApiToken>('/tokens', {
    name: `${role} of ${customer ?? 'vendor'}`,
    role,
    ...(customer && { customer }),
  });
  return owner.as(made.token);
}

async function populate(owner: Api, id: string, prefix: string, superuserUrl: string): Promise<Vendor> {
  const customers: [Customer, Customer] = [
    await owner.post<Customer>('/customers', { slug: `${prefix}-first`, name: 'First' }),
    await owner.post<Customer>('/customers', { slug: `${prefix}-second`, name: 'Second' }),
  ];
  const [first, second] = customers;
  const callers: Partial<Record<Role, Api>> = {};
  for (const role of ROLES)
    callers[role] = await tokenFor(owner, role, role.startsWith('customer-') ? first.slug : undefined);
  const cluster = `${prefix}-cluster`;
  await withClient(superuserUrl, (client) =>
    client.query('INSERT INTO clusters (organization_id, customer_id, name, created_by) VALUES ($1, $2, $3, $4)', [
      id,
      first.id,
      cluster,
      'test',
    ]),
  );
  return {
    id,
    customers,
    cluster,
    catalog: await createCatalog(owner, prefix),
    callers: callers as Record<Role, Api>,
    otherCallers: {
      'customer-admin': await tokenFor(owner, 'customer-admin', second.slug),
      'customer-viewer': await tokenFor(owner, 'customer-viewer', second.slug),
    },
  };
}

/** No route makes a second vendor yet, so its row and its owner's token are written behind the hub. */
async function insertVendor(superuserUrl: string): Promise<{ id: string; token: string }> {
  const token = `stw_t_${randomBytes(32).toString('base64url')}`;
  const hash = createHash('sha256').update(token).digest();
  return withClient(superuserUrl, async (client) => {
    const { rows } = await client.query<{ id: string }>(
      `INSERT INTO organizations (slug, name) VALUES ('other', 'Other vendor') RETURNING id`,
    );
    const id = rows[0]?.id ?? '';
    await client.query(
      `INSERT INTO api_tokens (organization_id, name, role, token_hash, created_by) VALUES ($1, 'owner', 'owner', $2, 'test')`,
      [id, hash],
    );
    return { id, token };
  });
}

/** Ids in every table that belong to this organization, or to this customer where a table has one. */
async function idsOf(client: pg.Client, organizationId: string, customerId?: string): Promise<string[]> {
  const { rows: tables } = await client.query<{ name: string; columns: string[] }>(
    `SELECT table_name AS name, array_agg(column_name::text) AS columns FROM information_schema.columns
     WHERE table_schema = 'public' GROUP BY table_name HAVING bool_or(column_name = 'organization_id')
     AND bool_or(column_name = 'id' AND data_type = 'uuid')`,
  );
  const ids: string[] = [];
  for (const { name, columns } of tables) {
    const own = name === 'customers' ? 'id' : columns.includes('customer_id') ? 'customer_id' : undefined;
    if (customerId !== undefined && own === undefined) continue;
    const found = await client.query<{ id: string }>(
      `SELECT id FROM ${name} WHERE organization_id = $1 ${customerId === undefined ? '' : `AND ${own} = $2`}`,
      customerId === undefined ? [organizationId] : [organizationId, customerId],
    );
    ids.push(...found.rows.map(({ id }) => id));
  }
  return ids;
}

export async function createWorld(): Promise<World> {
  const running = await startHubWithDatabase({ env: { STEWARD_LOG_LEVEL: 'debug' } });
  const { hub, database } = running;
  const owner = await hub.owner();
  const organization = await owner.get<{ id: string }>('/organization');
  const other = await insertVendor(database.superuserUrl);
  const own = await populate(owner, organization.id, 'own', database.superuserUrl);
  const foreign = await populate(owner.as(other.token), other.id, 'foreign', database.superuserUrl);
  return {
    ...running,
    own,
    foreign,
    loadIds: () =>
      withClient(database.superuserUrl, async (client) => ({
        vendor: [own.id, ...(await idsOf(client, own.id))],
        customer: await idsOf(client, own.id, own.customers[0].id),
      })),
  };
}

/** A new user of the first vendor's first customer. */
export function createUser(world: World): Promise<CreatedUser> {
  return world.own.callers.owner.post<CreatedUser>('/users', {
    email: `${randomBytes(6).toString('hex')}@example.test`,
    name: 'Somebody',
    role: 'customer-viewer',
    customer: world.own.customers[0].slug,
    password: 'correct horse battery',
  });
}

/** A new API token of the first vendor's first customer. */
export function createToken(world: World): Promise<CreatedApiToken> {
  return world.own.callers.owner.post<CreatedApiToken>('/tokens', {
    name: 'to be revoked',
    role: 'customer-viewer',
    customer: world.own.customers[0].slug,
  });
}

export function newName(): string {
  return `n${randomBytes(6).toString('hex')}`;
}

/** A new installation of the first vendor's first customer. */
export function createInstallation(world: World): Promise<CreatedInstallation> {
  const { callers, cluster, catalog } = world.own;
  return callers.owner.post<CreatedInstallation>('/installations', {
    name: newName(),
    cluster,
    service: catalog.service,
  });
}
