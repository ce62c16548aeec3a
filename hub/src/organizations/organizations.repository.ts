import { Injectable } from '@nestjs/common';
import type { Organization } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { row } from '../db/query.ts';

interface OrganizationRow {
  id: string;
  slug: string;
  name: string;
  createdAt: Date;
}

const COLUMNS = 'id, slug, name, created_at AS "createdAt"';

function toOrganization({ createdAt, ...found }: OrganizationRow): Organization {
  return { ...found, createdAt: createdAt.toISOString() };
}

@Injectable()
export class OrganizationsRepository {
  /** The tenant's own. */
  async load(tx: EntityManager): Promise<Organization> {
    const found = await row<OrganizationRow>(tx, `SELECT ${COLUMNS} FROM organizations`);
    if (!found) throw new Error('the tenant has no organization');
    return toOrganization(found);
  }

  /** As the system role. Undefined when there is any organization already; of several hubs that start at once, one makes it. */
  async insertFirst(tx: EntityManager, slug: string, name: string): Promise<Organization | undefined> {
    await row(tx, `SELECT pg_advisory_xact_lock(hashtext('first organization'))`);
    const found = await row<OrganizationRow>(
      tx,
      `INSERT INTO organizations (slug, name) SELECT $1, $2 WHERE NOT EXISTS (SELECT FROM organizations) RETURNING ${COLUMNS}`,
      [slug, name],
    );
    return found && toOrganization(found);
  }
}
