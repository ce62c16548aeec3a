import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { Logger } from 'pino';
import { Database } from '../db/database.ts';
import { InstallationEventsRepository } from '../installations/installation-events.repository.ts';
import { LOGGER } from '../log.ts';
import { Rounds } from '../rounds.ts';
import { IdempotencyRepository } from './idempotency.repository.ts';
import { OperationsRepository } from './operations.repository.ts';

const INTERVAL_MS = 3_600_000;

/** Forgets operations that ended long ago, what happened to installations then, and keys of requests that are over. */
@Injectable()
export class OperationCleanerService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #rounds: Rounds;

  constructor(
    private readonly database: Database,
    private readonly operations: OperationsRepository,
    private readonly idempotency: IdempotencyRepository,
    private readonly events: InstallationEventsRepository,
    @Inject(LOGGER) log: Logger,
  ) {
    const failed = 'old operations could not be forgotten; trying again in an hour';
    this.#rounds = new Rounds({ intervalMs: INTERVAL_MS, round: () => this.#clean(), log, failed });
  }

  onApplicationBootstrap(): void {
    void this.#rounds.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.#rounds.stop();
  }

  async #clean(): Promise<void> {
    await this.database.asSystem(async (tx) => {
      await this.idempotency.forgetOld(tx);
      await this.events.forgetOld(tx);
      await this.operations.forgetOld(tx);
    });
  }
}
