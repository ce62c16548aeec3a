import { Injectable } from '@nestjs/common';
import { ADOPT_FEATURE, CHART_REGISTRY_FEATURE, type OperationKind, type OperationState } from '@steward/shared';
import { Database } from '../db/database.ts';
import { featuresNeeded } from '../wanted/run-state.ts';
import { EndOperationService } from '../operations/end-operation.service.ts';
import type { OperationRow } from '../operations/operation-row.ts';
import { OperationsRepository } from '../operations/operations.repository.ts';
import type { IntentRow } from './intents.repository.ts';

const NOT_STARTED: ReadonlySet<OperationState> = new Set(['queued', 'offered', 'awaiting-approval']);

const WHAT_IT_LACKS =
  'installations that are stopped, scaled, autoscaled, restarted, resized or scheduled, that were adopted, or whose chart lies in a registry';

const FETCHES_CHART: ReadonlySet<OperationKind> = new Set(['install', 'upgrade', 'adopt']);

/** Keeps from an agent what it would not understand, or of which it would silently leave something out. */
@Injectable()
export class UnsuitedIntentsService {
  constructor(
    private readonly database: Database,
    private readonly operations: OperationsRepository,
    private readonly ending: EndOperationService,
  ) {}

  /** Those that the agent can carry out. The others end here, unless it has begun with them: then they wait for a newer one. */
  async withhold(found: readonly IntentRow[]): Promise<IntentRow[]> {
    const unsuited = found.filter((row) => !isSuited(row));
    if (unsuited.length > 0) await this.#end(unsuited.map(({ operationId }) => operationId));
    return unsuited.length === 0 ? [...found] : found.filter((row) => isSuited(row));
  }

  async #end(ids: readonly string[]): Promise<void> {
    const ended = await this.database.asSystem(async (tx) => {
      const moved: OperationRow[] = [];
      for (const id of ids) {
        const operation = await this.operations.findForUpdate(tx, id);
        if (!operation || !NOT_STARTED.has(operation.state)) continue;
        const message = `the agent of ${operation.cluster} is too old for this ${operation.kind}: it does not know of ${WHAT_IT_LACKS}`;
        moved.push(await this.ending.end(tx, operation, { state: 'failed', reasonCode: 'agent-too-old', message }));
      }
      return moved;
    });
    this.ending.committed(ended);
  }
}

function isSuited({ kind, runState, releaseName, isChartElsewhere, agentFeatures }: IntentRow): boolean {
  // Without Helm's name of it, all of it would be made once more beside what runs.
  const needsAdopt = kind === 'adopt' || kind === 'leave' || releaseName !== null;
  const needsRegistry = isChartElsewhere && FETCHES_CHART.has(kind);
  const needed = [
    ...featuresNeeded(kind, runState),
    ...(needsAdopt ? [ADOPT_FEATURE] : []),
    ...(needsRegistry ? [CHART_REGISTRY_FEATURE] : []),
  ];
  return needed.every((feature) => agentFeatures?.includes(feature) === true);
}
