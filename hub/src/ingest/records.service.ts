import { Inject, Injectable } from '@nestjs/common';
import type { Logger } from 'pino';
import type { EntityManager } from 'typeorm';
import { RejectedRecordsRepository } from '../clusters/rejected-records.repository.ts';
import { Database } from '../db/database.ts';
import { DatabaseUnavailable } from '../db/unavailable.ts';
import { LOGGER } from '../log.ts';
import type { AgentSession, SessionIdentity } from '../sessions/agent-session.ts';
import type { InboundRecord } from '../sessions/inbound.ts';
import { AgentStreamsRepository } from './agent-streams.repository.ts';
import { fence, FencedError } from './fence.ts';
import { freshRecords, isCursorKept } from './fresh-records.ts';
import { IngestMetrics } from './ingest-metrics.ts';
import { RecordContentService, type Stored } from './record-content.service.ts';
import type { SessionState } from './session-state.ts';

interface Batch {
  stream: string;
  records: readonly InboundRecord[];
}

/**
 * Takes the records of one stream: fence, store, advance the cursor, commit; only then ack. Doubles are dropped and acked again; behind a hole
 * in a durable stream nothing is taken, so the ack tells the agent from where to send again.
 */
@Injectable()
export class RecordsService {
  constructor(
    private readonly database: Database,
    private readonly streams: AgentStreamsRepository,
    private readonly contents: RecordContentService,
    private readonly rejected: RejectedRecordsRepository,
    private readonly metrics: IngestMetrics,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  async ingest(session: AgentSession, state: SessionState, batch: Batch): Promise<void> {
    const { stream } = batch;
    const cursor = state.cursors.get(stream) ?? 0;
    const fresh = freshRecords(state.incarnation, cursor, batch);
    const last = fresh.at(-1)?.sequence ?? cursor;
    if (fresh.length > 0) {
      const stored = await this.#store(session.identity, stream, fresh);
      state.cursors.set(stream, last);
      for (const one of stored) this.contents.committed(session.identity, state, one);
    }
    session.ack(stream, last);
  }

  async #store(identity: SessionIdentity, stream: string, records: readonly InboundRecord[]): Promise<Stored[]> {
    try {
      return await this.#commit(identity, stream, records);
    } catch (error) {
      if (error instanceof FencedError || error instanceof DatabaseUnavailable) throw error;
      if (records.length === 1) return this.#setAside(identity, stream, records, error);
    }
    // One of them is what the database does not take: each by itself shows which.
    const stored: Stored[] = [];
    for (const record of records) stored.push(...(await this.#store(identity, stream, [record])));
    return stored;
  }

  #commit(identity: SessionIdentity, stream: string, records: readonly InboundRecord[]): Promise<Stored[]> {
    return this.database.asSystem(async (tx) => {
      await fence(tx, identity);
      const stored: Stored[] = [];
      for (const record of records) {
        const one = await this.contents.take(tx, identity, record.content);
        if (one.kind === 'rejected') await this.#reject(tx, { identity, stream, record, problem: one.problem });
        stored.push(one);
      }
      if (isCursorKept(stream)) await this.streams.advance(tx, identity, stream, records.at(-1)?.sequence ?? 0);
      return stored;
    });
  }

  /** A record that the database refuses must not wedge the stream. */
  async #setAside(
    identity: SessionIdentity,
    stream: string,
    records: readonly InboundRecord[],
    error: unknown,
  ): Promise<Stored[]> {
    const problem = `it could not be stored: ${error instanceof Error ? error.message : String(error)}`;
    this.log.error({ err: error, clusterId: identity.clusterId, stream }, 'a record could not be stored; set aside');
    await this.database.asSystem(async (tx) => {
      await fence(tx, identity);
      for (const record of records) await this.#reject(tx, { identity, stream, record, problem });
      if (isCursorKept(stream)) await this.streams.advance(tx, identity, stream, records.at(-1)?.sequence ?? 0);
    });
    return records.map(() => ({ kind: 'rejected', problem }));
  }

  async #reject(
    tx: EntityManager,
    {
      identity,
      stream,
      record,
      problem,
    }: { identity: SessionIdentity; stream: string; record: InboundRecord; problem: string },
  ): Promise<void> {
    const { sequence, content } = record;
    const isBad = 'kind' in content;
    const [type, body] = isBad ? [content.type, content.body] : [content.t, content.b];
    this.metrics.rejected(type);
    await this.rejected.insert(tx, { ...identity, stream, sequence, type, problem, body });
  }
}
