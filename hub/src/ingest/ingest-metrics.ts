import { Injectable } from '@nestjs/common';
import type { OperationKind, OperationState } from '@steward/shared';
import { Counter, Gauge } from 'prom-client';
import { Database } from '../db/database.ts';
import { rows } from '../db/query.ts';
import { UNFINISHED } from '../operations/operation-states.ts';
import { Metrics } from '../status/metrics.ts';

@Injectable()
export class IngestMetrics {
  readonly #records: Counter<'outcome'>;
  readonly #rejected: Counter<'type'>;
  readonly #ended: Counter<'kind' | 'state'>;

  constructor({ registry }: Metrics, database: Database) {
    const registers = [registry];
    new Gauge({
      name: 'steward_operations_unfinished',
      help: 'Operations that have not ended, by state; of all replicas.',
      labelNames: ['state'],
      registers,
      async collect() {
        const counts = await loadUnfinished(database);
        this.reset();
        for (const { state, count } of counts) this.set({ state }, count);
      },
    });
    this.#records = new Counter({
      name: 'steward_records_total',
      help: 'Records of agents that were committed, by what became of them.',
      labelNames: ['outcome'],
      registers,
    });
    this.#rejected = new Counter({
      name: 'steward_records_rejected_total',
      help: 'Records of agents that were set aside, by type.',
      labelNames: ['type'],
      registers,
    });
    this.#ended = new Counter({
      name: 'steward_operations_ended_total',
      help: 'Operations that agents ended, by kind and final state.',
      labelNames: ['kind', 'state'],
      registers,
    });
  }

  ingested(outcome: 'result' | 'event' | 'metrics' | 'known' | 'rejected'): void {
    this.#records.inc({ outcome });
  }

  rejected(type: string): void {
    this.#rejected.inc({ type });
  }

  ended(kind: OperationKind, state: OperationState): void {
    this.#ended.inc({ kind, state });
  }
}

/** Nothing while the database is away: the other metrics must still be told. */
async function loadUnfinished(database: Database): Promise<{ state: string; count: number }[]> {
  const sql = `SELECT state, count(*)::int AS count FROM operations
               WHERE state IN ${UNFINISHED} GROUP BY state`;
  return database.asSystem((tx) => rows<{ state: string; count: number }>(tx, sql)).catch(() => []);
}
