import { Injectable } from '@nestjs/common';
import type {
  CancelOperation,
  CreateOperation,
  Operation,
  OperationDetails,
  OperationQuery,
  PageOf,
} from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { Database } from '../db/database.ts';
import { notify } from '../db/query.ts';
import type { TenantContext } from '../db/tenant-context.ts';
import { pageOfRows } from '../http/newest-first.ts';
import { pageRequest } from '../http/page.ts';
import { ProblemError } from '../http/problem.ts';
import type { InstallationRow } from '../installations/installation-row.ts';
import { InstallationsRepository, noSuchInstallation } from '../installations/installations.repository.ts';
import { BeginOperationService, INTENT_CHANNEL } from './begin-operation.service.ts';
import { EndOperationService } from './end-operation.service.ts';
import { IdempotencyRepository, type IdempotentRequest } from './idempotency.repository.ts';
import { toDetails, toOperation, type OperationRow } from './operation-row.ts';
import { OperationsRepository, type HubMove } from './operations.repository.ts';
import { WantedChangeService } from '../wanted/wanted-change.service.ts';

export interface OperationRequest {
  installationId: string;
  wanted: CreateOperation;
  idempotencyKey: string | undefined;
  traceparent: string | undefined;
}

@Injectable()
export class OperationsService {
  constructor(
    private readonly database: Database,
    private readonly operations: OperationsRepository,
    private readonly installations: InstallationsRepository,
    private readonly wantedChange: WantedChangeService,
    private readonly beginning: BeginOperationService,
    private readonly idempotency: IdempotencyRepository,
    private readonly ending: EndOperationService,
  ) {}

  async list(context: TenantContext, query: OperationQuery): Promise<PageOf<Operation>> {
    const page = pageRequest(query);
    return pageOfRows(
      await this.database.inTenant(context, (tx) => this.operations.list(tx, query, page)),
      page,
      toOperation,
    );
  }

  get(context: TenantContext, id: string): Promise<OperationDetails> {
    return this.database.inTenant(context, async (tx) => {
      const found = await this.operations.find(tx, id);
      if (!found) throw noSuchOperation(id);
      return toDetails(found, await this.operations.transitions(tx, id));
    });
  }

