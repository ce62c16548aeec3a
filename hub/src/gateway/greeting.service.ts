import { Injectable } from '@nestjs/common';
import { FEATURES, LIMITS } from '@steward/shared';
import { ClusterNewsService } from '../clusters/cluster-news.service.ts';
import { Database } from '../db/database.ts';
import { AgentStreamsRepository } from '../ingest/agent-streams.repository.ts';
import { FencedError } from '../ingest/fence.ts';
import { skewOf } from '../ingest/reports.service.ts';
import { SessionState } from '../ingest/session-state.ts';
import { UntakenIntentsService } from '../intents/untaken-intents.service.ts';
import type { Hello, SessionIdentity, Welcome } from '../sessions/agent-session.ts';
import { AgentsRepository } from '../agents/agents.repository.ts';

/** Answers hello: what the hub has committed of this agent's streams, and which session it is. */
@Injectable()
export class GreetingService {
  constructor(
    private readonly database: Database,
    private readonly agents: AgentsRepository,
    private readonly streams: AgentStreamsRepository,
    private readonly news: ClusterNewsService,
    private readonly untaken: UntakenIntentsService,
  ) {}

  /** @throws FencedError when a newer session has begun */
  async greet(identity: SessionIdentity, hello: Hello): Promise<{ state: SessionState; welcome: Welcome }> {
    const now = Date.now();
    const skew = { ms: skewOf(hello.clock, now), at: now };
    const names = [`results.${hello.incarnation}`, `events.${hello.incarnation}`];
    const cursors = await this.database.asSystem(async (tx) => {
      if (!(await this.agents.hello(tx, identity, hello, skew.ms))) throw new FencedError(identity);
      await this.streams.prune(tx, identity.clusterId);
      const found = await this.streams.load(tx, identity.clusterId, names);
      await this.untaken.putBack(tx, identity, hello);
      await this.news.publish(tx, identity.clusterId);
      return found;
    });
    return {
      state: new SessionState(hello, cursors, skew),
      welcome: {
        epoch: identity.epoch,
        serverTime: new Date(now).toISOString(),
        features: [...FEATURES],
        cursors: Object.fromEntries(cursors),
        heartbeatIntervalMs: LIMITS.heartbeatIntervalMs,
        clusterId: identity.clusterId,
        organization: identity.organization,
      },
    };
  }
}
