import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { Logger } from 'pino';
import { Database } from '../db/database.ts';
import { execute } from '../db/query.ts';
import { LOGGER } from '../log.ts';

const INTERVAL_MS = 3_600_000;

/** Forgets tokens a month after they ended: until then a late guest is told why it is refused. As the system role, across tenants. */
@Injectable()
export class TokenCleanerService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(
    private readonly database: Database,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.#timer = setInterval(() => {
      this.#running = this.#clean();
    }, INTERVAL_MS);
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }

  async #clean(): Promise<void> {
    try {
      await this.database.asSystem(async (tx) => {
        await execute(tx, `DELETE FROM grant_tokens WHERE expires_at < now() - interval '30 days'`);
        await execute(
          tx,
          `DELETE FROM enrolment_tokens WHERE expires_at < now() - interval '30 days' AND (used_at IS NULL OR replaced_at IS NOT NULL)`,
        );
      });
    } catch (error) {
      this.log.warn({ err: error }, 'old tokens could not be deleted; trying again later');
    }
  }
}
