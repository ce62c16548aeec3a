import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { Logger } from 'pino';
import { CONFIG, type Config } from '../config.ts';
import { Database } from '../db/database.ts';
import { row } from '../db/query.ts';
import { LOGGER } from '../log.ts';
import { Rounds } from '../rounds.ts';

const INTERVAL_MS = 3_600_000;

/** Makes the partitions of metrics for the days to come and drops those of days that are over. As the system role. */
@Injectable()
export class MetricDaysService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #rounds: Rounds;

  constructor(
    private readonly database: Database,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(LOGGER) private readonly log: Logger,
  ) {
    const failed = 'the partitions of metrics were not tidied; trying again in an hour';
    this.#rounds = new Rounds({ intervalMs: INTERVAL_MS, round: () => this.#tidy(), log, failed });
  }

  /** Awaited: after a long sleep there is no partition for what the first agent brings. */
  onApplicationBootstrap(): Promise<void> {
    return this.#rounds.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.#rounds.stop();
  }

  async #tidy(): Promise<void> {
    const done = await this.database.asSystem((tx) =>
      row<{ changed: number }>(tx, 'SELECT steward_metric_days($1) AS changed', [this.config.metricsKeepDays]),
    );
    if (done && done.changed > 0) this.log.info({ changed: done.changed }, 'made and dropped partitions of metrics');
  }
}
