import { Injectable } from '@nestjs/common';
import { LIMITS } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { Database } from '../db/database.ts';
import type { TenantContext } from '../db/tenant-context.ts';
import { fence } from '../ingest/fence.ts';
import { InstallationsRepository } from '../installations/installations.repository.ts';
import { readRunState } from '../wanted/run-state.ts';
import { BeginOperationService } from '../operations/begin-operation.service.ts';
import { EndOperationService } from '../operations/end-operation.service.ts';
import type { OperationRow } from '../operations/operation-row.ts';
import { OperationsRepository, type HubMove } from '../operations/operations.repository.ts';
import type { Hello, SessionIdentity } from '../sessions/agent-session.ts';
import { RecoveryRepository } from './recovery.repository.ts';

const REASON = 'the agent was installed anew and has no records of what it runs';

/**
 * An agent whose namespace was deleted comes back with a new identity and knows of nothing, while its services ran on. Each that ran well
 * is then adopted by it: what lives is compared with what ran last, and nothing is changed by that.
 */
@Injectable()
export class RecoveryService {
  constructor(
    private readonly database: Database,
    private readonly recovery: RecoveryRepository,
    private readonly installations: InstallationsRepository,
    private readonly operations: OperationsRepository,
    private readonly beginning: BeginOperationService,
    private readonly ending: EndOperationService,
  ) {}

  /** Begins what is needed, once for each enrolment. @throws FencedError when a newer session has begun */
  async recover(identity: SessionIdentity, { installations }: Hello): Promise<void> {
    if (installations.length >= LIMITS.maxNamedInHello) return;
    const { clusterId } = identity;
    const known = installations.map(({ id }) => id);
    const ended: OperationRow[] = [];
    await this.database.asSystem(async (tx) => {
      const lost = await this.recovery.lost(tx, clusterId, known);
      if (lost.length === 0) return;
      await fence(tx, identity);
      for (const id of lost) ended.push(...(await this.#takeUpAgain(tx, identity, id)));
    });
    this.ending.committed(ended);
  }

  /** @returns the operations that ended for it */
  async #takeUpAgain(tx: EntityManager, identity: SessionIdentity, id: string): Promise<OperationRow[]> {
    const installation = await this.installations.findForUpdate(tx, id);
    const ran = installation && (await this.installations.generation(tx, id, installation.observedGeneration));
    if (!ran) return [];
    const ended: OperationRow[] = [];
    for (const operation of await this.operations.unfinishedOf(tx, id))
      ended.push(await this.ending.end(tx, operation, endWithoutRecords(operation)));
    // Only now: what ended unstarted is no part of how it ran.
    const { runState } = (await this.installations.find(tx, id)) ?? installation;
    const context: TenantContext = { organizationId: identity.organizationId, role: 'owner', actor: 'the hub' };
    const target = { ...installation, generation: installation.generation + 1 };
    await this.beginning.begin(tx, context, target, {
      kind: 'adopt',
      releaseId: ran.releaseId,
      parameters: ran.parameters,
      action: 'run',
      deleteVolumes: false,
      // The agent no longer knows whether it was stopped, scaled or restarted.
      runState: readRunState(runState),
      reason: REASON,
      traceparent: undefined,
    });
    return ended;
  }
}

/** Of what was asked of the agent before; what was under way may have been done or not. */
function endWithoutRecords({ kind, state }: OperationRow): HubMove {
  const isStarted = state === 'accepted' || state === 'running';
  return isStarted
    ? {
        state: 'unknown',
        reasonCode: 'lost-track',
        message: `the agent was removed while this ${kind} was under way, and came back without its records: look into the cluster, then push again`,
      }
    : {
        state: 'cancelled',
        reasonCode: 'cancelled',
        message: `the agent was installed anew: what runs is taken up again first. Push this ${kind} again after that`,
      };
}
