import { describe, expect, it } from 'vitest';
import type { DesiredState } from '@steward/shared';
import { acceptanceOf, MAX_UNCONFIRMED, type Known, type KnownInstallation } from './accept.ts';

const now = new Date('2026-01-01T00:00:00Z');
const shop: KnownInstallation = {
  releaseName: 'shop',
  id: '11111111-1111-4111-8111-111111111111',
  name: 'shop',
  service: 'web',
  namespace: 'shop-ns',
  generation: 3,
  state: 'running',
  formerIds: ['99999999-9999-4999-8999-999999999999'],
};
const known: Known = {
  installations: [shop],
  isJournalled: false,
  journalledGeneration: 0,
  unconfirmed: 0,
  formerIds: [],
  reserved: new Set(['steward-acme']),
  now,
};

function desired(change: Partial<DesiredState> = {}, notAfter = '2026-01-02T00:00:00Z'): DesiredState {
  return {
    installationId: shop.id,
    name: 'shop',
    namespace: 'shop-ns',
    service: 'web',
    generation: 4,
    action: 'run',
    deleteVolumes: false,
    release: { digest: `sha256:${'a'.repeat(64)}`, version: '1.0.0' },
    parameters: {},
    operation: { id: '22222222-2222-4222-8222-222222222222', kind: 'upgrade', requestedBy: 'a', notAfter },
    ...change,
  };
}

const other = '33333333-3333-4333-8333-333333333333';

describe('a desired state', () => {
  it('of a higher generation is accepted; of an unknown installation too', () => {
    expect(acceptanceOf(desired(), known)).toEqual({ kind: 'accept' });
    const fresh = desired({ installationId: other, name: 'b', namespace: 'b', generation: 1 });
    expect(acceptanceOf(fresh, known)).toEqual({ kind: 'accept' });
  });

  it('that is in the journal is answered from there, also when it would be refused now', () => {
    expect(acceptanceOf(desired({ generation: 1 }), { ...known, isJournalled: true })).toEqual({ kind: 'known' });
  });

  it.each([
    ['an old generation', desired({ generation: 2 }), known, 'superseded'],
    ['the same generation by another operation', desired({ generation: 3 }), known, 'superseded'],
    [
      'one below the journal, before the installation is written',
      desired(),
      { ...known, journalledGeneration: 9 },
      'superseded',
    ],
    ['another namespace', desired({ namespace: 'elsewhere' }), known, 'conflict'],
    ['another service', desired({ service: 'db' }), known, 'conflict'],
    ['another name', desired({ name: 'other' }), known, 'conflict'],
    ["another name for its chart's render", desired({ releaseName: 'other' }), known, 'conflict'],
    ['a name that is taken', desired({ installationId: other, namespace: 'b' }), known, 'conflict'],
    ['a namespace that is taken', desired({ installationId: other, name: 'b' }), known, 'conflict'],
    [
      'an installation that was removed',
      desired(),
      { ...known, installations: [{ ...shop, state: 'removed' as const }] },
      'conflict',
    ],
    ['a former one of that name', desired({ installationId: shop.formerIds[0] ?? '' }), known, 'conflict'],
    [
      'one that was removed, while its name is given to another',
      desired(),
      { ...known, installations: [], formerIds: [shop.id] },
      'conflict',
    ],
    ["the cluster's namespace", desired({ namespace: 'kube-system' }), known, 'foreign-namespace'],
    ["the agent's namespace", desired({ namespace: 'steward-acme' }), known, 'foreign-namespace'],
    ['too many that the hub does not confirm', desired(), { ...known, unconfirmed: MAX_UNCONFIRMED }, 'internal'],
    ['too late', desired({}, '2025-12-31T23:59:59Z'), known, 'expired'],
  ] as const)('is refused: %s', (_what, frame, context, reason) => {
    expect(acceptanceOf(frame, context)).toMatchObject({ kind: 'refuse', reason });
  });

  it('may take the name and namespace of one that was removed', () => {
    const installations = [{ ...shop, state: 'removed' as const }];
    const again = desired({ installationId: other, generation: 1 });
    expect(acceptanceOf(again, { ...known, installations })).toEqual({ kind: 'accept' });
  });
});
