import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { row, rows } from '../db/query.ts';

/** An installation whose rights are to be granted. */
export interface GrantSource {
  organization: string;
  name: string;
  service: string;
  namespace: string;
  /** Helm's name of it; null: the installation's. */
  releaseName: string | null;
  /** Of the wanted release. */
  envelope: string;
  /**
   * Of the last release that ran well, to which the agent may have to go back, and of each since then that began to run and
   * was not gone back from, of which something may be left; without the wanted one, the newest first.
   */
  earlierEnvelopes: string[];
}

/** The cluster that an enrolment token is for. */
export interface TokenCluster {
  clusterId: string;
  cluster: string;
  organizationId: string;
  organization: string;
  expiresAt: Date;
  replacedAt: Date | null;
}

const SELECT_GRANT = `
  SELECT o.slug AS organization, i.name, s.slug AS service, i.namespace, i.release_name AS "releaseName", r.envelope,
         ARRAY(SELECT earlier.envelope FROM releases earlier WHERE earlier.id <> r.id AND earlier.id IN (
             SELECT h.release_id FROM installation_generations h
             WHERE h.installation_id = i.id AND h.action = 'run' AND (h.generation = good.generation OR (
               h.generation > COALESCE(good.generation, 0) AND EXISTS (
                 SELECT 1 FROM operations begun JOIN operation_transitions t ON t.operation_id = begun.id
                 WHERE begun.installation_id = i.id AND begun.generation = h.generation
                   AND begun.state <> 'rolled-back' AND t.state = 'running'))))
           ORDER BY earlier.created_at DESC) AS "earlierEnvelopes"
  FROM installations i
  JOIN organizations o ON o.id = i.organization_id
  JOIN services s ON s.id = i.service_id
  JOIN installation_generations g ON g.installation_id = i.id AND g.generation = i.generation
  JOIN releases r ON r.id = g.release_id
  CROSS JOIN LATERAL (
    SELECT max(generation) AS generation FROM installation_generations
    WHERE installation_id = i.id AND succeeded_at IS NOT NULL AND action = 'run') good`;

/** What manifests are made of, found by the token that curl presents: as the system role, which says whose it is. */
@Injectable()
export class InstallSourceRepository {
  findCluster(tx: EntityManager, tokenHash: Buffer): Promise<TokenCluster | undefined> {
    return row(
      tx,
      `SELECT t.cluster_id AS "clusterId", c.name AS cluster, t.organization_id AS "organizationId", o.slug AS organization,
              t.expires_at AS "expiresAt", t.replaced_at AS "replacedAt"
       FROM enrolment_tokens t JOIN clusters c ON c.id = t.cluster_id JOIN organizations o ON o.id = t.organization_id
       WHERE t.token_hash = $1`,
      [tokenHash],
    );
  }

  /** All of them: a manifest without some would look whole, and the agent could not run those. */
  grantsOfCluster(tx: EntityManager, clusterId: string): Promise<GrantSource[]> {
    return rows(tx, `${SELECT_GRANT} WHERE i.cluster_id = $1 AND i.removed_at IS NULL ORDER BY i.created_at, i.id`, [
      clusterId,
    ]);
  }

  findGrant(tx: EntityManager, installationId: string, tokenHash: Buffer): Promise<GrantSource | undefined> {
    return row(
      tx,
      `${SELECT_GRANT} JOIN grant_tokens t ON t.installation_id = i.id
       WHERE i.id = $1 AND t.token_hash = $2 AND t.expires_at > now() AND i.removed_at IS NULL`,
      [installationId, tokenHash],
    );
  }
}
