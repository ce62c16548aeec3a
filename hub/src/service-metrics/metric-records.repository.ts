import { Injectable } from '@nestjs/common';
import type { MetricsFrame, MetricSeries } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { execute, row } from '../db/query.ts';
import { storableJson } from '../db/storable.ts';
import type { SessionIdentity } from '../sessions/agent-session.ts';
import { storedRecord, type StoredRecord } from './stored-record.ts';

/** What agents measure, as it is written. As the system role; whose it is comes from the installation's own row. */
@Injectable()
export class MetricRecordsRepository {
  /** Once for each installation and moment, whatever comes again. @returns what is wrong with a record that cannot be stored */
  async insert(tx: EntityManager, { clusterId }: SessionIdentity, frame: MetricsFrame): Promise<string | undefined> {
    const record = storedRecord(frame, Date.now());
    if ('problem' in record) return record.problem;
    const { installationId, series } = frame;
    if (series) await this.#insertTable(tx, { clusterId, installationId, record, series });
    const found = await row(
      tx,
      `WITH found AS (
         SELECT t.organization_id, t.customer_id, t.installation_id, t.id FROM metric_tables t JOIN installations i ON i.id = t.installation_id
         WHERE i.id = $1 AND i.cluster_id = $2 AND i.removed_at IS NULL AND t.day = $3 AND t.id = $4 AND t.size >= cardinality($6::float8[])),
       made AS (
         INSERT INTO metric_batches (organization_id, customer_id, installation_id, at, table_id, numbers)
         SELECT organization_id, customer_id, installation_id, $5, id, $6 FROM found ON CONFLICT DO NOTHING)
       SELECT id FROM found`,
      [installationId, clusterId, record.day, record.tableId, record.at, record.numbers],
    );
    return found ? undefined : `this cluster has no installation ${installationId} with a table ${frame.table}`;
  }

  async #insertTable(
    tx: EntityManager,
    {
      clusterId,
      installationId,
      record: { day, tableId },
      series,
    }: { clusterId: string; installationId: string; record: StoredRecord; series: readonly MetricSeries[] },
  ): Promise<void> {
    await execute(
      tx,
      `INSERT INTO metric_tables (organization_id, customer_id, installation_id, day, id, size, series)
       SELECT organization_id, customer_id, id, $3, $4, $5, $6 FROM installations
       WHERE id = $1 AND cluster_id = $2 AND removed_at IS NULL ON CONFLICT DO NOTHING`,
      [installationId, clusterId, day, tableId, series.length, storableJson(series)],
    );
  }
}
