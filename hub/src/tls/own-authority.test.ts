import { createHash, createPublicKey, X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { createAuthority, createKey, issueServer, mustRenew, publicKeyPin, type Issued } from './own-authority.ts';

const NOW = new Date('2026-11-21T00:00:00Z');
const DAY_MS = 86_400_000;
const NAMES = ['hub.example.com', '127.0.0.1', '::1'];
let authority: Issued;
let keyPem: string;
let certificatePem: string;

beforeAll(async () => {
  authority = await createAuthority(NOW);
  keyPem = await createKey();
  certificatePem = await issueServer(authority, keyPem, NAMES, NOW);
});

describe('the own authority', () => {
  it('issues a certificate that it signed, for the names, and that is no authority', () => {
    const [ca, server] = [new X509Certificate(authority.certificatePem), new X509Certificate(certificatePem)];
    expect([ca.ca, server.ca]).toEqual([true, false]);
    expect(server.checkIssued(ca) && server.verify(ca.publicKey)).toBe(true);
    expect([
      server.checkHost('hub.example.com'),
      server.checkIP('127.0.0.1'),
      server.checkHost('other.example.com'),
    ]).toEqual(['hub.example.com', '127.0.0.1', undefined]);
  });

  it('pins the key as curl does', () => {
    const spki = createPublicKey(certificatePem).export({ type: 'spki', format: 'der' });
    expect(publicKeyPin(certificatePem)).toBe(`sha256//${createHash('sha256').update(spki).digest('base64')}`);
  });

  it('keeps the pin when it issues again', async () => {
    const later = await issueServer(authority, keyPem, ['new.example.com'], new Date(NOW.getTime() + 70 * DAY_MS));
    expect(publicKeyPin(later)).toBe(publicKeyPin(certificatePem));
  });

  it('renews near the end, for other names, for another key, and after another authority only', async () => {
    const after = (days: number) => new Date(NOW.getTime() + days * DAY_MS);
    const same = { authority, keyPem, names: [...NAMES].reverse() };
    expect(await mustRenew(certificatePem, same, after(1))).toBe(false);
    expect(await mustRenew(certificatePem, same, after(61))).toBe(true);
    expect(await mustRenew(certificatePem, { ...same, names: ['hub.example.com'] }, NOW)).toBe(true);
    expect(await mustRenew(certificatePem, { ...same, keyPem: await createKey() }, NOW)).toBe(true);
    expect(await mustRenew(certificatePem, { ...same, authority: await createAuthority(NOW) }, NOW)).toBe(true);
  });
});
