import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { row, rows } from '../db/query.ts';
import type { TenantContext } from '../db/tenant-context.ts';
import { newestFirst } from '../http/newest-first.ts';
import type { PageRequest } from '../http/page.ts';

export interface ReleaseRow {
  id: string;
  service: string;
  version: string;
  digest: string;
  chartDigest: string;
  signedBy: string;
  counter: number;
  /** When it was signed, by the signer's word. */
  signedAt: Date;
  /** When it was published here. */
  createdAt: Date;
}

export interface StoredRelease extends ReleaseRow {
  /** JSON of the signed envelope, as it came. */
  envelope: string;
}

export interface NewRelease {
  serviceId: string;
  version: string;
  digest: string;
  chartDigest: string;
  /** The registry that has the chart, when the hub does not. */
  chartOci: string | undefined;
  signedBy: string;
  counter: number;
  signedAt: string;
  envelope: string;
}

const COLUMNS = `r.id, s.slug AS service, r.version, r.digest, r.chart_digest AS "chartDigest", r.signed_by AS "signedBy",
  r.counter, r.signed_at AS "signedAt", r.created_at AS "createdAt"`;
const FROM = 'FROM releases r JOIN services s ON s.id = r.service_id';

@Injectable()
export class ReleasesRepository {
  list(tx: EntityManager, service: string, page: PageRequest): Promise<ReleaseRow[]> {
    const { where, tail, parameters } = newestFirst(page, 2, 'r');
    return rows(tx, `SELECT ${COLUMNS} ${FROM} WHERE s.slug = $1 AND ${where} ${tail}`, [service, ...parameters]);
  }

  find(tx: EntityManager, service: string, version: string): Promise<StoredRelease | undefined> {
    return row(tx, `SELECT ${COLUMNS}, r.envelope ${FROM} WHERE s.slug = $1 AND r.version = $2`, [service, version]);
  }

  /** The release a channel points to. */
  findByChannel(tx: EntityManager, service: string, channel: string): Promise<StoredRelease | undefined> {
    return row(
      tx,
      `SELECT ${COLUMNS}, r.envelope ${FROM} JOIN channels c ON c.release_id = r.id WHERE s.slug = $1 AND c.name = $2`,
      [service, channel],
    );
  }

  findById(tx: EntityManager, id: string): Promise<StoredRelease | undefined> {
    return row(tx, `SELECT ${COLUMNS}, r.envelope ${FROM} WHERE r.id = $1`, [id]);
  }

  /** The highest counter that this key has signed for this service; 0 when there is none. */
  async highestCounter(tx: EntityManager, serviceId: string, signedBy: string): Promise<number> {
    const found = await row<{ counter: number | null }>(
      tx,
      'SELECT max(counter) AS counter FROM releases WHERE service_id = $1 AND signed_by = $2',
      [serviceId, signedBy],
    );
    return found?.counter ?? 0;
  }

  async insert(tx: EntityManager, context: TenantContext, release: NewRelease): Promise<string> {
    const made = await row<{ id: string }>(
      tx,
      `INSERT INTO releases (organization_id, service_id, version, digest, chart_digest, chart_oci, signed_by, counter, signed_at, envelope, created_by)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id`,
      [
        context.organizationId,
        release.serviceId,
        release.version,
        release.digest,
        release.chartDigest,
        release.chartOci ?? null,
        release.signedBy,
        release.counter,
        release.signedAt,
        release.envelope,
        context.actor,
      ],
    );
    if (!made) throw new Error('an inserted release is not there');
    return made.id;
  }
}
