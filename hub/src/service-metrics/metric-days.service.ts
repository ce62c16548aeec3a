import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { Logger } from 'pino';
import { CONFIG, type Config } from '../config.ts';
import { Database } from '../db/database.ts';
import { row } from '../db/query.ts';
import { LOGGER } from '../log.ts';

const INTERVAL_MS = 3_600_000;

/** Makes the partitions of metrics for the days to come and drops those of days that are over. As the system role. */
@Injectable()
export class MetricDaysService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(
    private readonly database: Database,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  /** Awaited: after a long sleep there is no partition for what the first agent brings. */
  async onApplicationBootstrap(): Promise<void> {
    this.#running = this.#round();
    this.#timer = setInterval(() => {
      this.#running = this.#running.then(() => this.#round());
    }, INTERVAL_MS);
    await this.#running;
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }

  async #round(): Promise<void> {
    try {
      const done = await this.database.asSystem((tx) =>
        row<{ changed: number }>(tx, 'SELECT steward_metric_days($1) AS changed', [this.config.metricsKeepDays]),
      );
      if (done && done.changed > 0) this.log.info({ changed: done.changed }, 'made and dropped partitions of metrics');
    } catch (error) {
      this.log.warn({ err: error }, 'the partitions of metrics were not tidied; trying again in an hour');
    }
  }
}