  /** Accepts an operation: what it needs is looked up and checked, then written in one transaction that finds nothing changed. */
  async create(context: TenantContext, request: OperationRequest): Promise<Operation> {
    const { installationId, wanted } = request;
    const idempotent = { key: request.idempotencyKey, request: { installationId, wanted } };
    const prepared = await this.database.inTenant(context, async (tx) => {
      // First: what has happened since may forbid what the same request was allowed.
      const known = await this.#findKnown(tx, context, idempotent);
      if (known) return { known };
      const installation = await this.installations.load(tx, installationId);
      return { installation, ...(await this.wantedChange.prepare(tx, installation, wanted)) };
    });
    if ('known' in prepared) return toOperation(prepared.known);
    if (prepared.toCheck) await this.wantedChange.checkParameters(prepared.toCheck, prepared.change.parameters);
    let superseded: OperationRow[] = [];
    const made = await this.database.inTenant(context, async (tx) => {
      const known = await this.#findKnown(tx, context, idempotent);
      if (known) return known;
      const installation = await this.#lock(tx, installationId, {
        expected: wanted.expectedGeneration,
        seen: prepared.installation,
      });
      const runState = await this.wantedChange.runState(tx, installation, wanted);
      superseded = await this.beginning.supersede(tx, installationId);
      const target = { ...installation, generation: installation.generation + 1 };
      const operation = await this.beginning.begin(tx, context, target, {
        ...prepared.change,
        ...(runState && { runState }),
        kind: wanted.kind,
        notAfterSeconds: wanted.notAfterSeconds,
        reason: wanted.reason,
        traceparent: request.traceparent,
      });
      await this.idempotency.keep(tx, context, idempotent, operation.id);
      return operation;
    });
    this.ending.committed(superseded);
    return toOperation(made);
  }

  async #findKnown(
    tx: EntityManager,
    context: TenantContext,
    request: IdempotentRequest,
  ): Promise<OperationRow | undefined> {
    const id = await this.idempotency.find(tx, context, request);
    return id === undefined ? undefined : this.operations.find(tx, id);
  }

  /**
   * Before it was started it ends here; after that the agent is asked to stop if it still can, and under way only as `ifUnderWay`
   * says. Without an agent it ends as `unknown`.
   */
  async cancel(context: TenantContext, id: string, { ifUnderWay }: CancelOperation): Promise<Operation> {
    const ended: OperationRow[] = [];
    const found = await this.database.inTenant(context, async (tx) => {
      const operation = await this.operations.findForUpdate(tx, id);
      if (!operation) throw noSuchOperation(id);
      if (operation.state === 'cancelled') return operation;
      if (operation.finishedAt !== null)
        throw new ProblemError('conflict', `the operation has ended already: ${operation.state}`, {
          action: 'push a rollback or another upgrade instead',
        });
      const move = await this.#endOfCancelled(tx, operation, context.actor);
      if (!move && ifUnderWay !== undefined) await this.wantedChange.checkMayStop(tx, operation);
      await this.operations.markCancelRequested(tx, id, context.actor, ifUnderWay);
      await notify(tx, INTENT_CHANNEL, operation.clusterId);
      if (!move) return operation;
      const cancelled = await this.ending.end(tx, operation, move);
      ended.push(cancelled);
      return cancelled;
    });
    this.ending.committed(ended);
    return toOperation(found);
  }

  /** Undefined: the agent has it and says how it ends. What was started keeps the installation busy only while somebody may tell its end. */
  async #endOfCancelled(tx: EntityManager, operation: OperationRow, actor: string): Promise<HubMove | undefined> {
    const { state, clusterId, cluster } = operation;
    if (state === 'queued')
      return { state: 'cancelled', reasonCode: 'cancelled', message: `cancelled by ${actor} before it was started` };
    const isStarted = state === 'accepted' || state === 'running';
    if (!isStarted || !(await this.operations.isClusterSilent(tx, clusterId))) return undefined;
    const message = `given up by ${actor} while nothing is heard of the cluster "${cluster}": look into it, then push again`;
    return { state: 'unknown', reasonCode: 'lost-track', message };
  }

  async #lock(
    tx: EntityManager,
    id: string,
    { expected, seen }: { expected: number | undefined; seen: InstallationRow },
  ): Promise<InstallationRow> {
    const installation = await this.installations.findForUpdate(tx, id);
    if (!installation) throw noSuchInstallation(id);
    await this.#checkCluster(tx, installation);
    const { generation } = installation;
    if ((expected !== undefined && expected !== generation) || generation !== seen.generation)
      throw new ProblemError('conflict', `somebody else was faster: the installation is at generation ${generation}`, {
        action: 'look at what changed, then push again',
      });
    const changed = changedSince(seen, installation);
    if (changed !== undefined)
      throw new ProblemError('conflict', `what this push goes by has just changed: ${changed}`, {
        action: 'look at what runs, then push again',
      });
    return installation;
  }

  async #checkCluster(tx: EntityManager, { clusterId, cluster }: InstallationRow): Promise<void> {
    if (await this.installations.isClusterRevoked(tx, clusterId))
      throw new ProblemError(
        'cluster-revoked',
        `the cluster "${cluster}" is revoked: its agent takes nothing any more`,
        {
          action: `let it in again first: steward cluster enrol ${cluster}`,
        },
      );
  }
}

/** Of what decides which release and parameters a push means; undefined when all of it is as it was. */
function changedSince(seen: InstallationRow, now: InstallationRow): string | undefined {
  if (now.observedGeneration !== seen.observedGeneration) return `generation ${now.observedGeneration} runs now`;
  if (now.state !== seen.state) return `the installation was ${seen.state}, and is ${now.state}`;
  if (now.currentOperation !== seen.currentOperation) return 'an operation of it has ended or gone on';
  return undefined;
}

export function noSuchOperation(id: string): ProblemError {
  return new ProblemError('not-found', `there is no operation ${id}`, { action: 'see `steward operations list`' });
}
