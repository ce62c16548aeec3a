import { Injectable } from '@nestjs/common';
import { isFinal, type AgentFrameOf } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { traceOf, type OperationRow } from '../operations/operation-row.ts';
import type { SessionIdentity } from '../sessions/agent-session.ts';
import type { InboundRecord } from '../sessions/inbound.ts';
import { OperationTraces } from '../telemetry/operation-traces.service.ts';
import { MetricRecordsRepository } from '../service-metrics/metric-records.repository.ts';
import { EventsRepository } from './events.repository.ts';
import { IngestMetrics } from './ingest-metrics.ts';
import type { Result } from './results.repository.ts';
import { ResultsService, type ResultOutcome } from './results.service.ts';
import type { SessionState } from './session-state.ts';

/** What became of a record. */
export type Stored =
  | { kind: 'event' | 'metrics' | 'known' }
  | { kind: 'rejected'; problem: string }
  | { kind: 'result'; result: Result; operation: OperationRow; isEnd: boolean };

/** Records by their type: what each writes, and what follows its commit. */
@Injectable()
export class RecordContentService {
  constructor(
    private readonly results: ResultsService,
    private readonly events: EventsRepository,
    private readonly measured: MetricRecordsRepository,
    private readonly traces: OperationTraces,
    private readonly metrics: IngestMetrics,
  ) {}

  async take(tx: EntityManager, identity: SessionIdentity, content: InboundRecord['content']): Promise<Stored> {
    if ('kind' in content) return { kind: 'rejected', problem: content.message };
    switch (content.t) {
      case 'result':
        return toStored(content.b, await this.results.take(tx, identity, content.b));
      case 'event':
        return this.#takeEvent(tx, identity, content.b);
      case 'metrics': {
        const problem = await this.measured.insert(tx, identity, content.b);
        return problem === undefined ? { kind: 'metrics' } : { kind: 'rejected', problem };
      }
    }
  }

  /** Counts, and sends spans on; once per record, after the commit. */
  committed(identity: SessionIdentity, { agentVersion }: SessionState, stored: Stored): void {
    this.metrics.ingested(stored.kind);
    if (stored.kind !== 'result') return;
    const { result, operation, isEnd } = stored;
    const trace = traceOf(operation);
    if (result.spans) {
      const { cluster, customer } = operation;
      const agent = { operationId: operation.id, clusterId: identity.clusterId, cluster, customer, agentVersion };
      this.traces.addAgentSpans(trace, agent, result.spans);
    }
    if (!isEnd || !isFinal(operation.state)) return;
    this.metrics.ended(operation.kind, operation.state);
    this.traces.end(trace, {
      ...operation,
      reasonCode: operation.reasonCode ?? undefined,
      finishedAt: operation.finishedAt ?? new Date(),
    });
  }

  async #takeEvent(tx: EntityManager, identity: SessionIdentity, event: AgentFrameOf<'event'>['b']): Promise<Stored> {
    if (!(await this.events.insert(tx, identity, event)))
      return { kind: 'rejected', problem: `this cluster has no installation ${event.installationId ?? ''}` };
    return { kind: 'event' };
  }
}

function toStored(result: Result, outcome: ResultOutcome): Stored {
  if (outcome.kind !== 'stored') return outcome;
  return { kind: 'result', result, operation: outcome.operation, isEnd: outcome.isEnd };
}
