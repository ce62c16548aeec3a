import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { Logger } from 'pino';
import { Database } from '../db/database.ts';
import { InstallationEventsRepository } from '../installations/installation-events.repository.ts';
import { LOGGER } from '../log.ts';
import { EndOperationService } from './end-operation.service.ts';
import { IdempotencyRepository } from './idempotency.repository.ts';
import type { OperationRow } from './operation-row.ts';
import { OperationsRepository, type HubMove } from './operations.repository.ts';

const INTERVAL_MS = 5_000;
const TIDY_EVERY = 720;

/** Ends operations that nobody else ends, so that each reaches a final state; what the agent tells later still counts. */
@Injectable()
export class OperationExpiryService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #rounds = 0;

  constructor(
    private readonly database: Database,
    private readonly operations: OperationsRepository,
    private readonly idempotency: IdempotencyRepository,
    private readonly events: InstallationEventsRepository,
    private readonly ending: EndOperationService,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.#timer = setInterval(() => {
      this.#running = this.#running.then(() => this.#round());
    }, INTERVAL_MS);
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }

  async #round(): Promise<void> {
    this.#rounds += 1;
    try {
      const ended = await this.database.asSystem(async (tx) => {
        const moved: OperationRow[] = [];
        for (const overdue of await this.operations.overdue(tx)) {
          moved.push(await this.ending.end(tx, overdue, moveOf(overdue)));
        }
        return moved;
      });
      this.ending.committed(ended);
      if (this.#rounds % TIDY_EVERY === 1)
        await this.database.asSystem(async (tx) => {
          await this.idempotency.forgetOld(tx);
          await this.events.forgetOld(tx);
          await this.operations.forgetOld(tx);
        });
    } catch (error) {
      this.log.warn({ err: error }, 'overdue operations could not be ended; trying again');
    }
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
