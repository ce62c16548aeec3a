import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto';
import { compile, type Decoded } from '../schema.ts';
import { Release, RELEASE_PAYLOAD_TYPE, ReleaseEnvelope, type ReleaseKey } from './release.ts';

const decodeRelease = compile(Release);
const decodeEnvelope = compile(ReleaseEnvelope);

/** `sha256:` and 64 hex digits over the bytes. */
export function sha256(bytes: Uint8Array | string): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** DSSE's pre-authentication encoding: what is really signed. Source: the DSSE specification, "protocol.md". */
export function preAuthEncoding(payloadType: string, payload: Uint8Array): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.byteLength} `;
  return Buffer.concat([Buffer.from(head), payload]);
}

/** A new Ed25519 release key; the private half as PKCS#8 PEM. */
export function generateReleaseKey(): { privateKeyPem: string; key: ReleaseKey } {
  const { privateKey } = generateKeyPairSync('ed25519');
  const privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  return { privateKeyPem: String(privateKeyPem), key: releaseKeyOf(createPublicKey(privateKey)) };
}

export function releaseKeyOf(publicKey: KeyObject): ReleaseKey {
  const raw = rawPublicKey(publicKey);
  return { fingerprint: sha256(raw), publicKey: raw.toString('base64') };
}

/** The 32 raw bytes of an Ed25519 public key. @throws Error for another kind of key */
export function rawPublicKey(publicKey: KeyObject): Buffer {
  const jwk = publicKey.export({ format: 'jwk' });
  if (jwk.kty !== 'OKP' || jwk.crv !== 'Ed25519' || typeof jwk.x !== 'string')
    throw new Error('not an Ed25519 public key');
  return Buffer.from(jwk.x, 'base64url');
}

/** @param base64 the 32 raw bytes in base64. @throws Error when they are not a key */
export function publicKeyFromRaw(base64: string): KeyObject {
  const x = Buffer.from(base64, 'base64').toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
}

/** Signs the exact bytes given. The envelope's digest is over its payload, see {@link releaseDigest}. */
export function signRelease(payload: Uint8Array, privateKeyPem: string): ReleaseEnvelope {
  const privateKey = createPrivateKey(privateKeyPem);
  const { fingerprint } = releaseKeyOf(createPublicKey(privateKey));
  const sig = sign(null, preAuthEncoding(RELEASE_PAYLOAD_TYPE, payload), privateKey);
  return {
    payloadType: RELEASE_PAYLOAD_TYPE,
    payload: Buffer.from(payload).toString('base64'),
    signatures: [{ keyid: fingerprint, sig: sig.toString('base64') }],
  };
}

/** The name of a release everywhere: sha256 of the signed payload's bytes. */
export function releaseDigest(envelope: ReleaseEnvelope): string {
  return sha256(Buffer.from(envelope.payload, 'base64'));
}

export interface VerifiedRelease {
  release: Release;
  digest: string;
  signedBy: string;
}

/**
 * Opens an envelope: its shape, one signature by a trusted key over the stored bytes, then the payload's own shape.
 * The error says which of the three failed, and names the keys concerned.
 */
export function verifyRelease(envelope: unknown, trusted: readonly ReleaseKey[]): Decoded<VerifiedRelease> {
  const decoded = decodeEnvelope(envelope);
  if (!decoded.ok) return { ok: false, error: `the release envelope is malformed: ${decoded.error}` };
  const payload = Buffer.from(decoded.value.payload, 'base64');
  const signed = preAuthEncoding(decoded.value.payloadType, payload);
  const signature = decoded.value.signatures.find(({ keyid, sig }) => {
    const key = trusted.find((candidate) => candidate.fingerprint === keyid);
    if (!key || sha256(Buffer.from(key.publicKey, 'base64')) !== key.fingerprint) return false;
    return verify(null, signed, publicKeyFromRaw(key.publicKey), Buffer.from(sig, 'base64'));
  });
  if (!signature) {
    const by = decoded.value.signatures.map(({ keyid }) => keyid).join(', ');
    if (decoded.value.signatures.some(({ keyid }) => trusted.some(({ fingerprint }) => fingerprint === keyid)))
      return { ok: false, error: `no valid signature by a trusted key: what ${by} signed was altered since` };
    const want = trusted.map((key) => key.fingerprint).join(', ') || 'none';
    return { ok: false, error: `no valid signature by a trusted key: signed by ${by}; trusted: ${want}` };
  }
  let json: unknown;
  try {
    json = JSON.parse(payload.toString('utf8'));
  } catch {
    return { ok: false, error: 'the signed payload is not JSON' };
  }
  const release = decodeRelease(json);
  if (!release.ok) return { ok: false, error: `the signed payload is not a release: ${release.error}` };
  return { ok: true, value: { release: release.value, digest: sha256(payload), signedBy: signature.keyid } };
}
