import { LIMITS, type Cluster } from '@steward/shared';

/** What is known of a cluster's connection. */
export interface ConnectionFacts {
  manifestFetchedAt: Date | null;
  enrolledAt: Date | null;
  revokedAt: Date | null;
  /** Whether some replica of the hub holds a session of it. */
  hasSession: boolean;
  connectedAt: Date | null;
  /** When the agent was last heard; not kept up while it has a session. */
  lastSeenAt: Date | null;
  clockSkewMs: number | null;
  /** When something with this cluster's identity was last refused because it ran in another cluster, and which. */
  refusedAt: Date | null;
  refusedUid: string | null;
  /** Where it was before it moved. */
  formerUid: string | null;
  /** When the newest unused enrolment token ends. */
  tokenExpiresAt: Date | null;
}

/** Names that the sentences need. */
export interface ConnectionNames {
  cluster: string;
  /** The agent's own namespace. */
  namespace: string;
  hubUrl: string;
}

export type Connection = Pick<Cluster, 'connection' | 'connectionMessage'>;

const REFUSAL_SHOWN_MS = 24 * 3_600_000;

/** Whether a copy that was refused then is still shown, and can be the place that the cluster has moved to. */
export function isRecentRefusal(at: Date, now: number): boolean {
  return now - at.getTime() < REFUSAL_SHOWN_MS;
}

/** `14:02 UTC`, with the date when it was another day. */
export function timeText(at: Date, now: number): string {
  const [date, time] = at.toISOString().split('T');
  const short = `${(time ?? '').slice(0, 5)} UTC`;
  return date === new Date(now).toISOString().slice(0, 10) ? short : `${date} ${short}`;
}

function lookAt({ namespace, hubUrl }: ConnectionNames): string {
  return (
    `look at its pod (kubectl -n ${namespace} get pods,agents) and its log (kubectl -n ${namespace} logs deploy/steward-agent), ` +
    `and whether the cluster can reach ${hubUrl}`
  );
}

function beforeEnrolment(facts: ConnectionFacts, names: ConnectionNames, now: number): Connection {
  const { manifestFetchedAt, tokenExpiresAt } = facts;
  const isOver = tokenExpiresAt === null || tokenExpiresAt.getTime() <= now;
  const renew = `make a new install line: steward cluster enrol ${names.cluster}`;
  if (!manifestFetchedAt) {
    const message = isOver
      ? `nobody has fetched the manifest, and the enrolment token has ended: ${renew}`
      : `nobody has fetched the manifest: run the install line in the customer's cluster, before ${timeText(tokenExpiresAt, now)}`;
    return { connection: 'waiting', connectionMessage: message };
  }
  const fetched = `manifest fetched ${timeText(manifestFetchedAt, now)}, not enrolled`;
  const next = isOver ? `the enrolment token has ended: ${renew}` : lookAt(names);
  return { connection: 'fetched', connectionMessage: `${fetched}: ${next}` };
}

function heard(facts: ConnectionFacts, names: ConnectionNames, now: number): Connection {
  const { lastSeenAt, enrolledAt, connectedAt } = facts;
  if (facts.hasSession) {
    const since = connectedAt ? ` since ${timeText(connectedAt, now)}` : '';
    return { connection: 'connected', connectionMessage: `connected${since}` };
  }
  if (!lastSeenAt) {
    const when = enrolledAt ? ` ${timeText(enrolledAt, now)}` : '';
    return { connection: 'enrolled', connectionMessage: `enrolled${when}, not connected yet: ${lookAt(names)}` };
  }
  const quietMs = now - lastSeenAt.getTime();
  const last = timeText(lastSeenAt, now);
  if (quietMs < LIMITS.staleAfterMs)
    return {
      connection: 'connected',
      connectionMessage: `the connection ended at ${last}; the agent dials again by itself`,
    };
  if (quietMs < LIMITS.offlineAfterMs)
    return { connection: 'stale', connectionMessage: `not heard since ${last}; what is shown is the last known` };
  return { connection: 'offline', connectionMessage: `offline since ${last}: ${lookAt(names)}` };
}

function remarks(facts: ConnectionFacts, names: ConnectionNames, now: number): string[] {
  const { clockSkewMs, refusedAt } = facts;
  const found: string[] = [];
  if (clockSkewMs !== null && Math.abs(clockSkewMs) > LIMITS.maxClockSkewMs) {
    const seconds = Math.round(Math.abs(clockSkewMs) / 1_000);
    const side = clockSkewMs > 0 ? 'ahead of' : 'behind';
    found.push(`its clock is ${seconds} s ${side} the hub's: set up time synchronisation on its nodes`);
  }
  if (refusedAt && isRecentRefusal(refusedAt, now)) found.push(aboutCopy(facts, names, timeText(refusedAt, now)));
  return found;
}

function aboutCopy({ refusedUid, formerUid }: ConnectionFacts, { cluster, namespace }: ConnectionNames, at: string) {
  const confirm = `steward cluster re-enrol ${cluster}`;
  if (refusedUid !== null && refusedUid === formerUid)
    return (
      `its agent in the cluster that it has moved from (${refusedUid}) was refused at ${at}: remove it there (kubectl delete namespace ${namespace}); ` +
      `if it has moved back: ${confirm}`
    );
  return (
    `a copy of its agent was refused at ${at} because it runs in another cluster (${refusedUid ?? 'unknown'}): ` +
    `remove the copy; if the cluster has moved there: ${confirm}`
  );
}

/** How the cluster is connected, and one sentence for people: since when, or why not and what to do. */
export function connectionOf(facts: ConnectionFacts, names: ConnectionNames, now: number): Connection {
  if (facts.revokedAt)
    return {
      connection: 'revoked',
      connectionMessage: `revoked ${timeText(facts.revokedAt, now)}; to take it back: steward cluster enrol ${names.cluster}`,
    };
  const base = facts.enrolledAt ? heard(facts, names, now) : beforeEnrolment(facts, names, now);
  return { ...base, connectionMessage: [base.connectionMessage, ...remarks(facts, names, now)].join('; ') };
}
