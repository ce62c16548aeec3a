import * as Type from 'typebox';
import type { Static } from 'typebox';
import { Slug } from '../release/release.ts';

const Uuid = Type.String({ format: 'uuid' });
const Time = Type.String({ format: 'date-time' });

/** `waiting`: nobody has fetched the manifest; `fetched`: fetched, not enrolled; `connected`, `stale`, `offline` by when the agent was last heard; `revoked`. */
export const CONNECTION_STATES = [
  'waiting',
  'fetched',
  'enrolled',
  'connected',
  'stale',
  'offline',
  'revoked',
] as const;
export const ConnectionState = Type.Unsafe<(typeof CONNECTION_STATES)[number]>({
  type: 'string',
  enum: [...CONNECTION_STATES],
});

export const Cluster = Type.Object({
  id: Uuid,
  name: Slug,
  customer: Slug,
  createdAt: Time,
  connection: ConnectionState,
  /** One sentence: why it is not connected, and what to do; or since when it is. */
  connectionMessage: Type.String(),
  manifestFetchedAt: Type.Optional(Time),
  enrolledAt: Type.Optional(Time),
  connectedAt: Type.Optional(Time),
  lastSeenAt: Type.Optional(Time),
  agentVersion: Type.Optional(Type.String()),
  kubernetesVersion: Type.Optional(Type.String()),
  clockSkewMs: Type.Optional(Type.Integer()),
  /** Something with its identity was refused lately because it runs in another Kubernetes cluster: a copy, or the same after a move. */
  refusedCopy: Type.Optional(Type.Object({ clusterUid: Type.String(), at: Time })),
});
export type Cluster = Static<typeof Cluster>;
export const CreateCluster = Type.Object(
  { name: Slug, customer: Slug, tokenExpiresInDays: Type.Optional(Type.Integer({ minimum: 1, maximum: 90 })) },
  { additionalProperties: false },
);
export type CreateCluster = Static<typeof CreateCluster>;
/** The token is shown once. `command` is the line for the customer. */
export const Enrolment = Type.Object({
  token: Type.String(),
  expiresAt: Time,
  command: Type.String(),
  agentNamespace: Type.String(),
});
export type Enrolment = Static<typeof Enrolment>;
export const CreatedCluster = Type.Object({ cluster: Cluster, enrolment: Enrolment });
export type CreatedCluster = Static<typeof CreatedCluster>;
export const CreateEnrolment = Type.Object(
  { expiresInDays: Type.Optional(Type.Integer({ minimum: 1, maximum: 90 })) },
  { additionalProperties: false },
);
export type CreateEnrolment = Static<typeof CreateEnrolment>;

/** The cluster has moved: the copy of its agent that was refused there, by its cluster's uid, is the agent from now on. */
export const ReEnrol = Type.Object(
  { clusterUid: Type.String({ minLength: 1, maxLength: 64 }) },
  { additionalProperties: false },
);
export type ReEnrol = Static<typeof ReEnrol>;
