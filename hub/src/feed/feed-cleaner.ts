import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { Logger } from 'pino';
import { CONFIG, type Config } from '../config.ts';
import { LOGGER } from '../log.ts';
import { Rounds } from '../rounds.ts';
import { FeedRepository } from './feed.repository.ts';

const INTERVAL_MS = 60_000;
const KEEP_SECONDS = 24 * 3_600;

/** Keeps the feed to a day, and to so many events per organization. */
@Injectable()
export class FeedCleaner implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #rounds: Rounds;

  constructor(
    private readonly repository: FeedRepository,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(LOGGER) private readonly log: Logger,
  ) {
    const failed = 'old events of the live feed were not deleted; trying again in a minute';
    this.#rounds = new Rounds({ intervalMs: INTERVAL_MS, round: () => this.#clean(), log, failed });
  }

  onApplicationBootstrap(): void {
    void this.#rounds.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.#rounds.stop();
  }

  async #clean(): Promise<void> {
    const count = await this.repository.clean(this.config.feedKeepEvents, KEEP_SECONDS);
    if (count > 0) this.log.info({ count }, 'deleted old events of the live feed');
  }
}
