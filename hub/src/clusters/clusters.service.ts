import { Injectable } from '@nestjs/common';
import {
  agentNamespace,
  type Cluster,
  type ClusterQuery,
  type CreateCluster,
  type CreatedCluster,
  type CreateEnrolment,
  type Enrolment,
  type PageOf,
  type ReEnrol,
} from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { CustomersService } from '../customers/customers.service.ts';
import { Database } from '../db/database.ts';
import type { TenantContext } from '../db/tenant-context.ts';
import { createCredential, credentialHash } from '../http/credential.ts';
import { pageOf, pageRequest } from '../http/page.ts';
import { ProblemError } from '../http/problem.ts';
import { InstallLineService } from '../install/install-line.service.ts';
import { ClusterNewsService } from './cluster-news.service.ts';
import type { ClusterRow } from './cluster-row.ts';
import { isRecentRefusal } from './connection.ts';
import { ClustersRepository } from './clusters.repository.ts';
import { EnrolmentTokensRepository } from './enrolment-tokens.repository.ts';

const TOKEN_DAYS = 7;

function noSuchCluster(id: string): ProblemError {
  return new ProblemError('not-found', `there is no cluster ${id}`, { action: 'see `steward cluster list`' });
}

/** Only to where the hub has seen it: whoever confirms says which place they mean. */
function checkMayMove({ name, clusterUid, refusedAt, refusedUid, revokedAt }: ClusterRow, wanted: string): void {
  if (revokedAt)
    throw new ProblemError('cluster-revoked', `the cluster "${name}" is revoked`, {
      action: `let it in again by a new install line: steward cluster enrol ${name}`,
    });
  if (clusterUid === wanted) return;
  if (!refusedAt || !isRecentRefusal(refusedAt, Date.now()))
    throw new ProblemError(
      'conflict',
      `no agent with the identity of "${name}" has dialled from another cluster lately`,
      {
        action: `start the agent in the new place; when it was refused, \`steward cluster show ${name}\` says so within minutes`,
      },
    );
  if (refusedUid !== wanted)
    throw new ProblemError(
      'conflict',
      `the last copy of the agent of "${name}" that was refused runs in another cluster than that`,
      {
        action: `look at which it is: steward cluster show ${name}`,
      },
    );
}

@Injectable()
export class ClustersService {
  constructor(
    private readonly database: Database,
    private readonly clusters: ClustersRepository,
    private readonly tokens: EnrolmentTokensRepository,
    private readonly customers: CustomersService,
    private readonly news: ClusterNewsService,
    private readonly lines: InstallLineService,
  ) {}

  async list(context: TenantContext, query: ClusterQuery): Promise<PageOf<Cluster>> {
    const page = pageRequest(query);
    const found = await this.database.inTenant(context, (tx) => this.clusters.list(tx, query, page));
    return pageOf(
      found.map((row) => this.news.show(row)),
      page,
    );
  }

  async get(context: TenantContext, id: string): Promise<Cluster> {
    const found = await this.database.inTenant(context, (tx) => this.clusters.find(tx, id));
    if (!found) throw noSuchCluster(id);
    return this.news.show(found);
  }

  /** A cluster's record with its first enrolment token, which is shown here and nowhere else. */
  create(context: TenantContext, wanted: CreateCluster): Promise<CreatedCluster> {
    return this.database.inTenant(context, async (tx) => {
      const customer = await this.customers.load(tx, wanted.customer);
      const id = await this.clusters.insert(tx, context, customer.id, wanted.name);
      if (id === undefined)
        throw new ProblemError('already-exists', `${customer.slug} has a cluster "${wanted.name}" already`, {
          action: 'choose another name, or make a new enrolment token for that cluster',
        });
      const row = await this.#lock(tx, id);
      const enrolment = await this.#newToken(tx, context, row, wanted.tokenExpiresInDays);
      const cluster = await this.news.publish(tx, id);
      if (!cluster) throw new Error('an inserted cluster is not there');
      return { cluster, enrolment };
    });
  }

  /** A new token. With it the cluster enrols anew, also after a revocation; what it has as identity holds until then. */
  enrol(context: TenantContext, id: string, { expiresInDays }: CreateEnrolment): Promise<Enrolment> {
    return this.database.inTenant(context, async (tx) => {
      const enrolment = await this.#newToken(tx, context, await this.#lock(tx, id), expiresInDays);
      await this.news.publish(tx, id);
      return enrolment;
    });
  }

  /**
   * A copy of the agent that was refused is no copy but the cluster in its new place: it has the identity from now on, and what is left in
   * the old place is out. Again with the same uid it changes nothing. @throws ProblemError `conflict`
   */
  reEnrol(context: TenantContext, id: string, { clusterUid }: ReEnrol): Promise<Cluster> {
    return this.database.inTenant(context, async (tx) => {
      const found = await this.#lock(tx, id);
      checkMayMove(found, clusterUid);
      if (found.clusterUid !== clusterUid) await this.clusters.move(tx, id, clusterUid);
      return (await this.news.publish(tx, id)) ?? this.news.show(found);
    });
  }

  /** At once: the session ends, and no token or identity of the cluster is taken any more. Revoking twice changes nothing. */
  revoke(context: TenantContext, id: string): Promise<Cluster> {
    return this.database.inTenant(context, async (tx) => {
      const found = await this.#lock(tx, id);
      if (!found.revokedAt) await this.clusters.revoke(tx, id);
      return (await this.news.publish(tx, id)) ?? this.news.show(found);
    });
  }

  delete(context: TenantContext, id: string): Promise<void> {
    return this.database.inTenant(context, async (tx) => {
      const found = await this.#lock(tx, id);
      if (found.enrolledAt)
        throw new ProblemError('conflict', `${found.name} has enrolled, so what ran there is part of the record`, {
          action: 'revoke it instead',
        });
      await this.clusters.delete(tx, id);
    });
  }

  async #lock(tx: EntityManager, id: string): Promise<ClusterRow> {
    const found = await this.clusters.findForUpdate(tx, id);
    if (!found) throw noSuchCluster(id);
    return found;
  }

  async #newToken(
    tx: EntityManager,
    context: TenantContext,
    cluster: ClusterRow,
    days: number = TOKEN_DAYS,
  ): Promise<Enrolment> {
    const token = createCredential('enrolment');
    const expiresAt = await this.tokens.insert(tx, context, {
      clusterId: cluster.id,
      customerId: cluster.customerId,
      hash: credentialHash(token),
      days,
    });
    return {
      token,
      expiresAt: expiresAt.toISOString(),
      command: this.lines.agent(token),
      agentNamespace: agentNamespace(cluster.organization),
    };
  }
}
