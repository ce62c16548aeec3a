import { Injectable } from '@nestjs/common';
import type { ReleaseKey, TrustedKey } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { row, rows } from '../../db/query.ts';
import type { TenantContext } from '../../db/tenant-context.ts';
import { pageClause, type PageRequest } from '../../http/page.ts';

export interface ReleaseKeyRow {
  id: string;
  name: string;
  fingerprint: string;
  publicKey: string;
  createdAt: Date;
}

const COLUMNS = 'id, name, fingerprint, public_key AS "publicKey", created_at AS "createdAt"';

export function toTrustedKey({ name, fingerprint, publicKey, createdAt }: ReleaseKeyRow): TrustedKey {
  return { name, fingerprint, publicKey, createdAt: createdAt.toISOString() };
}

@Injectable()
export class ReleaseKeysRepository {
  list(tx: EntityManager, page: PageRequest): Promise<ReleaseKeyRow[]> {
    const { where, tail, parameters } = pageClause(page, 1);
    return rows(tx, `SELECT ${COLUMNS} FROM release_keys WHERE ${where} ${tail}`, parameters);
  }

  /** Every key of an organization; as the system role name it, as a tenant it is the caller's own. */
  loadKeys(tx: EntityManager, organizationId: string): Promise<ReleaseKey[]> {
    return rows(
      tx,
      'SELECT fingerprint, public_key AS "publicKey" FROM release_keys WHERE organization_id = $1 ORDER BY created_at, id',
      [organizationId],
    );
  }

  /** Undefined when the key is there already. */
  insert(tx: EntityManager, context: TenantContext, name: string, key: ReleaseKey): Promise<ReleaseKeyRow | undefined> {
    return row(
      tx,
      `INSERT INTO release_keys (organization_id, name, fingerprint, public_key, created_by) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (organization_id, fingerprint) DO NOTHING RETURNING ${COLUMNS}`,
      [context.organizationId, name, key.fingerprint, key.publicKey, context.actor],
    );
  }
}
