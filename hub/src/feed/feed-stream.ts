import type { ServerResponse } from 'node:http';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatPosition, isAfter, type FeedPosition } from './feed-position.ts';
import type { FeedPage, FeedRow } from './feed.repository.ts';
import type { FeedSubscriber } from './feed-tail.ts';

/** Bytes that may wait for a reader before nothing more is handed to it, and how long it then has to take them. */
const MAX_QUEUED_BYTES = 512 * 1024;
const PATIENCE_MS = 10_000;

export interface FeedFilter {
  type?: string;
  /** Name or id. */
  installation?: string;
}

/**
 * One reader's event stream. Writes only what passes the filter, but moves on past everything. A reader that does not keep up falls
 * behind: it is handed nothing more, keeps its place, and catches up by itself after {@link drained}, or is cut off.
 */
export class FeedStream implements FeedSubscriber {
  readonly #response: ServerResponse;
  readonly #filter: FeedFilter;
  readonly closed: Promise<unknown>;
  #position: FeedPosition;
  #sent: FeedPosition | undefined;
  #behind: PromiseWithResolvers<void> & { isTrue: boolean } = keepingUp();

  constructor(response: ServerResponse, filter: FeedFilter, position: FeedPosition) {
    this.#response = response;
    this.#filter = filter;
    this.#position = position;
    this.closed = response.destroyed ? Promise.resolve() : once(response, 'close').catch(() => undefined);
    response.on('error', () => response.destroy());
  }

  get position(): FeedPosition {
    return this.#position;
  }

  /** Resolves once it falls behind. */
  get fallsBehind(): Promise<void> {
    return this.#behind.promise;
  }

  get isOpen(): boolean {
    return !this.#response.destroyed && !this.#response.writableEnded;
  }

  /** Begins the stream. The delay before a reconnect differs, so that a restarted hub is not met by all at once. */
  open(requestId: string): void {
    this.#response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
      'request-id': requestId,
    });
    this.#write(`retry: ${1_000 + Math.floor(Math.random() * 3_000)}\n`);
    this.keepAlive();
  }

  deliver({ position, type, data, installationId, installation }: FeedRow): void {
    if (this.#behind.isTrue || !isAfter(position, this.#position)) return;
    this.#position = position;
    const { type: wantedType, installation: wanted } = this.#filter;
    if (wantedType !== undefined && wantedType !== type) return;
    if (wanted !== undefined && wanted !== installationId && wanted !== installation) return;
    this.#sent = position;
    this.#write(`id: ${formatPosition(position)}\nevent: ${type}\ndata: ${data}\n\n`);
  }

  reset(head: FeedPosition): void {
    if (this.#behind.isTrue) return;
    this.#position = head;
    const reason = 'what happened since the last id is no longer kept: load the lists again';
    this.#write(`id: ${formatPosition(head)}\nevent: reset\ndata: ${JSON.stringify({ reason })}\n\n`);
  }

  /** Everything up to here was looked at, also what the filter left out. */
  skipTo(head: FeedPosition): void {
    if (!this.#behind.isTrue && isAfter(head, this.#position)) this.#position = head;
  }

  /** Takes a page while catching up, at the reader's pace. */
  async take(page: FeedPage): Promise<void> {
    if (page.isLost) this.reset(page.head);
    else
      for (const event of page.events) {
        this.deliver(event);
        if (this.#behind.isTrue) await this.drained();
      }
  }

  /** Waits until the reader has taken what waits for it, and cuts it off when it does not; it resumes by its last id. */
  async drained(): Promise<void> {
    const drain = once(this.#response, 'drain').then(
      () => true,
      () => true,
    );
    const isInTime = await Promise.race([drain, this.closed, sleep(PATIENCE_MS, false, { ref: false })]);
    if (isInTime === false) this.#response.destroy();
    this.#behind = keepingUp();
  }

  /** A comment, and the place reached as the id to resume from (which is not an event, since it has no data). */
  keepAlive(): void {
    const moved = this.#sent === undefined || isAfter(this.#position, this.#sent);
    this.#sent = this.#position;
    this.#write(`: alive\n${moved ? `id: ${formatPosition(this.#position)}\n` : ''}\n`);
  }

  end(): void {
    if (this.isOpen) this.#response.end();
  }

  #write(text: string): void {
    if (!this.isOpen) return;
    this.#response.write(text);
    if (this.#response.writableLength <= MAX_QUEUED_BYTES) return;
    this.#behind.isTrue = true;
    this.#behind.resolve();
  }
}

function keepingUp(): PromiseWithResolvers<void> & { isTrue: boolean } {
  return { ...Promise.withResolvers<void>(), isTrue: false };
}
