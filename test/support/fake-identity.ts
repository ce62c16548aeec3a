import { generateKeyPairSync, randomUUID, sign, type KeyObject } from 'node:crypto';
import {
  AGENT_PATHS,
  compile,
  CONNECT_AUDIENCE,
  EnrolResponse,
  LIMITS,
  PRODUCT_VERSION,
  rawPublicKey,
  type ConnectClaims,
  type EnrolRequest,
} from '@steward/shared';
import { requestHub, type HubAddress } from './hub-address.ts';

const decodeEnrolled = compile(EnrolResponse);
export const FAKE_KUBERNETES_VERSION = 'v1.34.0';

export interface FakeKeys {
  privateKey: KeyObject;
  publicKey: KeyObject;
}

export function makeKeys(): FakeKeys {
  return generateKeyPairSync('ed25519');
}

/** Who an agent is after enrolment; connecting again with the same one is a reconnect. */
export interface FakeIdentity extends EnrolResponse {
  keys: FakeKeys;
  clusterUid: string;
}

export interface EnrolOptions {
  /** The same again: the answer must be the same. Absent: new ones. */
  keys?: FakeKeys;
  clusterUid?: string;
  /** Sent instead of what belongs there. */
  body?: Partial<Record<keyof EnrolRequest, unknown>>;
}

/** @throws HubRefusal when the hub says no */
export async function enrolFake(hub: HubAddress, token: string, options: EnrolOptions = {}): Promise<FakeIdentity> {
  const { keys = makeKeys(), clusterUid = randomUUID() } = options;
  const body: EnrolRequest = {
    token,
    publicKey: rawPublicKey(keys.publicKey).toString('base64'),
    clusterUid,
    agentVersion: PRODUCT_VERSION,
    kubernetesVersion: FAKE_KUBERNETES_VERSION,
  };
  const answer = await requestHub(hub, {
    method: 'POST',
    path: AGENT_PATHS.enrol,
    body: { ...body, ...options.body },
  });
  const enrolled = decodeEnrolled(JSON.parse(answer.toString('utf8')));
  if (!enrolled.ok) throw new Error(`the hub's answer to an enrolment: ${enrolled.error}`);
  return { ...enrolled.value, keys, clusterUid };
}

/** Signs any claims with any key, also such that a hub must refuse. */
export function signToken(claims: Partial<Record<keyof ConnectClaims, unknown>>, key: KeyObject): string {
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const head = `${part({ alg: 'EdDSA', typ: 'JWT' })}.${part(claims)}`;
  return `${head}.${sign(null, Buffer.from(head), key).toString('base64url')}`;
}

export function claimsOf({ clusterId, clusterUid }: FakeIdentity, iat: number): ConnectClaims {
  return {
    sub: clusterId,
    aud: CONNECT_AUDIENCE,
    iat,
    exp: iat + LIMITS.connectTokenSeconds,
    cluster: clusterUid,
    jti: randomUUID(),
  };
}
