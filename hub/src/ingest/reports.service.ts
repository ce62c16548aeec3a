import { Injectable } from '@nestjs/common';
import { LIMITS, type AgentFrameOf } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { ClusterNewsService } from '../clusters/cluster-news.service.ts';
import { RejectedRecordsRepository } from '../clusters/rejected-records.repository.ts';
import { Database } from '../db/database.ts';
import { FeedService } from '../feed/feed.service.ts';
import { toInstallation } from '../installations/installation-row.ts';
import type { AgentSession, SessionIdentity } from '../sessions/agent-session.ts';
import type { BadReport } from '../sessions/inbound.ts';
import { fence, FencedError } from './fence.ts';
import { ReportsRepository } from './reports.repository.ts';
import type { SessionState } from './session-state.ts';

type Body<T extends 'health' | 'observed' | 'heartbeat'> = AgentFrameOf<T>['b'];
type Changed = { id: string }[];

const RESYNC_INTERVAL_MS = 10_000;
/** When one could not be read: it will be the same again. */
const UNREADABLE_RESYNC_INTERVAL_MS = 600_000;
const SKEW_INTERVAL_MS = 600_000;
const SKEW_STEP_MS = 5_000;

/** How far an agent's clock is ahead of the hub's; 0 for a time that is none. */
export function skewOf(clock: string, now: number): number {
  const skew = Date.parse(clock) - now;
  // Bounded to what the column holds.
  return Number.isNaN(skew) ? 0 : Math.max(-2_000_000_000, Math.min(2_000_000_000, Math.round(skew)));
}

/**
 * What an agent says is there: the latest wins, and only what differs is written. A heartbeat is not written at all; its hash shows whether
 * the hub's view is the agent's, and when it is not the full reports are asked for.
 */
@Injectable()
export class ReportsService {
  constructor(
    private readonly database: Database,
    private readonly reports: ReportsRepository,
    private readonly feed: FeedService,
    private readonly news: ClusterNewsService,
    private readonly rejected: RejectedRecordsRepository,
  ) {}

  async health(session: AgentSession, state: SessionState, body: Body<'health'>): Promise<void> {
    state.apply('health', body);
    const { clusterId } = session.identity;
    await this.#write(session.identity, async (tx) => [
      ...(await this.reports.setHealth(tx, clusterId, body.set)),
      ...(await this.reports.clearHealth(
        tx,
        clusterId,
        body.full ? { keep: body.keep ?? Object.keys(body.set) } : { ids: body.delete },
      )),
    ]);
  }

  /** A full report says nothing of what it does not name: what is wanted stays wanted, and an agent may not have heard of it yet. */
  async observed(session: AgentSession, state: SessionState, body: Body<'observed'>): Promise<void> {
    state.apply('observed', body);
    const { clusterId } = session.identity;
    await this.#write(session.identity, async (tx) => [
      ...(await this.reports.setObserved(tx, clusterId, body.set)),
      ...(body.full ? [] : await this.reports.forgetObserved(tx, clusterId, body.delete)),
    ]);
  }

  async heartbeat(session: AgentSession, state: SessionState, body: Body<'heartbeat'>): Promise<void> {
    const now = Date.now();
    await this.#followSkew(session.identity, state, { ms: skewOf(body.clock, now), at: now });
    const intervalMs = state.hasUnreadable ? UNREADABLE_RESYNC_INTERVAL_MS : RESYNC_INTERVAL_MS;
    if (body.hash === state.hash || now - state.resyncAskedAt < intervalMs) return;
    state.resyncAskedAt = now;
    session.control({ t: 'resync', b: { reason: "the hub's view of the reports differs" } });
  }

  /** A report that cannot be read keeps nothing else of the cluster from coming; it is shown beside rejected records, once in a session. */
  async setAside({ identity }: AgentSession, state: SessionState, { type, message, body }: BadReport): Promise<void> {
    if (!state.noteUnreadable(type)) return;
    await this.database.asSystem(async (tx) => {
      await fence(tx, identity);
      await this.rejected.insert(tx, { ...identity, stream: 'reports', sequence: 0, type, problem: message, body });
    });
  }

  /** Written when it passes the limit, or has moved for a while: an idle agent writes nothing. */
  async #followSkew(identity: SessionIdentity, state: SessionState, skew: SessionState['skew']): Promise<void> {
    const { skew: known } = state;
    const isOver = (ms: number) => Math.abs(ms) > LIMITS.maxClockSkewMs;
    const hasMoved = Math.abs(skew.ms - known.ms) > SKEW_STEP_MS && skew.at - known.at > SKEW_INTERVAL_MS;
    if (isOver(skew.ms) === isOver(known.ms) && !hasMoved) return;
    await this.database.asSystem(async (tx) => {
      // Not behind a fence: two that hold it could not both go on to change the row.
      if (!(await this.reports.setSkew(tx, identity, skew.ms))) throw new FencedError(identity);
      await this.news.publish(tx, identity.clusterId);
    });
    state.skew = skew;
  }

  async #write(identity: SessionIdentity, change: (tx: EntityManager) => Promise<Changed>): Promise<void> {
    await this.database.asSystem(async (tx) => {
      await fence(tx, identity);
      const changed = [...new Set((await change(tx)).map(({ id }) => id))];
      if (changed.length === 0) return;
      for (const found of await this.reports.installations(tx, changed))
        await this.feed.publish(tx, identity, 'installation.changed', toInstallation(found));
    });
  }
}
