import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { execute, row } from '../../db/query.ts';
import type { TenantContext } from '../../db/tenant-context.ts';

@Injectable()
export class ChartsRepository {
  /** Bytes of a stored chart; undefined when it is not here. */
  async findSize(tx: EntityManager, digest: string): Promise<number | undefined> {
    return (await row<{ bytes: number }>(tx, 'SELECT bytes FROM charts WHERE digest = $1', [digest]))?.bytes;
  }

  async content(tx: EntityManager, digest: string): Promise<Buffer | undefined> {
    return (await row<{ content: Buffer }>(tx, 'SELECT content FROM charts WHERE digest = $1', [digest]))?.content;
  }

  /** Keeps it; a chart that is here already is the same by its digest. */
  async insert(tx: EntityManager, context: TenantContext, digest: string, content: Buffer): Promise<void> {
    await execute(
      tx,
      `INSERT INTO charts (organization_id, digest, bytes, content, created_by) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (organization_id, digest) DO NOTHING`,
      [context.organizationId, digest, content.byteLength, content, context.actor],
    );
  }
}
