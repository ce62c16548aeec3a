import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { createHash, randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
const CA_DAYS = 3_650;
const SERVER_DAYS = 90;
const RENEW_BEFORE_DAYS = 30;

/** A key pair with its certificate, all as PEM. */
export interface Issued {
  keyPem: string;
  certificatePem: string;
}

function pem(label: string, bytes: ArrayBuffer): string {
  return x509.PemConverter.encode(bytes, label);
}

async function importKeys(keyPem: string): Promise<webcrypto.CryptoKeyPair> {
  const pkcs8 = x509.PemConverter.decodeFirst(keyPem);
  const privateKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, true, ['sign']);
  const { x, y, kty, crv } = await webcrypto.subtle.exportKey('jwk', privateKey);
  const jwk = { kty, crv, x, y } as webcrypto.JsonWebKey;
  const publicKey = await webcrypto.subtle.importKey('jwk', jwk, ALGORITHM, true, ['verify']);
  return { privateKey, publicKey };
}

function serialNumber(): string {
  return `00${randomBytes(15).toString('hex')}`;
}

/** A new P-256 private key as PKCS#8 PEM. */
export async function createKey(): Promise<string> {
  const { privateKey } = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  return pem('PRIVATE KEY', await webcrypto.subtle.exportKey('pkcs8', privateKey));
}

/** The hub's own authority, valid ten years. */
export async function createAuthority(now: Date): Promise<Issued> {
  const keyPem = await createKey();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: 'CN=Steward hub CA',
    notBefore: new Date(now.getTime() - DAY_MS),
    notAfter: new Date(now.getTime() + CA_DAYS * DAY_MS),
    keys: await importKeys(keyPem),
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });
  return { keyPem, certificatePem: certificate.toString('pem') };
}

/** A server certificate for these host names and addresses, on the given key, so that a pinned key stays valid. */
export async function issueServer(
  authority: Issued,
  keyPem: string,
  names: readonly string[],
  now: Date,
): Promise<string> {
  const ca = new x509.X509Certificate(authority.certificatePem);
  const keys = await importKeys(keyPem);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: 'CN=Steward hub',
    issuer: ca.subject,
    notBefore: new Date(now.getTime() - DAY_MS),
    notAfter: new Date(Math.min(now.getTime() + SERVER_DAYS * DAY_MS, ca.notAfter.getTime())),
    publicKey: keys.publicKey,
    signingKey: (await importKeys(authority.keyPem)).privateKey,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((value) => ({ type: isIP(value) === 0 ? ('dns' as const) : ('ip' as const), value })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(ca.publicKey),
    ],
  });
  return certificate.toString('pem');
}

/** Whether a stored certificate no longer does: other names, near its end, of another authority or key. */
export async function mustRenew(
  certificatePem: string,
  expected: { authority: Issued; keyPem: string; names: readonly string[] },
  now: Date,
): Promise<boolean> {
  const certificate = new x509.X509Certificate(certificatePem);
  if (certificate.notAfter.getTime() - now.getTime() < RENEW_BEFORE_DAYS * DAY_MS) return true;
  const ca = new x509.X509Certificate(expected.authority.certificatePem);
  if (!(await certificate.verify({ publicKey: ca.publicKey, signatureOnly: true }))) return true;
  const names =
    certificate.getExtension(x509.SubjectAlternativeNameExtension)?.names.items.map(({ value }) => value) ?? [];
  if ([...names].sort().join() !== [...expected.names].sort().join()) return true;
  return publicKeyPin(certificatePem) !== (await pinOfKey(expected.keyPem));
}

/** curl's pin: base64 of SHA-256 over the public key's SubjectPublicKeyInfo. */
export function publicKeyPin(certificatePem: string): string {
  return pinOf(new x509.X509Certificate(certificatePem).publicKey.rawData);
}

async function pinOfKey(keyPem: string): Promise<string> {
  return pinOf(await webcrypto.subtle.exportKey('spki', (await importKeys(keyPem)).publicKey));
}

function pinOf(spki: ArrayBuffer): string {
  return `sha256//${createHash('sha256').update(new Uint8Array(spki)).digest('base64')}`;
}
