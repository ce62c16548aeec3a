import { Injectable } from '@nestjs/common';
import type { Cluster } from '@steward/shared';
import type { EntityManager } from 'typeorm';
import { rows } from '../db/query.ts';
import { FeedService } from '../feed/feed.service.ts';
import { HttpServers } from '../http/server/http-servers.ts';
import { SELECT_INSTALLATION, toInstallation, type InstallationRow } from '../installations/installation-row.ts';
import { toCluster, type ClusterRow } from './cluster-row.ts';
import { ClustersRepository } from './clusters.repository.ts';

const FADED: ReadonlySet<Cluster['connection']> = new Set(['stale', 'offline', 'revoked']);

/** Clusters as the API and the feed show them. */
@Injectable()
export class ClusterNewsService {
  constructor(
    private readonly clusters: ClustersRepository,
    private readonly feed: FeedService,
    private readonly servers: HttpServers,
  ) {}

  show(row: ClusterRow): Cluster {
    return toCluster(row, this.servers.publicUrl, Date.now());
  }

  /**
   * Tells the feed, in the caller's transaction, how the cluster is now. When it went stale or came back, its installations are told too,
   * for what is known of them did.
   */
  async publish(tx: EntityManager, id: string): Promise<Cluster | undefined> {
    const found = await this.clusters.find(tx, id);
    if (!found) return undefined;
    const cluster = this.show(found);
    if (cluster.connection !== found.shownConnection) {
      await this.clusters.setShown(tx, id, cluster.connection);
      if (FADED.has(cluster.connection) !== FADED.has(found.shownConnection))
        await this.#publishInstallations(tx, found);
    }
    await this.feed.publish(tx, found, 'cluster.changed', cluster);
    return cluster;
  }

  async #publishInstallations(tx: EntityManager, cluster: ClusterRow): Promise<void> {
    const found = await rows<InstallationRow>(
      tx,
      `${SELECT_INSTALLATION} WHERE i.cluster_id = $1 AND i.removed_at IS NULL`,
      [cluster.id],
    );
    for (const installation of found)
      await this.feed.publish(tx, cluster, 'installation.changed', toInstallation(installation));
  }
}
