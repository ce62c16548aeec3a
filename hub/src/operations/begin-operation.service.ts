import { Injectable } from '@nestjs/common';
import type { OperationKind, RunState } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { notify } from '../db/query.ts';
import type { TenantContext } from '../db/tenant-context.ts';
import { FeedService } from '../feed/feed.service.ts';
import { ProblemError } from '../http/problem.ts';
import { toInstallation } from '../installations/installation-row.ts';
import { InstallationsRepository } from '../installations/installations.repository.ts';
import { OperationTraces } from '../telemetry/operation-traces.service.ts';
import { EndOperationService } from './end-operation.service.ts';
import { toOperation, type OperationRow } from './operation-row.ts';
import { OperationsRepository } from './operations.repository.ts';

/** Tells the replica that holds a cluster's session that there is something for it; the payload is the cluster's id. */
export const INTENT_CHANNEL = 'steward_intent';

const DAY_SECONDS = 86_400;
/** As long as the token of an install line: who applies it on its last day gets the service too. */
const FIRST_SECONDS = 7 * DAY_SECONDS;

export interface Wanted {
  kind: OperationKind;
  releaseId: string;
  action: 'run' | 'remove';
  deleteVolumes: boolean;
  parameters: Record<string, unknown>;
  /** Absent: as the generation before. */
  runState?: RunState;
  toGeneration?: number;
  /** Only of an adopt. */
  acceptDifferences?: boolean;
  notAfterSeconds?: number | undefined;
  reason?: string | undefined;
  /** Of the request that asks for it. */
  traceparent: string | undefined;
}

/** The installation as it was locked, and what its next generation will be. */
export interface Target {
  id: string;
  customerId: string;
  clusterId: string;
  generation: number;
}

/** Writes a generation and its operation, and everything that goes with them, in the caller's transaction: row first, then the hint. */
@Injectable()
export class BeginOperationService {
  constructor(
    private readonly operations: OperationsRepository,
    private readonly installations: InstallationsRepository,
    private readonly traces: OperationTraces,
    private readonly feed: FeedService,
    private readonly ending: EndOperationService,
  ) {}

  async begin(tx: EntityManager, context: TenantContext, target: Target, wanted: Wanted): Promise<OperationRow> {
    const { organizationId, actor } = context;
    const { customerId, clusterId, generation } = target;
    await this.installations.insertGeneration(tx, organizationId, {
      ...wanted,
      toGeneration: wanted.toGeneration,
      customerId,
      installationId: target.id,
      generation,
    });
    const operation = await this.operations.insert(tx, {
      organizationId,
      customerId,
      clusterId,
      installationId: target.id,
      releaseId: wanted.releaseId,
      kind: wanted.kind,
      generation,
      requestedBy: actor,
      requestReason: wanted.reason,
      notAfterSeconds:
        wanted.notAfterSeconds ?? ((await this.#isFirst(tx, target, wanted)) ? FIRST_SECONDS : DAY_SECONDS),
      trace: this.traces.begin(wanted.traceparent),
    });
    await this.installations.setWanted(tx, target.id, generation, operation.id);
    await this.#tell(tx, organizationId, operation);
    await notify(tx, INTENT_CHANNEL, clusterId);
    return operation;
  }

  /** Whether it may wait for the customer to apply a line: a service that is taken over, or of which nothing has run yet. */
  async #isFirst(tx: EntityManager, { id, generation }: Target, { kind, action }: Wanted): Promise<boolean> {
    if (kind === 'adopt') return true;
    return action === 'run' && (await this.installations.lastSetUpTo(tx, id, generation)) === undefined;
  }

  /**
   * What has not been started gives way to something newer. @returns what was ended
   * @throws ProblemError `operation-in-progress` when something has been started
   */
  async supersede(tx: EntityManager, installationId: string): Promise<OperationRow[]> {
    const superseded: OperationRow[] = [];
    for (const operation of await this.operations.unfinishedOf(tx, installationId)) {
      if (operation.state === 'accepted' || operation.state === 'running')
        throw new ProblemError(
          'operation-in-progress',
          `the ${operation.kind} to ${operation.version} is in phase ${operation.phase}`,
          {
            action: `wait for it (steward operations watch ${operation.id}) or cancel it first`,
          },
        );
      const ended = await this.ending.end(tx, operation, {
        state: 'cancelled',
        reasonCode: 'superseded',
        message: 'a newer operation took its place before it was started',
      });
      superseded.push(ended);
    }
    return superseded;
  }

  async #tell(tx: EntityManager, organizationId: string, operation: OperationRow): Promise<void> {
    const scope = { organizationId, customerId: operation.customerId };
    const installation = await this.installations.find(tx, operation.installationId);
    if (installation) await this.feed.publish(tx, scope, 'installation.changed', toInstallation(installation));
    await this.feed.publish(tx, scope, 'operation.changed', { operation: toOperation(operation) });
  }
}
