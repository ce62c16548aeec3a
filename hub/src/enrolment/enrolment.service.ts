import { Injectable } from '@nestjs/common';
import { publicKeyFromRaw, type EnrolRequest, type EnrolResponse } from '@steward/shared';
import { Counter } from 'prom-client';
import type { EntityManager } from 'typeorm';
import { Database } from '../db/database.ts';
import { credentialHash, credentialKind } from '../http/credential.ts';
import { ProblemError } from '../http/problem.ts';
import { RateLimit } from '../http/server/rate-limit.ts';
import { Metrics } from '../status/metrics.ts';
import { ClusterNewsService } from '../clusters/cluster-news.service.ts';
import { ClustersRepository } from '../clusters/clusters.repository.ts';
import { EnrolmentTokensRepository, type PresentedToken } from '../clusters/enrolment-tokens.repository.ts';

const NEW_TOKEN = 'ask the vendor for a new install line (`steward cluster enrol`) and apply it';

function checkKey(publicKey: string): void {
  try {
    publicKeyFromRaw(publicKey);
  } catch (error) {
    throw new ProblemError('invalid-request', 'the public key is no Ed25519 key', { cause: error });
  }
}

/** @throws ProblemError that says why this token enrols nobody */
function checkToken(token: PresentedToken | undefined): PresentedToken {
  if (!token)
    throw new ProblemError('not-authenticated', 'the enrolment token is not known here', { action: NEW_TOKEN });
  if (token.usedAt)
    throw new ProblemError('token-used', `the enrolment token was used up at ${token.usedAt.toISOString()}`, {
      action: `was that not you? Revoke the cluster "${token.cluster}". Else ${NEW_TOKEN}`,
    });
  if (token.replacedAt)
    throw new ProblemError('token-expired', 'the enrolment token was replaced by a newer one, or the cluster revoked', {
      action: NEW_TOKEN,
    });
  if (token.expiresAt.getTime() <= Date.now())
    throw new ProblemError('token-expired', `the enrolment token expired at ${token.expiresAt.toISOString()}`, {
      action: NEW_TOKEN,
    });
  return token;
}

/** How an agent gets its identity: a single-use token for a public key. As the system role, since the token says whose cluster it is. */
@Injectable()
export class EnrolmentService {
  readonly #perAddress = new RateLimit({ burst: 30, refillMs: 2_000, maxKeys: 10_000 });
  readonly #refusals: Counter<'reason'>;
  readonly #overall = new RateLimit({ burst: 200, refillMs: 20, maxKeys: 1 });

  constructor(
    private readonly database: Database,
    private readonly tokens: EnrolmentTokensRepository,
    private readonly clusters: ClustersRepository,
    private readonly news: ClusterNewsService,
    metrics: Metrics,
  ) {
    this.#refusals = new Counter({
      name: 'steward_enrolment_refusals_total',
      help: 'Enrolments that were refused, by reason.',
      labelNames: ['reason'],
      registers: [metrics.registry],
    });
  }

  /** The same token with the same key is answered again, so that a crash in between is harmless. */
  async enrol(request: EnrolRequest, address: string): Promise<EnrolResponse> {
    try {
      return await this.#enrol(request, address);
    } catch (error) {
      if (error instanceof ProblemError) this.#refusals.inc({ reason: error.code });
      throw error;
    }
  }

  #enrol(request: EnrolRequest, address: string): Promise<EnrolResponse> {
    this.#admit(address);
    checkKey(request.publicKey);
    if (credentialKind(request.token) !== 'enrolment')
      throw new ProblemError('not-authenticated', 'this is no enrolment token', { action: NEW_TOKEN });
    return this.database.asSystem(async (tx) => {
      const found = await this.tokens.findForUpdate(tx, credentialHash(request.token));
      const isRepeated =
        found !== undefined &&
        found.usedPublicKey === request.publicKey &&
        found.clusterPublicKey === request.publicKey &&
        found.replacedAt === null;
      const token = isRepeated ? found : checkToken(found);
      if (!isRepeated) await this.#use(tx, token, request);
      return { clusterId: token.clusterId, organization: token.organization, cluster: token.cluster };
    });
  }

  async #use(tx: EntityManager, token: PresentedToken, request: EnrolRequest): Promise<void> {
    const epoch = await this.tokens.use(tx, token, request);
    await this.clusters.endSessions(tx, { clusterId: token.clusterId, epoch, reason: 'unauthorized' });
    await this.news.publish(tx, token.clusterId);
  }

  #admit(address: string): void {
    const waitMs = Math.max(this.#perAddress.take(address), this.#overall.take(''));
    if (waitMs > 0)
      throw new ProblemError('too-many-requests', 'too many enrolments at once', {
        action: 'try again later; the agent does so by itself',
        retryAfterSeconds: Math.ceil(waitMs / 1_000),
      });
  }
}
