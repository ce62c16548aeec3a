import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { Logger } from 'pino';
import { Database } from '../db/database.ts';
import { FeedService } from '../feed/feed.service.ts';
import { FencedError } from '../ingest/fence.ts';
import { LOGGER } from '../log.ts';
import { INTENT_CHANNEL } from '../operations/begin-operation.service.ts';
import { toOperation } from '../operations/operation-row.ts';
import type { AgentSession, SessionIdentity } from '../sessions/agent-session.ts';
import { SessionRegistry } from '../sessions/session-registry.ts';
import { OperationTraces } from '../telemetry/operation-traces.service.ts';
import { cancelFrame, desiredFrame } from './desired-frame.ts';
import { IntentsRepository, type IntentRow } from './intents.repository.ts';
import { UnsuitedIntentsService } from './unsuited-intents.service.ts';

/** What has been sent on one session, and whether sending goes on. */
interface Offers {
  /** By operation id, with the cancellation that was sent last; undefined before the first. */
  sent: Map<string, string | undefined>;
  state: 'idle' | 'running' | 'again';
}

/**
 * Tells agents what is wanted. The rows are the truth: a notification only says for which cluster to look, and each welcome looks again, so
 * nothing depends on a message that arrives. On one session every intent is sent once.
 */
@Injectable()
export class IntentsService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #offers = new WeakMap<AgentSession, Offers>();
  /** Clusters for which looking failed; tried again by {@link retry}. */
  readonly #owed = new Set<string>();
  readonly #abort = new AbortController();
  #unlisten: (() => Promise<void>) | undefined;
  #retrying: Promise<void> | undefined;

  constructor(
    private readonly database: Database,
    private readonly intents: IntentsRepository,
    private readonly unsuited: UnsuitedIntentsService,
    private readonly registry: SessionRegistry,
    private readonly traces: OperationTraces,
    private readonly feed: FeedService,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.#unlisten = await this.database.listen(INTENT_CHANNEL, (clusterId) => {
      const sessions = clusterId === '' ? this.registry.all() : [this.registry.get(clusterId)];
      for (const session of sessions) if (session) void this.#offer(session);
    });
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.#unlisten?.();
    this.#abort.abort();
    await this.#retrying;
  }

  /** After a welcome: everything that has not ended, and a cancellation for what the agent has open and the hub has ended. */
  async offerAgain(session: AgentSession, openOperations: readonly string[]): Promise<void> {
    const { clusterId } = session.identity;
    if (openOperations.length > 0) {
      const ended = await this.database.asSystem((tx) => this.intents.endedByHub(tx, clusterId, openOperations));
      for (const id of ended) session.intent(`cancel ${id}`, cancelFrame(id, 'hub'));
    }
    await this.#offer(session);
  }

  /** Looks again where looking failed, once each. Not waited for: what it waits for must not hold up the beat of this replica. */
  retry(): void {
    this.#retrying ??= this.#retry().finally(() => {
      this.#retrying = undefined;
    });
  }

  async #retry(): Promise<void> {
    // What fails again is owed again, for the next time.
    const owed = [...this.#owed];
    this.#owed.clear();
    for (const clusterId of owed) {
      if (this.#abort.signal.aborted) return;
      const session = this.registry.get(clusterId);
      if (session) await this.#offer(session);
    }
  }

  /** One look at a time per session; a hint that comes meanwhile makes it look again. */
  async #offer(session: AgentSession): Promise<void> {
    // Before the welcome nothing leaves, and the welcome makes it look.
    if (!session.isOpen) return;
    const offers = this.#offersOf(session);
    if (offers.state !== 'idle') {
      offers.state = 'again';
      return;
    }
    try {
      do {
        offers.state = 'running';
        await this.#send(session, offers);
      } while (this.#isAskedAgain(offers));
    } catch (error) {
      if (error instanceof FencedError) return session.close('replaced');
      this.#owed.add(session.identity.clusterId);
      this.log.warn({ err: error, clusterId: session.identity.clusterId }, 'intents could not be read; trying again');
    } finally {
      offers.state = 'idle';
    }
  }

  #isAskedAgain({ state }: Offers): boolean {
    return state === 'again';
  }

  /** A queued operation is noted as offered before it leaves: one that is cancelled while it is queued has certainly not been sent. */
  async #send(session: AgentSession, { sent }: Offers): Promise<void> {
    const { identity } = session;
    const all = await this.database.asSystem((tx) => this.intents.load(tx, identity.clusterId));
    const found = await this.unsuited.withhold(all);
    const queued = found.filter(({ state }) => state === 'queued').map(({ operationId }) => operationId);
    const offered = queued.length === 0 ? new Set<string>() : await this.#markOffered(identity, queued);
    for (const id of sent.keys()) if (!found.some(({ operationId }) => operationId === id)) sent.delete(id);
    for (const row of found)
      if (row.state !== 'queued' || offered.has(row.operationId)) this.#sendOne(session, sent, row);
  }

  #markOffered(identity: SessionIdentity, queued: readonly string[]): Promise<Set<string>> {
    return this.database.asSystem(async (tx) => {
      const marked = await this.intents.markOffered(tx, identity, queued);
      for (const operation of marked)
        await this.feed.publish(tx, identity, 'operation.changed', { operation: toOperation(operation) });
      return new Set(marked.map(({ id }) => id));
    });
  }

  #sendOne(session: AgentSession, sent: Offers['sent'], row: IntentRow): void {
    const { operationId, installationId, cancelRequestedBy, cancelIfUnderWay } = row;
    if (!sent.has(operationId)) {
      sent.set(operationId, undefined);
      session.intent(installationId, desiredFrame(row, this.traces.traceparent(row)));
    }
    // Asked for again with another answer, it is sent again, also with the one of before that.
    const cancel = `cancel ${cancelIfUnderWay ?? ''} ${operationId}`;
    if (cancelRequestedBy === null || sent.get(operationId) === cancel) return;
    sent.set(operationId, cancel);
    session.intent(cancel, cancelFrame(operationId, cancelRequestedBy, cancelIfUnderWay));
  }

  #offersOf(session: AgentSession): Offers {
    const known = this.#offers.get(session);
    if (known) return known;
    const made: Offers = { sent: new Map(), state: 'idle' };
    this.#offers.set(session, made);
    return made;
  }
}
