import { Inject, Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { ClusterNewsService } from '../clusters/cluster-news.service.ts';
import { ClustersRepository } from '../clusters/clusters.repository.ts';
import { Database } from '../db/database.ts';
import { ProblemError } from '../http/problem.ts';
import { LOGGER } from '../log.ts';
import type { SessionIdentity } from '../sessions/agent-session.ts';
import { serverTime, type ProvedAgent } from './agent-authenticator.service.ts';
import { AgentsRepository } from './agents.repository.ts';

/** Sessions that end together are written together. */
const GATHER_MS = 20;

interface EndedSession {
  clusterId: string;
  epoch: number;
  heardAt: number;
}

/** Beginning and end of sessions in the database. */
@Injectable()
export class AgentSessionsService {
  /** This process, among the hub's replicas. */
  readonly replica = randomUUID();
  #ended: EndedSession[] = [];
  #flushing: Promise<void> | undefined;

  constructor(
    private readonly database: Database,
    private readonly agents: AgentsRepository,
    private readonly clusters: ClustersRepository,
    private readonly news: ClusterNewsService,
    @Inject(LOGGER) private readonly log: Logger,
  ) {}

  /** The connect upsert: from here on, what an older session brings is refused. @throws ProblemError when the token was used before */
  begin({ agent, publicKey, claims }: ProvedAgent): Promise<SessionIdentity> {
    const { clusterId, organizationId, customerId, organization } = agent;
    return this.database.asSystem(async (tx) => {
      const epoch = await this.agents.connect(tx, { clusterId, publicKey, iat: claims.iat, replica: this.replica });
      if (epoch === undefined)
        throw new ProblemError(
          'not-authenticated',
          'a connect token can be used once, and each must be younger than the last',
          {
            action: 'make a new one; if it stays, the clock of the agent has gone back',
            headers: serverTime(Date.now()),
          },
        );
      await this.clusters.endSessions(tx, { clusterId, epoch, reason: 'replaced' });
      return { clusterId, organizationId, customerId, organization, epoch };
    });
  }

  /** The connection of a session is over. Written soon; a session that was replaced meanwhile changes nothing. */
  ended({ clusterId, epoch }: SessionIdentity, heardAt: number): void {
    this.#ended.push({ clusterId, epoch, heardAt });
    if (this.#flushing) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    setTimeout(resolve, GATHER_MS);
    this.#flushing = promise
      .then(() => this.#write())
      .finally(() => {
        this.#flushing = undefined;
      });
  }

  /** Writes what is left from before, as when the database was away. */
  async flush(): Promise<void> {
    await this.#flushing;
    if (this.#ended.length > 0) await this.#write();
  }

  async #write(): Promise<void> {
    const sessions = this.#ended.splice(0);
    try {
      await this.database.asSystem(async (tx) => {
        for (const id of await this.agents.disconnect(tx, sessions)) await this.news.publish(tx, id);
      });
    } catch (error) {
      this.#ended.unshift(...sessions);
      this.log.warn(
        { err: error, sessions: sessions.length },
        'the end of sessions could not be written; trying again',
      );
    }
  }
}
