import type { Logger } from 'pino';
import { isAfter, type FeedPosition } from './feed-position.ts';
import type { FeedPage, FeedRow } from './feed.repository.ts';

export interface FeedSubscriber {
  deliver(event: FeedRow): void;
  /** Events were lost; go on after this place. */
  reset(head: FeedPosition): void;
  /** Nothing more is there up to this place. */
  skipTo(head: FeedPosition): void;
}

const WITHHELD_MS = { first: 4, most: 100 };
const RETRY_MS = 500;

/**
 * The end of the feed as one kind of reader sees it (one organization, and all or one of its customers): reads each new event once and
 * hands it to everybody who has caught up.
 */
export class FeedTail {
  readonly #read: (after: FeedPosition) => Promise<FeedPage>;
  readonly #log: Logger;
  readonly #subscribers = new Set<FeedSubscriber>();
  #position: FeedPosition;
  #isWoken = false;
  #isReading = false;
  #timer: NodeJS.Timeout | undefined;
  #withheldMs = WITHHELD_MS.first;

  constructor(position: FeedPosition, read: (after: FeedPosition) => Promise<FeedPage>, log: Logger) {
    this.#position = position;
    this.#read = read;
    this.#log = log;
  }

  get position(): FeedPosition {
    return this.#position;
  }

  get isIdle(): boolean {
    return this.#subscribers.size === 0;
  }

  /** For a reader that has seen everything up to a place at or behind {@link position}. @returns what ends it */
  subscribe(subscriber: FeedSubscriber): () => void {
    this.#subscribers.add(subscriber);
    this.wake();
    return () => {
      this.#subscribers.delete(subscriber);
      if (this.isIdle) clearTimeout(this.#timer);
    };
  }

  /** There may be something new. Any number of calls while it reads lead to one more look. */
  wake(): void {
    this.#isWoken = true;
    clearTimeout(this.#timer);
    if (!this.#isReading) void this.#readOn();
  }

  /** Never rejects. */
  async #readOn(): Promise<void> {
    this.#isReading = true;
    while (this.#isWoken && !this.isIdle) {
      this.#isWoken = false;
      try {
        this.#handle(await this.#read(this.#position));
      } catch (error) {
        this.#log.warn({ err: error }, 'the live feed cannot be read; trying again');
        this.#wakeIn(RETRY_MS);
        break;
      }
    }
    this.#isReading = false;
  }

  #handle(page: FeedPage): void {
    if (page.isLost) {
      this.#position = page.head;
      for (const subscriber of this.#subscribers) subscriber.reset(page.head);
      this.#isWoken = true;
      return;
    }
    for (const event of page.events) {
      this.#position = event.position;
      for (const subscriber of this.#subscribers) subscriber.deliver(event);
    }
    if (page.isFull) this.#isWoken = true;
    else {
      if (isAfter(page.head, this.#position)) this.#position = page.head;
      for (const subscriber of this.#subscribers) subscriber.skipTo(page.head);
    }
    if (!page.isWithheld) this.#withheldMs = WITHHELD_MS.first;
    else if (!page.isFull) {
      this.#wakeIn(this.#withheldMs);
      this.#withheldMs = Math.min(WITHHELD_MS.most, this.#withheldMs * 2);
    }
  }

  #wakeIn(delayMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.wake(), delayMs);
  }
}
