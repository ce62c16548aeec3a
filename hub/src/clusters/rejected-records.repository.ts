import { Injectable } from '@nestjs/common';
import type { RejectedRecord } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { createOrderedIds } from '../db/ordered-id.ts';
import { execute, rows } from '../db/query.ts';
import { storableText } from '../db/storable.ts';
import { newestFirst } from '../http/newest-first.ts';
import type { PageRequest } from '../http/page.ts';

export interface RejectedRecordRow extends Omit<RejectedRecord, 'createdAt' | 'sequence'> {
  createdAt: Date;
  sequence: string;
}

export interface RecordToReject {
  organizationId: string;
  customerId: string;
  clusterId: string;
  stream: string;
  sequence: number;
  type: string;
  problem: string;
  body: unknown;
}

const KEPT_PER_CLUSTER = 100;
const MAX_BODY_CHARACTERS = 4_000;

export function toRejectedRecord({ createdAt, sequence, ...found }: RejectedRecordRow): RejectedRecord {
  return { ...found, createdAt: createdAt.toISOString(), sequence: Number(sequence) };
}

@Injectable()
export class RejectedRecordsRepository {
  readonly #nextId = createOrderedIds();

  list(tx: EntityManager, clusterId: string, page: PageRequest): Promise<RejectedRecordRow[]> {
    const clause = newestFirst(page, 2, 'r');
    return rows(
      tx,
      `SELECT r.id, r.created_at AS "createdAt", r.stream, r.sequence, r.type, r.problem, r.body FROM rejected_records r
       WHERE r.cluster_id = $1 AND ${clause.where} ${clause.tail}`,
      [clusterId, ...clause.parameters],
    );
  }

  /** Sets a record aside; of each cluster the last hundred are kept. */
  async insert(tx: EntityManager, record: RecordToReject): Promise<void> {
    const body = storableText(JSON.stringify(record.body) ?? '').slice(0, MAX_BODY_CHARACTERS);
    await execute(
      tx,
      `INSERT INTO rejected_records (id, organization_id, customer_id, cluster_id, stream, sequence, type, problem, body)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [
        this.#nextId(),
        record.organizationId,
        record.customerId,
        record.clusterId,
        record.stream,
        record.sequence,
        record.type,
        storableText(record.problem).slice(0, 1_000),
        body,
      ],
    );
    await execute(
      tx,
      `DELETE FROM rejected_records WHERE cluster_id = $1 AND (created_at, id) <= (
         SELECT created_at, id FROM rejected_records WHERE cluster_id = $1
         ORDER BY created_at DESC, id DESC OFFSET ${KEPT_PER_CLUSTER} LIMIT 1)`,
      [record.clusterId],
    );
  }
}
