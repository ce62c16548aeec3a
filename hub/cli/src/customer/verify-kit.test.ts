import { generateReleaseKey, signRelease, type InstallKit, type Release } from '@steward/shared';
import { describe, expect, it } from 'vitest';
import { verifyKit } from './verify-kit.ts';

const vendor = generateReleaseKey();
const stranger = generateReleaseKey();

function release(rest: Partial<Release> = {}): Release {
  const digest = `sha256:${'a'.repeat(64)}`;
  return {
    kind: 'steward.dev/release/v1',
    service: 'nats',
    version: '2.15.2',
    counter: 1,
    createdAt: '2026-11-21T12:00:00Z',
    chart: { name: 'nats', version: '2.15.2', digest, bytes: 1 },
    images: [],
    parameters: { type: 'object', additionalProperties: false },
    basicParameters: [],
    permissions: [
      { apiGroup: '', apiVersion: 'v1', kind: 'ConfigMap', resource: 'configmaps', verbs: ['get'], reason: 'settings' },
    ],
    exceptions: {},
    knobs: [],
    upgrade: { deadlineSeconds: 600, settleSeconds: 5 },
    display: { name: 'NATS' },
    minimumAgentVersion: '0.1.0',
    kubernetes: '*',
    ...rest,
  };
}

function kit(signer = vendor, signed: Release = release(), keys = [vendor.key]): InstallKit {
  const envelope = signRelease(Buffer.from(JSON.stringify(signed)), signer.privateKeyPem);
  return {
    organization: 'acme',
    cluster: 'prod',
    hubUrl: 'https://hub.example',
    agentImage: 'agent:1',
    releaseKeys: keys,
    installations: [{ name: 'nats', service: 'nats', namespace: 'nats', envelope }],
  };
}

describe('what a hub sends for an installation', () => {
  it('is taken when the keys are those the customer named; rights come from the signed release', () => {
    const verified = verifyKit(kit(), [vendor.key.fingerprint]);
    expect(verified.releaseKeys).toEqual([vendor.key]);
    expect(verified.grants).toMatchObject([
      { installation: 'nats', version: '2.15.2', permissions: [{ kind: 'ConfigMap' }] },
    ]);
  });

  it('loses every key that nobody named', () => {
    const verified = verifyKit(kit(vendor, release(), [vendor.key, stranger.key]), [vendor.key.fingerprint]);
    expect(verified.releaseKeys).toEqual([vendor.key]);
    expect(verified.strangeKeys).toEqual([stranger.key.fingerprint]);
  });

  it('is refused when the named key is not there', () => {
    expect(() => verifyKit(kit(vendor, release(), [stranger.key]), [vendor.key.fingerprint])).toThrow('has no key');
  });

  it('is refused when a key only claims the fingerprint', () => {
    const forged = { fingerprint: vendor.key.fingerprint, publicKey: stranger.key.publicKey };
    expect(() => verifyKit(kit(stranger, release(), [forged]), [vendor.key.fingerprint])).toThrow('has no key');
  });

  it('is refused when a release is signed by another key, also one that the hub trusts', () => {
    const other = kit(stranger, release(), [vendor.key, stranger.key]);
    expect(() => verifyKit(other, [vendor.key.fingerprint])).toThrow('not what the vendor signed');
  });

  it('is refused when the signed release is of another service', () => {
    expect(() => verifyKit(kit(vendor, release({ service: 'evil' })), [vendor.key.fingerprint])).toThrow('is of evil');
  });
});
