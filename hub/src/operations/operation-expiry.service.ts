import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { Logger } from 'pino';
import { Database } from '../db/database.ts';
import { LOGGER } from '../log.ts';
import { Rounds } from '../rounds.ts';
import { EndOperationService } from './end-operation.service.ts';
import type { OperationRow } from './operation-row.ts';
import { OperationsRepository, type HubMove } from './operations.repository.ts';

const INTERVAL_MS = 5_000;

/** Ends operations that nobody else ends, so that each reaches a final state; what the agent tells later still counts. */
@Injectable()
export class OperationExpiryService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #rounds: Rounds;

  constructor(
    private readonly database: Database,
    private readonly operations: OperationsRepository,
    private readonly ending: EndOperationService,
    @Inject(LOGGER) log: Logger,
  ) {
    const failed = 'overdue operations could not be ended; trying again';
    this.#rounds = new Rounds({ intervalMs: INTERVAL_MS, round: () => this.#endOverdue(), log, failed });
  }

  onApplicationBootstrap(): void {
    void this.#rounds.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.#rounds.stop();
  }

  async #endOverdue(): Promise<void> {
    const ended = await this.database.asSystem(async (tx) => {
      const moved: OperationRow[] = [];
      for (const overdue of await this.operations.overdue(tx)) {
        moved.push(await this.ending.end(tx, overdue, moveOf(overdue)));
      }
      return moved;
    });
    this.ending.committed(ended);
  }
}

function moveOf({ state }: OperationRow): HubMove {
  if (state === 'running')
    return {
      state: 'unknown',
      reasonCode: 'lost-track',
      message:
        'the agent has not been heard of for a day while it was under way: look into the cluster, then push again',
    };
  return {
    state: 'expired',
    reasonCode: 'expired',
    message: 'it was not started in time: the agent was away, rights were missing or nobody approved it. Push it again',
  };
}
