import * as Type from 'typebox';
import type { Static } from 'typebox';

/** Paths of the agent's side of the hub. */
export const AGENT_PATHS = {
  enrol: '/agent/v1/enrol',
  connect: '/agent/v1/connect',
  /** + `/{digest}`: the signed envelope, as stored. */
  releases: '/agent/v1/releases',
  /** + `/{digest}`: the packed chart, as stored. */
  charts: '/agent/v1/charts',
} as const;

/** `POST /agent/v1/enrol`. Idempotent on (token, publicKey). */
export const EnrolRequest = Type.Object({
  token: Type.String({ minLength: 20, maxLength: 200 }),
  publicKey: Type.String({
    pattern: '^[A-Za-z0-9+/]{43}=$',
    description: 'base64 of the 32 raw bytes of an Ed25519 public key',
  }),
  clusterUid: Type.String({ minLength: 1, maxLength: 64 }),
  agentVersion: Type.String({ maxLength: 40 }),
  kubernetesVersion: Type.String({ maxLength: 40 }),
});
export type EnrolRequest = Static<typeof EnrolRequest>;

export const EnrolResponse = Type.Object({
  clusterId: Type.String({ format: 'uuid' }),
  organization: Type.String(),
  cluster: Type.String(),
});
export type EnrolResponse = Static<typeof EnrolResponse>;

/**
 * Claims of the short EdDSA token an agent connects (and downloads) with, in `Authorization: Bearer`.
 * `sub` is the cluster id, `aud` is {@link CONNECT_AUDIENCE}, `iat` in seconds with fraction; for `connect` the hub refuses an `iat` that is
 * not above the last one it accepted.
 */
export const CONNECT_AUDIENCE = 'steward-hub';
/** Any clock that is wrong by years, and no number that cannot be told in words. */
const Seconds = Type.Number({ minimum: -1e11, maximum: 1e11 });
export const ConnectClaims = Type.Object({
  sub: Type.String({ format: 'uuid' }),
  aud: Type.Literal(CONNECT_AUDIENCE),
  iat: Seconds,
  exp: Seconds,
  /** kube-system's uid: a copy of the agent in another cluster is refused. */
  cluster: Type.String({ maxLength: 64 }),
  jti: Type.String({ maxLength: 64 }),
});
export type ConnectClaims = Static<typeof ConnectClaims>;

/** Header of a 401 that tells the hub's time (RFC 3339), for an agent whose clock is off. */
export const SERVER_TIME_HEADER = 'steward-server-time';
