import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { Database } from '../db/database.ts';
import { execute, notify, rows } from '../db/query.ts';
import { storableJson } from '../db/storable.ts';
import type { TenantContext } from '../db/tenant-context.ts';
import { isAfter, positionBefore, type FeedPosition } from './feed-position.ts';

/** Wakes the readers of an organization; the payload is its id. */
export const FEED_CHANNEL = 'steward_feed';

export interface FeedScope {
  organizationId: string;
  /** Absent: only the vendor's own people see it. */
  customerId?: string;
}

/** A stored event; `data` is the JSON text as it is sent. */
export interface FeedRow {
  position: FeedPosition;
  type: string;
  data: string;
  installationId?: string;
  installation?: string;
}

export interface FeedPage {
  events: FeedRow[];
  /** There may be more right behind. */
  isFull: boolean;
  /** Committed events wait for an older transaction to end: look again soon. */
  isWithheld: boolean;
  /** Events after the asked-for place were deleted, or the place is not of this database. */
  isLost: boolean;
  /** Everything up to here has been seen, if the page is not full. */
  head: FeedPosition;
}

interface ReadRow {
  xmin: string;
  xmax: string;
  isWithheld: boolean;
  horizonXid: string | null;
  horizonId: string | null;
  xid: string | null;
  id: string | null;
  type: string;
  data: string;
  installationId: string | null;
  installation: string | null;
}

const PAGE = 200;

const READ = `
  SELECT b.xmin::text, b.xmax::text, h.xid::text AS "horizonXid", h.id::text AS "horizonId",
         EXISTS (SELECT FROM feed_events w WHERE w.xid >= b.xmin) AS "isWithheld",
         e.xid::text, e.id::text, e.type, e.data::text AS data,
         CASE e.type WHEN 'installation.changed' THEN e.data->>'id'
                     WHEN 'operation.changed' THEN e.data->'operation'->>'installationId' END AS "installationId",
         CASE e.type WHEN 'installation.changed' THEN e.data->>'name'
                     WHEN 'operation.changed' THEN e.data->'operation'->>'installation' END AS installation
  FROM (SELECT pg_snapshot_xmin(s) AS xmin, pg_snapshot_xmax(s) AS xmax FROM pg_current_snapshot() s) b
  LEFT JOIN feed_horizon h ON true
  LEFT JOIN LATERAL (
    SELECT * FROM feed_events f WHERE (f.xid, f.id) > ($1::xid8, $2::bigint) AND f.xid < b.xmin ORDER BY f.xid, f.id LIMIT ${PAGE}
  ) e ON true
  ORDER BY e.xid, e.id`;

/** Deletes what is too old or too much, and remembers up to where, in one statement. */
const CLEAN = `
  WITH kept AS (
    SELECT organization_id, xid, id, created_at,
           row_number() OVER (PARTITION BY organization_id ORDER BY xid DESC, id DESC) AS age
    FROM feed_events WHERE xid < pg_snapshot_xmin(pg_current_snapshot())
  ), until AS (
    SELECT DISTINCT ON (organization_id) organization_id, xid, id FROM kept
    WHERE age > $1 OR created_at < now() - make_interval(secs => $2)
    ORDER BY organization_id, xid DESC, id DESC
  ), gone AS (
    DELETE FROM feed_events f USING until u WHERE f.organization_id = u.organization_id AND (f.xid, f.id) <= (u.xid, u.id) RETURNING f.id
  ), noted AS (
    INSERT INTO feed_horizon (organization_id, xid, id) SELECT organization_id, xid, id FROM until
    ON CONFLICT (organization_id) DO UPDATE SET xid = excluded.xid, id = excluded.id
  )
  SELECT count(*)::int AS count FROM gone`;

@Injectable()
export class FeedRepository {
  constructor(private readonly database: Database) {}

  async insert(tx: EntityManager, scope: FeedScope, type: string, data: unknown): Promise<void> {
    await execute(tx, 'INSERT INTO feed_events (organization_id, customer_id, type, data) VALUES ($1, $2, $3, $4)', [
      scope.organizationId,
      scope.customerId ?? null,
      type,
      storableJson(data),
    ]);
    await notify(tx, FEED_CHANNEL, scope.organizationId);
  }

  /** What this tenant may see after a place; without a place only where the feed is now. */
  read(context: TenantContext, after: FeedPosition | undefined): Promise<FeedPage> {
    const place = after ?? { xid: 2n ** 64n - 1n, id: 0n };
    return this.database.inTenant(context, async (tx) => {
      const found = await rows<ReadRow>(tx, READ, [place.xid.toString(), place.id.toString()]);
      return toPage(found, after);
    });
  }

  /** Runs on one hub at a time; the others skip. As the system role, over all organizations. @returns how many were deleted */
  clean(keepEvents: number, keepSeconds: number): Promise<number> {
    return this.database.asSystem(async (tx) => {
      const [lock] = await rows<{ ok: boolean }>(
        tx,
        `SELECT pg_try_advisory_xact_lock(hashtext('feed cleaner')) AS ok`,
      );
      if (lock?.ok !== true) return 0;
      const [deleted] = await rows<{ count: number }>(tx, CLEAN, [keepEvents, keepSeconds]);
      return deleted?.count ?? 0;
    });
  }
}

function toPage(found: readonly ReadRow[], after: FeedPosition | undefined): FeedPage {
  const [first] = found;
  if (!first) throw new Error('the feed query always answers with a row');
  const events = found.flatMap((row) => (row.xid === null || row.id === null ? [] : [toEvent(row, row.xid, row.id)]));
  const isFull = events.length === PAGE;
  const horizon =
    first.horizonXid === null || first.horizonId === null
      ? undefined
      : { xid: BigInt(first.horizonXid), id: BigInt(first.horizonId) };
  const isOfLater = after !== undefined && after.xid >= BigInt(first.xmax);
  return {
    events,
    isFull,
    isWithheld: first.isWithheld,
    isLost: isOfLater || (after !== undefined && horizon !== undefined && isAfter(horizon, after)),
    head: positionBefore(BigInt(first.xmin)),
  };
}

function toEvent(row: ReadRow, xid: string, id: string): FeedRow {
  return {
    position: { xid: BigInt(xid), id: BigInt(id) },
    type: row.type,
    data: row.data,
    ...(row.installationId === null ? {} : { installationId: row.installationId }),
    ...(row.installation === null ? {} : { installation: row.installation }),
  };
}
