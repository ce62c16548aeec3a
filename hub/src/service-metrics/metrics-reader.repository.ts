import { Injectable } from '@nestjs/common';
import { LIMITS, type MetricSeries } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { row, rows } from '../db/query.ts';
import type { Measured, Range } from './range.ts';

/** Where a series is in the tables of the range: at `index` (from 1) of the table `id` of that day. */
export interface FoundSeries {
  day: string;
  id: string;
  index: number;
  series: MetricSeries;
}

export interface StoredBatch {
  at: Date;
  tableId: string;
  numbers: (number | null)[];
}

/** Of series in tables that one question looks at: a pod that came and went makes a table, and a day makes all of them anew. */
const MAX_FOUND = 20_000;

/** What was measured, for its tenant. */
@Injectable()
export class MetricsReaderRepository {
  findSeries(tx: EntityManager, installationId: string, { name, fromMs, toMs }: Range): Promise<FoundSeries[]> {
    return rows(
      tx,
      `SELECT t.day::text AS day, t.id::text AS id, e.n::int AS index, e.s AS series
       FROM metric_tables t, json_array_elements(t.series) WITH ORDINALITY AS e(s, n)
       WHERE t.installation_id = $1 AND t.day BETWEEN $2::date AND $3::date AND e.s->>0 = $4
       ORDER BY t.day DESC, t.id, e.n LIMIT ${MAX_FOUND}`,
      [installationId, dayOf(fromMs - LIMITS.metricsFullMs), dayOf(toMs), name],
    );
  }

  /**
   * The last number of each series in each step, from so long before the range as a value may have stayed the same. A step without a row
   * of the series' table has none. What is sorted has no array in it, and an array that was appended to is unpacked once for all of its
   * elements: that is six times as fast as the plain aggregate.
   */
  measured(
    tx: EntityManager,
    installationId: string,
    { fromMs, toMs, stepMs }: Range,
    found: readonly (FoundSeries & { key: number })[],
  ): Promise<Measured[]> {
    return rows(
      tx,
      `WITH wanted AS (
         SELECT day, id, array_agg(index) AS indexes, array_agg(key) AS keys
         FROM unnest($5::date[], $6::bigint[], $7::int[], $8::int[]) AS w(day, id, index, key) GROUP BY day, id)
       SELECT DISTINCT ON (key, bucket) key, bucket, value FROM (
         SELECT s.key, b.bucket, b.at, b.numbers[s.index] AS value FROM wanted w
         CROSS JOIN LATERAL (
           SELECT at, floor(extract(epoch FROM at - $2::timestamptz) * 1000 / $4)::int AS bucket, array_append(numbers, NULL) AS numbers
           FROM metric_batches
           WHERE installation_id = $1 AND table_id = w.id AND at >= $2::timestamptz - make_interval(secs => $9) AND at < $3
             AND at >= w.day::timestamp AT TIME ZONE 'UTC' AND at < (w.day + 1)::timestamp AT TIME ZONE 'UTC' OFFSET 0) AS b
         CROSS JOIN LATERAL unnest(w.indexes, w.keys) AS s(index, key)) AS x
       ORDER BY key, bucket, value IS NULL, at DESC`,
      [
        installationId,
        new Date(fromMs).toISOString(),
        new Date(toMs).toISOString(),
        stepMs,
        found.map(({ day }) => day),
        found.map(({ id }) => id),
        found.map(({ index }) => index),
        found.map(({ key }) => key),
        LIMITS.metricsFullMs / 1_000,
      ],
    );
  }

  /** Newest first: the latest batch and those with the same series that came before it, as far back as a value may be left out. */
  latest(tx: EntityManager, installationId: string): Promise<StoredBatch[]> {
    return rows(
      tx,
      `WITH last AS (SELECT at, table_id FROM metric_batches WHERE installation_id = $1 ORDER BY at DESC LIMIT 1)
       SELECT b.at, b.table_id::text AS "tableId", b.numbers FROM last, metric_batches b
       WHERE b.installation_id = $1 AND b.table_id = last.table_id AND b.at >= last.at - make_interval(secs => $2) ORDER BY b.at DESC`,
      [installationId, (2 * LIMITS.metricsFullMs) / 1_000],
    );
  }

  async table(tx: EntityManager, installationId: string, { at, tableId }: StoredBatch): Promise<MetricSeries[]> {
    const found = await row<{ series: MetricSeries[] }>(
      tx,
      'SELECT series FROM metric_tables WHERE installation_id = $1 AND day = $2 AND id = $3',
      [installationId, dayOf(at.getTime()), tableId],
    );
    return found?.series ?? [];
  }
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
