import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { Logger } from 'pino';
import { Database } from '../db/database.ts';
import type { TenantContext } from '../db/tenant-context.ts';
import { LOGGER } from '../log.ts';
import { isAfter, type FeedPosition } from './feed-position.ts';
import { FeedTail, type FeedSubscriber } from './feed-tail.ts';
import { FEED_CHANNEL, FeedRepository } from './feed.repository.ts';

interface Entry {
  organizationId: string;
  tail: FeedTail;
}

/** The tails that somebody reads, woken by the database. */
@Injectable()
export class FeedTails implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #tails = new Map<string, Entry>();
  #unlisten: (() => Promise<void>) | undefined;

  constructor(
    private readonly database: Database,
    private readonly repository: FeedRepository,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.#unlisten = await this.database.listen(FEED_CHANNEL, (organizationId) => this.#wake(organizationId));
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.#unlisten?.();
    this.#unlisten = undefined;
  }

  /**
   * Joins the tail of the caller's scope.
   * @returns what ends it; undefined when the tail is already past the caller's place, who must read on and come again
   */
  join(context: TenantContext, seen: FeedPosition, subscriber: FeedSubscriber): (() => void) | undefined {
    const key = `${context.organizationId}/${context.customerId ?? '*'}`;
    let entry = this.#tails.get(key);
    if (!entry) {
      const { organizationId, customerId, role } = context;
      const scope: TenantContext = {
        organizationId,
        role,
        actor: 'feed',
        ...(customerId === undefined ? {} : { customerId }),
      };
      entry = { organizationId, tail: new FeedTail(seen, (after) => this.repository.read(scope, after), this.log) };
      this.#tails.set(key, entry);
    }
    const { tail } = entry;
    if (isAfter(tail.position, seen)) return undefined;
    const leave = tail.subscribe(subscriber);
    return () => {
      leave();
      if (tail.isIdle && this.#tails.get(key)?.tail === tail) this.#tails.delete(key);
    };
  }

  #wake(organizationId: string): void {
    for (const entry of this.#tails.values())
      if (organizationId === '' || entry.organizationId === organizationId) entry.tail.wake();
  }
}
