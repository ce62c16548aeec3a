import { Injectable } from '@nestjs/common';
import { canMove, isFinal } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { FeedService } from '../feed/feed.service.ts';
import { toInstallation } from '../installations/installation-row.ts';
import { InstallationsRepository } from '../installations/installations.repository.ts';
import { toOperation, type OperationRow } from '../operations/operation-row.ts';
import type { SessionIdentity } from '../sessions/agent-session.ts';
import { ResultsRepository, type Result } from './results.repository.ts';

/** More transitions than this are not a story of one operation. */
const MAX_REVISION = 500;

/** What became of one result: stored (with the operation as it is now; `isEnd`: for good), there already, or not to be taken, and why. */
export type ResultOutcome =
  | { kind: 'stored'; operation: OperationRow; isEnd: boolean }
  | { kind: 'known' }
  | { kind: 'rejected'; problem: string };

/**
 * Takes what an agent tells of an operation, once per (operation, revision). The agent is the truth about what it did: where the hub itself
 * had ended the operation (superseded, expired), the agent's word still counts.
 */
@Injectable()
export class ResultsService {
  constructor(
    private readonly results: ResultsRepository,
    private readonly installations: InstallationsRepository,
    private readonly feed: FeedService,
  ) {}

  /** In the caller's transaction, which has fenced the session. */
  async take(tx: EntityManager, identity: SessionIdentity, result: Result): Promise<ResultOutcome> {
    const operation = await this.results.lock(tx, identity.clusterId, result.operationId);
    if (!operation || operation.installationId !== result.installationId)
      return rejected(`this cluster has no operation ${result.operationId} of installation ${result.installationId}`);
    if (result.revision > MAX_REVISION) return rejected(`revision ${result.revision} is above ${MAX_REVISION}`);
    if (result.revision <= operation.revision) return this.#takeEarlier(tx, operation, result);
    const from = operation.presumedFrom ?? operation.state;
    if (!canMove(from, result.state)) return rejected(`an operation cannot go from ${from} to ${result.state}`);
    return this.#move(tx, operation, result);
  }

  /** Behind it a later one is known already: it was stored before, or is part of the story but not where the operation is. */
  async #takeEarlier(tx: EntityManager, operation: OperationRow, result: Result): Promise<ResultOutcome> {
    if (await this.results.hasTransition(tx, operation.id, result.revision)) return { kind: 'known' };
    await this.results.insertTransition(tx, operation, result);
    return { kind: 'stored', operation, isEnd: false };
  }

  async #move(tx: EntityManager, before: OperationRow, result: Result): Promise<ResultOutcome> {
    const isOver = isFinal(result.state) || result.state === 'unknown';
    await this.results.insertTransition(tx, before, result);
    await this.results.move(tx, result, isOver);
    if (isOver) await this.results.finish(tx, before, result);
    else if (before.presumedFrom !== null) await this.results.resume(tx, before);
    const operation = await this.results.find(tx, before.id);
    if (!operation) throw new Error('an operation that was just moved is not there');
    await this.#publish(tx, operation, result);
    if (isOver || before.presumedFrom !== null) await this.#publishInstallation(tx, operation);
    return { kind: 'stored', operation, isEnd: isFinal(result.state) };
  }

  async #publish(tx: EntityManager, operation: OperationRow, result: Result): Promise<void> {
    const { revision, state, phase, message, at, progress } = result;
    await this.feed.publish(tx, operation, 'operation.changed', {
      operation: toOperation(operation),
      transition: { revision, state, phase, message, at, ...(progress ? { progress } : {}) },
    });
  }

  async #publishInstallation(tx: EntityManager, operation: OperationRow): Promise<void> {
    const found = await this.installations.find(tx, operation.installationId);
    if (found) await this.feed.publish(tx, operation, 'installation.changed', toInstallation(found));
  }
}

function rejected(problem: string): ResultOutcome {
  return { kind: 'rejected', problem };
}
