import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { Logger } from 'pino';
import { CONFIG, type Config } from '../config.ts';
import { LOGGER } from '../log.ts';
import { FeedRepository } from './feed.repository.ts';

const INTERVAL_MS = 60_000;
const KEEP_SECONDS = 24 * 3_600;

/** Keeps the feed to a day, and to so many events per organization. */
@Injectable()
export class FeedCleaner implements OnApplicationBootstrap, BeforeApplicationShutdown {
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(
    private readonly repository: FeedRepository,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  onApplicationBootstrap(): void {
    this.#running = this.#clean();
    this.#timer = setInterval(() => {
      this.#running = this.#running.then(() => this.#clean());
    }, INTERVAL_MS);
  }

  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.#timer);
    await this.#running;
  }

  async #clean(): Promise<void> {
    try {
      const count = await this.repository.clean(this.config.feedKeepEvents, KEEP_SECONDS);
      if (count > 0) this.log.info({ count }, 'deleted old events of the live feed');
    } catch (error) {
      this.log.warn({ err: error }, 'old events of the live feed were not deleted; trying again in a minute');
    }
  }
}
