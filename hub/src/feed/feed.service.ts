import { Injectable, type BeforeApplicationShutdown } from '@nestjs/common';
import type { FEED_EVENTS, FeedEventType } from '@steward/shared';
import { setTimeout as sleep } from 'node:timers/promises';
import { Gauge } from 'prom-client';
import type { Static } from 'typebox';
import type { EntityManager } from 'typeorm';
import type { TenantContext } from '../db/tenant-context.ts';
import { DatabaseUnavailable } from '../db/unavailable.ts';
import { CredentialsRepository } from '../http/credentials.repository.ts';
import { EndedCredentials } from '../http/ended-credentials.service.ts';
import { ProblemError } from '../http/problem.ts';
import { Places } from '../http/server/places.ts';
import { Metrics } from '../status/metrics.ts';
import { feedClaims } from './feed-claims.ts';
import type { FeedPosition } from './feed-position.ts';
import { FeedStream, type FeedFilter } from './feed-stream.ts';
import { FeedTails } from './feed-tails.ts';
import { FeedRepository, type FeedPage, type FeedScope } from './feed.repository.ts';
import type { FastifyReply } from 'fastify';

const HEARTBEAT_MS = 15_000;

export interface FeedRequest {
  context: TenantContext;
  /** A stream ends with its session. Looked at again with each heartbeat, for the case that nobody could tell. */
  credential: string;
  filter: FeedFilter;
  after?: FeedPosition;
  requestId: string;
}

@Injectable()
export class FeedService implements BeforeApplicationShutdown {
  readonly #streams = new Set<FeedStream>();
  readonly #places = new Places();

  constructor(
    private readonly repository: FeedRepository,
    private readonly tails: FeedTails,
    private readonly credentials: CredentialsRepository,
    private readonly ended: EndedCredentials,
    metrics: Metrics,
  ) {
    const streams = this.#streams;
    new Gauge({
      name: 'steward_feed_streams',
      help: 'Live feeds that are open.',
      registers: [metrics.registry],
      collect() {
        this.set(streams.size);
      },
    });
  }

  /** Puts an event into the live feed, in the caller's transaction: readers get it when that commits, and never otherwise. */
  publish<K extends Exclude<FeedEventType, 'reset'>>(
    tx: EntityManager,
    scope: FeedScope,
    type: K,
    data: Static<(typeof FEED_EVENTS)[K]>,
  ): Promise<void> {
    return this.repository.insert(tx, scope, type, data);
  }

  /** Streams until the reader leaves, does not read, loses its session, or the hub stops. Refusals are thrown before the stream begins. */
  async stream(request: FeedRequest, reply: FastifyReply): Promise<void> {
    const leave = this.#admit(request.context);
    try {
      await this.#stream(request, reply);
    } finally {
      leave();
    }
  }

  async #stream({ context, filter, after, ...request }: FeedRequest, reply: FastifyReply): Promise<void> {
    const first = await this.repository.read(context, after);
    reply.hijack();
    const stream = new FeedStream(reply.raw, filter, after ?? first.head);
    this.#streams.add(stream);
    const { credential } = request;
    const heartbeat = setInterval(() => void this.#beat(stream, credential), HEARTBEAT_MS);
    const forget = this.ended.onEnd(credential, () => stream.end());
    try {
      stream.open(request.requestId);
      // It may have ended before this stream was told of it.
      void this.#endIfGone(stream, credential);
      await this.#follow(stream, context, first);
    } finally {
      clearInterval(heartbeat);
      forget();
      this.#streams.delete(stream);
      stream.end();
    }
  }

  beforeApplicationShutdown(): void {
    for (const stream of this.#streams) stream.end();
  }

  /** @returns what gives the place back */
  #admit(context: TenantContext): () => void {
    const leave = this.#places.take(feedClaims(context));
    if (leave) return leave;
    throw new ProblemError('too-many-requests', 'too many live feeds are open', {
      action: 'close some, or try again later',
      retryAfterSeconds: 30,
    });
  }

  /** Alternates between catching up and reading along; ends with the stream. */
  async #follow(stream: FeedStream, context: TenantContext, first: FeedPage): Promise<void> {
    let page: FeedPage | undefined = first;
    while (stream.isOpen) {
      const leave = await this.#catchUp(stream, context, page);
      await Promise.race([stream.closed, stream.fallsBehind]);
      leave?.();
      if (stream.isOpen) await stream.drained();
      page = undefined;
    }
  }

  /** Reads page by page up to where the shared tail is, then joins it. */
  async #catchUp(stream: FeedStream, context: TenantContext, first?: FeedPage): Promise<(() => void) | undefined> {
    let page = first;
    while (stream.isOpen) {
      page ??= await this.#read(context, stream.position);
      if (page) {
        await stream.take(page);
        if (!page.isLost && !page.isFull) stream.skipTo(page.head);
        const leave = page.isFull ? undefined : this.tails.join(context, stream.position, stream);
        if (leave) return leave;
      }
      page = undefined;
    }
    return undefined;
  }

  /** Undefined when the database is away: the reader keeps its stream and its place. */
  async #read(context: TenantContext, after: FeedPosition): Promise<FeedPage | undefined> {
    try {
      return await this.repository.read(context, after);
    } catch (error) {
      if (!(error instanceof DatabaseUnavailable)) throw error;
      await sleep(500);
      return undefined;
    }
  }

  async #beat(stream: FeedStream, credential: string): Promise<void> {
    stream.keepAlive();
    await this.#endIfGone(stream, credential);
  }

  async #endIfGone(stream: FeedStream, credential: string): Promise<void> {
    try {
      if (!(await this.credentials.findTenant(credential))) stream.end();
    } catch {
      // The database is away: the session is looked at again with the next heartbeat.
    }
  }
}
