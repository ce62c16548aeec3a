import { expect, it } from 'vitest';
import { generateReleaseKey, releaseDigest, signRelease, type DesiredState, type Release } from '@steward/shared';
import type { HistoryEntry } from '../../operations/installation/installation-object.ts';
import { verifiedRelease } from './verify-release.ts';

const { privateKeyPem, key } = generateReleaseKey();
const release: Release = {
  kind: 'steward.dev/release/v1',
  service: 'shop',
  version: '1.0.0',
  counter: 1,
  createdAt: '2026-01-01T00:00:00Z',
  expiresAt: '2026-06-01T00:00:00Z',
  chart: { name: 'shop', version: '1.0.0', digest: `sha256:${'a'.repeat(64)}`, bytes: 1 },
  images: [],
  parameters: { type: 'object' },
  basicParameters: [],
  permissions: [],
  exceptions: {},
  knobs: [],
  upgrade: { deadlineSeconds: 60, settleSeconds: 0 },
  display: { name: 'Shop' },
  minimumAgentVersion: '0.1.0',
  kubernetes: '>=1.31',
};
const signed = (content: Release): ReturnType<typeof signRelease> =>
  signRelease(Buffer.from(JSON.stringify(content)), privateKeyPem);

function verdictOn(
  operation: Partial<DesiredState['operation']>,
  envelope = signed(release),
  history: HistoryEntry[] = [],
): string {
  const wanted = {
    service: 'shop',
    name: 'shop',
    release: { digest: releaseDigest(envelope), version: '1.0.0' },
    operation,
  };
  const outcome = verifiedRelease(Buffer.from(JSON.stringify(envelope)), {
    desired: wanted as DesiredState,
    trusted: [key],
    history,
    counters: {},
    runningVersion: undefined,
    kubernetesVersion: 'v1.36.3',
    now: new Date('2026-11-28T00:00:00Z'),
  });
  return outcome.ok ? 'may run' : outcome.failure.reason;
}

it.each<[string, Partial<DesiredState['operation']>, string]>([
  ['installed', { kind: 'install' }, 'expired-release'],
  ['adopted from Helm', { kind: 'adopt' }, 'expired-release'],
  ['taken up again where nothing differs', { kind: 'adopt', recovers: true }, 'may run'],
  ['taken up again with changes', { kind: 'adopt', recovers: true, acceptDifferences: true }, 'expired-release'],
])('a release that has expired and is %s: %s', (_name, operation, verdict) => {
  expect(verdictOn(operation)).toBe(verdict);
});

it('a release that asks for every Secret, or to change rights, may not run, unless it has run here', () => {
  const asking = (right: object): ReturnType<typeof signRelease> => {
    const permission = { apiGroup: '', apiVersion: 'v1', kind: 'X', verbs: ['get', 'list'], reason: 'r', ...right };
    const { expiresAt: _, ...valid } = release;
    return signed({ ...valid, permissions: [permission as Release['permissions'][number]] });
  };
  const install = { kind: 'install' } as const;
  expect(verdictOn(install, asking({ resource: 'secrets' }))).toBe('kind-not-permitted');
  expect(verdictOn(install, asking({ apiGroup: 'rbac.authorization.k8s.io', resource: 'roles' }))).toBe(
    'kind-not-permitted',
  );
  expect(verdictOn(install, asking({ resource: 'secrets', names: ['a'] }))).toBe('may run');
  const old = asking({ resource: 'secrets' });
  const history = [{ releaseDigest: releaseDigest(old) } as HistoryEntry];
  expect(verdictOn({ kind: 'rollback' }, old, history)).toBe('may run');
});
