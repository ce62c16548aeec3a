import { Inject, Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { compile } from '@steward/shared';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import * as Type from 'typebox';
import { ClusterNewsService } from '../clusters/cluster-news.service.ts';
import { SESSION_CHANNEL } from '../clusters/clusters.repository.ts';
import { Database } from '../db/database.ts';
import { LOGGER } from '../log.ts';
import { SessionRegistry } from '../sessions/session-registry.ts';
import { AgentSessionsService } from '../agents/agent-sessions.service.ts';
import { IntentsService } from '../intents/intents.service.ts';
import { PresenceRepository } from './presence.repository.ts';

const BEAT_MS = 5_000;
/** Agents of a hub that stops come back spread over this, per session. */
const SPREAD_PER_SESSION_MS = 10;
const MAX_SPREAD_MS = 30_000;
const MIN_SPREAD_MS = 1_000;

const decodeNotice = compile(
  Type.Object({
    clusterId: Type.String({ format: 'uuid' }),
    epoch: Type.Integer(),
    reason: Type.Unsafe<'replaced' | 'revoked' | 'unauthorized'>({
      type: 'string',
      enum: ['replaced', 'revoked', 'unauthorized'],
    }),
  }),
);

/**
 * Keeps the picture of who is connected true. An agent with a session counts as heard as long as the replica that holds it beats; so
 * an idle agent writes no row, and a replica that is killed takes its sessions with it within half a minute.
 */
@Injectable()
export class PresenceService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #abort = new AbortController();
  #running: Promise<void> | undefined;
  #unlisten: (() => Promise<void>) | undefined;
  /** The connection that listens was lost: a session may have been replaced or revoked unheard. */
  #mayHaveMissed = false;

  constructor(
    private readonly database: Database,
    private readonly presence: PresenceRepository,
    private readonly registry: SessionRegistry,
    private readonly sessions: AgentSessionsService,
    private readonly intents: IntentsService,
    private readonly news: ClusterNewsService,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    this.#unlisten = await this.database.listen(SESSION_CHANNEL, (payload) => this.#onNotice(payload));
    await this.database.asSystem((tx) => this.presence.beat(tx, this.sessions.replica));
    this.#running = this.#run();
  }

  /** Sends every agent away with a time to come back, and writes that they are gone. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#abort.abort();
    await this.#running;
    await this.#unlisten?.();
    const sessions = this.registry.all();
    const spreadMs = Math.min(MAX_SPREAD_MS, Math.max(MIN_SPREAD_MS, sessions.length * SPREAD_PER_SESSION_MS));
    for (const session of sessions) session.goaway('the hub is restarting', 0, spreadMs);
    for (let waited = 0; this.registry.size > 0 && waited < 2_000; waited += 20) await sleep(20);
    for (const session of this.registry.all()) this.sessions.ended(session.identity, session.heardAt);
    await this.sessions.flush();
    await this.database.asSystem((tx) => this.presence.leave(tx, this.sessions.replica)).catch(() => undefined);
  }

  #onNotice(payload: string): void {
    if (payload === '') {
      this.#mayHaveMissed = true;
      return;
    }
    const notice = decodeNotice(JSON.parse(payload));
    if (notice.ok) this.registry.endBelow(notice.value.clusterId, notice.value.epoch, notice.value.reason);
  }

  async #run(): Promise<void> {
    let isFailing = false;
    while (!this.#abort.signal.aborted) {
      try {
        await this.#beat();
        isFailing = false;
      } catch (error) {
        if (!isFailing) this.log.warn({ err: error }, 'the beat of this replica could not be written; trying again');
        isFailing = true;
      }
      await sleep(BEAT_MS, undefined, { signal: this.#abort.signal }).catch(() => undefined);
    }
  }

  async #beat(): Promise<void> {
    await this.database.asSystem(async (tx) => {
      if (!(await this.presence.beat(tx, this.sessions.replica))) return;
      const mine = this.registry.all().map(({ identity }) => identity);
      for (const id of await this.presence.reclaim(tx, this.sessions.replica, mine)) await this.news.publish(tx, id);
    });
    if (this.#mayHaveMissed) await this.#endOvertaken();
    await this.sessions.flush();
    this.intents.retry();
    await this.database.asSystem(async (tx) => {
      if (!(await this.presence.mayTidy(tx))) return;
      await this.presence.buryDead(tx);
      for (const id of await this.presence.fading(tx)) await this.news.publish(tx, id);
    });
  }

  /** The fence of each write would end them too; but an idle agent writes nothing, and would wait for intents that go to another. */
  async #endOvertaken(): Promise<void> {
    this.#mayHaveMissed = false;
    const mine = this.registry.all().map(({ identity }) => identity);
    try {
      const overtaken = await this.database.asSystem((tx) => this.presence.overtaken(tx, mine));
      for (const { clusterId, epoch, isRevoked } of overtaken)
        this.registry.endBelow(clusterId, epoch, isRevoked ? 'revoked' : 'replaced');
    } catch (error) {
      this.#mayHaveMissed = true;
      throw error;
    }
  }
}
