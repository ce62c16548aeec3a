import { createPublicKey } from 'node:crypto';
import { AGENT_PATHS, compile, EnrolResponse, PRODUCT_VERSION, rawPublicKey, type EnrolRequest } from '@steward/shared';
import { refusalOf, type HubAnswer, type HubHttp, type Refusal } from '../link/hub-http.ts';
import type { Identity, IdentityStore } from './identity-store.ts';

const decodeResponse = compile(EnrolResponse);
const TIMEOUT_MS = 20_000;
const MAX_ANSWER_BYTES = 64 * 1024;

export interface EnrolOptions {
  store: IdentityStore;
  http: HubHttp;
  token: string;
  clusterUid: string;
  kubernetesVersion: string;
  signal: AbortSignal;
}

export type Enrolled =
  | { ok: true; identity: Identity }
  | { ok: false; refusal: Refusal }
  /** No answer, or not one of a hub's. */
  | { ok: false; error: Error };

/**
 * Trades the single-use token for an identity. The key pair is stored before it is sent and the hub answers the same
 * (token, key) with the same, so a crash at any point is repaired by calling this again.
 * @throws KubeError when the key could not be stored
 */
export async function enrol(options: EnrolOptions): Promise<Enrolled> {
  const { store, http, token, clusterUid, kubernetesVersion, signal } = options;
  const candidate = await store.candidateFor(token);
  const body: EnrolRequest = {
    token,
    publicKey: rawPublicKey(createPublicKey(candidate.privateKey)).toString('base64'),
    clusterUid,
    agentVersion: PRODUCT_VERSION,
    kubernetesVersion,
  };
  const request = { method: 'POST', path: AGENT_PATHS.enrol, body, signal } as const;
  let answer: HubAnswer;
  try {
    answer = await http.send({ ...request, maxBytes: MAX_ANSWER_BYTES, timeoutMs: TIMEOUT_MS });
  } catch (error) {
    return { ok: false, error: error instanceof Error ? error : new Error(String(error)) };
  }
  if (answer.status !== 200 && answer.status !== 201) return { ok: false, refusal: refusalOf(answer) };
  const decoded = decodeResponse(parse(answer.body));
  if (!decoded.ok) return { ok: false, error: new Error(`what answers there is not a Steward hub: ${decoded.error}`) };
  const { clusterId, cluster } = decoded.value;
  return { ok: true, identity: await store.promote(candidate, { clusterId, cluster }) };
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}
