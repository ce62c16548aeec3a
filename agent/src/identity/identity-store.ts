import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import * as Type from 'typebox';
import { compile, IDENTITY_SECRET, sha256, mapOf } from '@steward/shared';
import type { KubeClient, KubeObject } from '../kube/client.ts';
import { isKubeError } from '../kube/error.ts';
import { SECRET } from '../operations/kinds.ts';

/** What the agent is to the hub, once enrolled. */
export interface Identity {
  privateKey: KeyObject;
  clusterId: string;
  /** The cluster's name on the hub. */
  cluster: string;
  /** sha256 of the token this identity was made with, to know a new one. */
  tokenDigest: string;
}

/** A key that is about to be enrolled with a token. Stored before it is sent, so that a crash in between sends the same again. */
export interface Candidate {
  privateKey: KeyObject;
  tokenDigest: string;
}

const decodeSecret = compile(Type.Object({ data: Type.Optional(mapOf(Type.String())) }));

/** Keeps the agent's key in a Secret of its own namespace. Only one replica writes it, the one that holds the Lease. */
export class IdentityStore {
  readonly #kube: KubeClient;
  readonly #namespace: string;

  constructor(kube: KubeClient, namespace: string) {
    this.#kube = kube;
    this.#namespace = namespace;
  }

  /** @throws KubeError; Error when the Secret holds something that is not a key */
  async load(): Promise<{ identity: Identity | undefined; candidate: Candidate | undefined }> {
    const data = await this.#read();
    const key = data['private-key.pem'];
    const clusterId = data['cluster-id'];
    const candidateKey = data['candidate-key.pem'];
    return {
      identity:
        key === undefined || clusterId === undefined
          ? undefined
          : {
              privateKey: keyOf(key),
              clusterId,
              cluster: data['cluster'] ?? '',
              tokenDigest: data['token-sha256'] ?? '',
            },
      candidate:
        candidateKey === undefined
          ? undefined
          : { privateKey: keyOf(candidateKey), tokenDigest: data['candidate-token-sha256'] ?? '' },
    };
  }

  /** The stored candidate when it is for this token, else a new one, stored. */
  async candidateFor(token: string): Promise<Candidate> {
    const tokenDigest = sha256(token);
    const { candidate } = await this.load();
    if (candidate?.tokenDigest === tokenDigest) return candidate;
    const { privateKey } = generateKeyPairSync('ed25519');
    await this.#write({ 'candidate-key.pem': pemOf(privateKey), 'candidate-token-sha256': tokenDigest });
    return { privateKey, tokenDigest };
  }

  /** The candidate becomes the identity. */
  async promote(candidate: Candidate, enrolled: { clusterId: string; cluster: string }): Promise<Identity> {
    await this.#write({
      'private-key.pem': pemOf(candidate.privateKey),
      'cluster-id': enrolled.clusterId,
      cluster: enrolled.cluster,
      'token-sha256': candidate.tokenDigest,
      'candidate-key.pem': null,
      'candidate-token-sha256': null,
    });
    return { ...candidate, ...enrolled };
  }

  async #read(): Promise<Record<string, string>> {
    const secret = await this.#kube.get(SECRET, this.#namespace, IDENTITY_SECRET);
    if (!secret) return {};
    const decoded = decodeSecret(secret);
    if (!decoded.ok) throw new Error(`Secret ${IDENTITY_SECRET}: ${decoded.error}`);
    return Object.fromEntries(
      Object.entries(decoded.value.data ?? {}).map(([name, value]) => [
        name,
        Buffer.from(value, 'base64').toString('utf8'),
      ]),
    );
  }

  async #write(fields: Record<string, string | null>): Promise<void> {
    const data = Object.fromEntries(
      Object.entries(fields).map(([name, value]) => [
        name,
        value === null ? null : Buffer.from(value).toString('base64'),
      ]),
    );
    const secret: KubeObject = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: IDENTITY_SECRET, namespace: this.#namespace },
      type: 'Opaque',
    };
    try {
      await this.#kube.mergePatch(SECRET, this.#namespace, IDENTITY_SECRET, { data });
    } catch (error) {
      if (!isKubeError(error) || error.status !== 404) throw error;
      const given = Object.entries(data).filter((entry): entry is [string, string] => entry[1] !== null);
      await this.#kube.create({ ...secret, data: Object.fromEntries(given) });
    }
  }
}

function pemOf(key: KeyObject): string {
  return String(key.export({ type: 'pkcs8', format: 'pem' }));
}

function keyOf(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch {
    // The cause could quote the key.
    throw new Error(
      `Secret ${IDENTITY_SECRET} holds something that is not a private key: delete the Secret and apply the install line again with a new token`,
    );
  }
}
