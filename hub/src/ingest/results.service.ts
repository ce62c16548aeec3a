import { Injectable } from '@nestjs/common';
import { canMove, isFinal } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { FeedService } from '../feed/feed.service.ts';
import { toInstallation } from '../installations/installation-row.ts';
import { InstallationsRepository } from '../installations/installations.repository.ts';
import { toOperation, type OperationRow } from '../operations/operation-row.ts';
import type { SessionIdentity } from '../sessions/agent-session.ts';
import { ResultsRepository, type Result } from './results.repository.ts';

/** Of an operation's story not more than this is kept, beside its end: where it stands is taken from every word of the agent. */
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
    if (result.revision <= operation.revision) return this.#takeLate(tx, operation, result);
    const from = operation.presumedFrom ?? operation.state;
    if (!canMove(from, result.state)) return rejected(`an operation cannot go from ${from} to ${result.state}`);
    return this.#move(tx, operation, result);
  }

  /**
   * A later one is known already: it was stored before, or is part of the story but not where the operation is. An end is never too late
   * while the operation goes on here: the agent counts from 1 again when its own record of it was lost.
   */
  async #takeLate(tx: EntityManager, operation: OperationRow, result: Result): Promise<ResultOutcome> {
    if (isFinal(result.state) && !hasEnded(operation)) return this.#move(tx, operation, lostEnd(operation, result));
    if (result.revision > MAX_REVISION || (await this.results.hasTransition(tx, operation.id, result.revision)))
      return { kind: 'known' };
    await this.results.insertTransition(tx, operation, result);
    return { kind: 'stored', operation, isEnd: false };
  }

  async #move(tx: EntityManager, before: OperationRow, result: Result): Promise<ResultOutcome> {
    const isOver = isFinal(result.state) || result.state === 'unknown';
    const isEnd = isOver && (before.state !== result.state || before.presumedFrom !== null);
    if (isEnd || result.revision <= MAX_REVISION) await this.results.insertTransition(tx, before, result);
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

/** By the agent's own word. */
function hasEnded({ finishedAt, presumedFrom }: OperationRow): boolean {
  return finishedAt !== null && presumedFrom === null;
}

/**
 * The end that an agent tells of an operation whose record it has lost, as the next entry of the story. When it was under way and the agent
 * turns it down as if it had never begun, nobody knows what became of it.
 */
function lostEnd(operation: OperationRow, result: Result): Result {
  const revision = operation.revision + 1;
  const wasRunning = (operation.presumedFrom ?? operation.state) === 'running';
  if (!wasRunning || (result.revision > 1 && canMove('running', result.state))) return { ...result, revision };
  const message = `it was under way, and the agent has lost its record of it: look into the cluster, then push again. It says: ${result.message}`;
  return { ...result, revision, state: 'unknown', reason: 'lost-track', message };
}

function rejected(problem: string): ResultOutcome {
  return { kind: 'rejected', problem };
}
