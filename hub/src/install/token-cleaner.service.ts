import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { Logger } from 'pino';
import { Database } from '../db/database.ts';
import { execute } from '../db/query.ts';
import { LOGGER } from '../log.ts';
import { Rounds } from '../rounds.ts';

const INTERVAL_MS = 3_600_000;

/** Forgets tokens a month after they ended: until then a late guest is told why it is refused. As the system role, across tenants. */
@Injectable()
export class TokenCleanerService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #rounds: Rounds;

  constructor(
    private readonly database: Database,
    @Inject(LOGGER) log: Logger,
  ) {
    const failed = 'old tokens could not be deleted; trying again in an hour';
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
      await execute(tx, `DELETE FROM grant_tokens WHERE expires_at < now() - interval '30 days'`);
      await execute(
        tx,
        `DELETE FROM enrolment_tokens WHERE expires_at < now() - interval '30 days' AND (used_at IS NULL OR replaced_at IS NOT NULL)`,
      );
    });
  }
}
