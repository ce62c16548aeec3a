import { agentNamespace, type Cluster } from '@steward/shared';
import { connectionOf, isRecentRefusal, type ConnectionFacts } from './connection.ts';

export interface ClusterRow extends ConnectionFacts {
  id: string;
  organizationId: string;
  customerId: string;
  organization: string;
  customer: string;
  name: string;
  createdAt: Date;
  /** Of the Kubernetes cluster that its identity belongs to. */
  clusterUid: string | null;
  agentVersion: string | null;
  kubernetesVersion: string | null;
  /** What the feed was told last. */
  shownConnection: Cluster['connection'];
}

/** Ends before `WHERE`; aliases: c cluster, cu customer, o organization. */
export const SELECT_CLUSTER = `
  SELECT c.id, c.organization_id AS "organizationId", c.customer_id AS "customerId", o.slug AS organization, cu.slug AS customer, c.name,
         c.created_at AS "createdAt", c.manifest_fetched_at AS "manifestFetchedAt", c.enrolled_at AS "enrolledAt",
         c.revoked_at AS "revokedAt", c.session_replica IS NOT NULL AS "hasSession", c.connected_at AS "connectedAt",
         c.last_seen_at AS "lastSeenAt", c.clock_skew_ms AS "clockSkewMs", c.refused_at AS "refusedAt", c.refused_uid AS "refusedUid",
         c.cluster_uid AS "clusterUid", c.former_uid AS "formerUid",
         c.agent_version AS "agentVersion", c.kubernetes_version AS "kubernetesVersion", c.shown_connection AS "shownConnection",
         t.expires_at AS "tokenExpiresAt"
  FROM clusters c
  JOIN customers cu ON cu.id = c.customer_id
  JOIN organizations o ON o.id = c.organization_id
  LEFT JOIN LATERAL (
    SELECT expires_at FROM enrolment_tokens e
    WHERE e.cluster_id = c.id AND e.used_at IS NULL AND e.replaced_at IS NULL ORDER BY e.created_at DESC LIMIT 1
  ) t ON true`;

function times(row: ClusterRow, now: number): Partial<Cluster> {
  const seen = row.hasSession ? new Date(now) : row.lastSeenAt;
  const entries = Object.entries({
    manifestFetchedAt: row.manifestFetchedAt,
    enrolledAt: row.enrolledAt,
    connectedAt: row.connectedAt,
    lastSeenAt: seen,
  });
  return Object.fromEntries(entries.flatMap(([name, at]) => (at ? [[name, at.toISOString()]] : [])));
}

function refusedCopy({ refusedAt, refusedUid }: ClusterRow, now: number): Pick<Cluster, 'refusedCopy'> {
  return refusedAt && refusedUid !== null && isRecentRefusal(refusedAt, now)
    ? { refusedCopy: { clusterUid: refusedUid, at: refusedAt.toISOString() } }
    : {};
}

/** As the API shows it. A cluster with a session counts as heard now: a silent session does not live longer than a minute. */
export function toCluster(row: ClusterRow, hubUrl: string, now: number): Cluster {
  const names = { cluster: row.name, namespace: agentNamespace(row.organization), hubUrl };
  return {
    id: row.id,
    name: row.name,
    customer: row.customer,
    createdAt: row.createdAt.toISOString(),
    ...connectionOf(row, names, now),
    ...times(row, now),
    ...(row.agentVersion === null ? {} : { agentVersion: row.agentVersion }),
    ...(row.kubernetesVersion === null ? {} : { kubernetesVersion: row.kubernetesVersion }),
    ...(row.clockSkewMs === null ? {} : { clockSkewMs: row.clockSkewMs }),
    ...refusedCopy(row, now),
  };
}
