import 'reflect-metadata';
import type { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const HOUR_MS = 3_600_000;

export interface TestAuthority {
  caPem: string;
  /** For a server on 127.0.0.1, or the address it was made for. */
  key: string;
  cert: string;
}

/** A certificate authority and a server certificate from it, for an hour. `notAfterMs` is from now. */
export async function createTestAuthority({
  notAfterMs = HOUR_MS,
  address = '127.0.0.1',
} = {}): Promise<TestAuthority> {
  const [caKeys, keys] = await Promise.all([generate(), generate()]);
  const notBefore = new Date(Date.now() - 2 * HOUR_MS);
  const common = { notBefore, signingAlgorithm: ALGORITHM };
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    ...common,
    serialNumber: '01',
    name: 'CN=test authority',
    notAfter: new Date(Date.now() + Math.max(HOUR_MS, notAfterMs)),
    keys: caKeys,
    extensions: [new x509.BasicConstraintsExtension(true, 0, true)],
  });
  const cert = await x509.X509CertificateGenerator.create({
    ...common,
    serialNumber: '02',
    subject: 'CN=test hub',
    issuer: ca.subject,
    notAfter: new Date(Date.now() + notAfterMs),
    publicKey: keys.publicKey,
    signingKey: caKeys.privateKey,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: address }])],
  });
  const pkcs8 = await crypto.subtle.exportKey('pkcs8', keys.privateKey);
  return {
    caPem: ca.toString('pem'),
    cert: cert.toString('pem'),
    key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY'),
  };
}

function generate(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}
