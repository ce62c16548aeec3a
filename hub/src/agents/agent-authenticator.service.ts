import { Injectable } from '@nestjs/common';
import { LIMITS, publicKeyFromRaw, SERVER_TIME_HEADER, type ConnectClaims } from '@steward/shared';
import type { KeyObject } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import { ClusterNewsService } from '../clusters/cluster-news.service.ts';
import { Database } from '../db/database.ts';
import { ProblemError } from '../http/problem.ts';
import { AgentsRepository, type AgentRow } from './agents.repository.ts';
import { isSigned, readToken } from './connect-token.ts';

const MAX_KEYS = 5_000;

/** An agent that has proved itself. */
export interface ProvedAgent {
  agent: AgentRow;
  publicKey: string;
  claims: ConnectClaims;
}

/** Who an agent is, by the short token it signs with its own key. */
@Injectable()
export class AgentAuthenticatorService {
  readonly #keys = new Map<string, KeyObject>();

  constructor(
    private readonly database: Database,
    private readonly agents: AgentsRepository,
    private readonly news: ClusterNewsService,
  ) {}

  /** @throws ProblemError that says why it is refused; what the customer or vendor must know of it is noted at the cluster */
  async prove(token: string | undefined): Promise<ProvedAgent> {
    if (token === undefined)
      throw refusal('the request carries no token', 'send the connect token as Authorization: Bearer');
    const read = readToken(token);
    if (!read.ok) throw refusal(`the connect token cannot be read: ${read.error}`);
    const { claims } = read.value;
    const agent = await this.database.asSystem((tx) => this.agents.find(tx, claims.sub));
    if (!agent || agent.publicKey === null)
      throw refusal('no agent has enrolled for this cluster', 'apply the install line; ask the vendor for it');
    if (!isSigned(read.value, this.#key(agent.publicKey)))
      throw refusal(
        'the connect token is not signed with the key that this cluster enrolled with',
        'enrol again: ask the vendor for a new install line (`steward cluster enrol`)',
      );
    await this.#checkState(agent, claims);
    return { agent, publicKey: agent.publicKey, claims };
  }

  async #checkState(agent: AgentRow, claims: ConnectClaims): Promise<void> {
    const { clusterId } = agent;
    if (agent.revokedAt)
      throw new ProblemError('cluster-revoked', `the cluster was revoked at ${agent.revokedAt.toISOString()}`, {
        action: 'ask the vendor; a new install line takes it back (`steward cluster enrol`)',
      });
    if (claims.cluster !== agent.clusterUid) {
      await this.#note(clusterId, (tx) => this.agents.noteCopy(tx, clusterId, claims.cluster));
      throw wrongCluster(agent, claims.cluster);
    }
    const now = Date.now();
    const skewMs = Math.round(claims.iat * 1_000 - now);
    if (Math.abs(skewMs) > LIMITS.maxClockSkewMs) {
      await this.#note(clusterId, (tx) => this.agents.noteSkew(tx, clusterId, Math.max(-2e9, Math.min(2e9, skewMs))));
      throw new ProblemError('clock-skew', `the agent's clock is ${Math.round(skewMs / 1_000)} s off the hub's`, {
        action: 'set up time synchronisation on the nodes of the cluster',
        headers: serverTime(now),
      });
    }
    if (claims.exp <= claims.iat || claims.exp - claims.iat > LIMITS.connectTokenSeconds)
      throw refusal(`the connect token must live at most ${LIMITS.connectTokenSeconds} s`);
  }

  async #note(clusterId: string, write: (tx: EntityManager) => Promise<boolean>): Promise<void> {
    await this.database.asSystem(async (tx) => {
      if (await write(tx)) await this.news.publish(tx, clusterId);
    });
  }

  #key(publicKey: string): KeyObject {
    const known = this.#keys.get(publicKey);
    if (known) return known;
    const [oldest] = this.#keys.keys();
    if (this.#keys.size >= MAX_KEYS && oldest !== undefined) this.#keys.delete(oldest);
    const key = publicKeyFromRaw(publicKey);
    this.#keys.set(publicKey, key);
    return key;
  }
}

function wrongCluster({ cluster, formerUid, movedAt }: AgentRow, uid: string): ProblemError {
  const confirm = `\`steward cluster re-enrol ${cluster}\``;
  return uid === formerUid && movedAt
    ? new ProblemError(
        'wrong-cluster',
        `the cluster "${cluster}" has moved, which was confirmed at ${movedAt.toISOString()}`,
        {
          action: `remove this agent, which is left in the old place; if it has moved back, the vendor confirms it: ${confirm}`,
        },
      )
    : new ProblemError('wrong-cluster', 'this identity belongs to an agent in another Kubernetes cluster', {
        action: `remove this copy of the agent; if the cluster has moved here, the vendor confirms it: ${confirm}`,
      });
}

function refusal(detail: string, action?: string): ProblemError {
  return new ProblemError('not-authenticated', detail, {
    ...(action === undefined ? {} : { action }),
    headers: serverTime(Date.now()),
  });
}

/** For an agent whose clock is off: it corrects itself by this, for authentication only. */
export function serverTime(now: number): Record<string, string> {
  return { [SERVER_TIME_HEADER]: new Date(now).toISOString() };
}
