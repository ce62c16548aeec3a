import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { FeedService } from '../feed/feed.service.ts';
import { toInstallation } from '../installations/installation-row.ts';
import { InstallationsRepository } from '../installations/installations.repository.ts';
import { OperationTraces } from '../telemetry/operation-traces.service.ts';
import { toOperation, traceOf, type OperationRow } from './operation-row.ts';
import { OperationsRepository, type HubMove } from './operations.repository.ts';

/** Ends operations by the hub's own decision: cancelled before they were sent, superseded, expired. What the agent tells later still counts. */
@Injectable()
export class EndOperationService {
  constructor(
    private readonly operations: OperationsRepository,
    private readonly installations: InstallationsRepository,
    private readonly traces: OperationTraces,
    private readonly feed: FeedService,
  ) {}

  /** Writes the end and tells the feed: of the operation, and of the installation, which it no longer keeps busy. In the caller's transaction. */
  async end(tx: EntityManager, operation: OperationRow, move: HubMove): Promise<OperationRow> {
    const ended = await this.operations.endByHub(tx, operation, move);
    await this.feed.publish(tx, ended, 'operation.changed', { operation: toOperation(ended) });
    const installation = await this.installations.find(tx, ended.installationId);
    if (installation) await this.feed.publish(tx, ended, 'installation.changed', toInstallation(installation));
    return ended;
  }

  /** After the commit. */
  committed(operations: readonly OperationRow[]): void {
    for (const operation of operations) {
      const { reasonCode, finishedAt } = operation;
      const ended = { ...operation, reasonCode: reasonCode ?? undefined, finishedAt: finishedAt ?? new Date() };
      this.traces.end(traceOf(operation), ended);
    }
  }
}
