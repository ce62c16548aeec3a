import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, sha256 } from '@steward/shared';
import { inOrder, inOrderOfRemoval } from './kind-order.ts';
import { inventoryKey, mergedInventory, reasonToKeep } from './inventory.ts';
import { countsOf, toldPlan, wavesSentence } from './told-plan.ts';

const change = { action: 'update' as const, object: 'Deployment/web', fields: ['spec.replicas: 1 → 2'] };

describe('a plan as it is told', () => {
  it('has a digest over exactly what is shown', () => {
    const { digest, ...shown } = toldPlan('changes 1.', [change]);
    expect(digest).toBe(sha256(canonicalJson(shown)));
    expect(toldPlan('changes 1.', [{ ...change, fields: [] }]).digest).not.toBe(digest);
    expect(toldPlan('another', [change]).digest).not.toBe(digest);
  });

  it('stays small whatever it is about, shows what changes first, and says what it leaves out', () => {
    const action = fc.constantFrom('create' as const, 'update' as const, 'keep' as const);
    const fields = fc.array(fc.string({ maxLength: 300 }), { maxLength: 20 });
    const any = fc.record({ action, object: fc.string({ maxLength: 300 }), fields });
    fc.assert(
      fc.property(fc.array(any, { maxLength: 700, size: 'max' }), (changes) => {
        const told = toldPlan('s.', changes);
        expect(canonicalJson(told.changes).length).toBeLessThanOrEqual(48 * 1024);
        expect(told.changes.length).toBeLessThanOrEqual(500);
        if (told.changes.length < changes.length)
          expect(told.summary).toContain(`${changes.length - told.changes.length} of ${changes.length}`);
        const firstKept = told.changes.findIndex((shown) => shown.action === 'keep');
        if (firstKept !== -1)
          expect(told.changes.slice(firstKept).every((shown) => shown.action === 'keep')).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  it('shows what goes before all else, data first', () => {
    const actions = ['keep', 'update', 'create', 'replace', 'delete'] as const;
    const changes = [
      ...actions.map((action) => ({ action, object: `Deployment/${action}` })),
      { action: 'delete' as const, object: 'PersistentVolumeClaim/data' },
    ];
    const shown = toldPlan('s.', changes).changes.map(({ object }) => object.split('/')[1]);
    expect(shown).toEqual(['data', 'delete', 'replace', 'update', 'create', 'keep']);
  });

  it('binds an approval to what it has no room for too, however much its summary says', () => {
    const many = Array.from({ length: 600 }, (_, index) => ({ action: 'delete' as const, object: `Secret/s${index}` }));
    const told = toldPlan('a summary. '.repeat(300), many, 'Release sha256:x.');
    expect(told.summary).toMatch(
      / … Release sha256:x\. 100 of 600 objects are not listed\. The digest of .* sha256:\w{64}\.$/,
    );
    expect(told.summary).toHaveLength(2_000);
    const other = toldPlan('a summary. '.repeat(300), many.with(-1, { action: 'delete', object: 'Secret/other' }));
    expect(other.changes).toEqual(told.changes);
    expect(other.summary.slice(-72)).not.toBe(told.summary.slice(-72));
    const long = { ...change, fields: Array.from({ length: 20 }, (_, index) => `${'f'.repeat(290)}${index}`) };
    expect(
      toldPlan(
        's.',
        Array.from({ length: 20 }, () => long),
      ).summary,
    ).toContain('s. The digest of the whole list');
    expect(toldPlan('s.', [change]).summary).toBe('s.');
  });

  it('counts in words', () => {
    const counted = countsOf([change, { ...change, action: 'delete' }]);
    expect(counted).toBe('creates none, changes 1, removes 1, leaves none');
  });
});

describe('an inventory', () => {
  const entry = { group: 'apps', version: 'v1', kind: 'Deployment', namespace: 'n', name: 'web' };

  it('merged keeps uids that are known, and takes the newer version', () => {
    const old = { ...entry, version: 'v1beta1', uid: 'u' };
    expect(mergedInventory([old], [entry])).toEqual([{ ...entry, uid: 'u' }]);
    expect(mergedInventory([old], [{ ...entry, uid: 'new' }])).toEqual([{ ...entry, uid: 'new' }]);
    expect(mergedInventory([old], [{ ...entry, name: 'b' }])).toHaveLength(2);
    expect(inventoryKey(old)).toBe('apps/Deployment n/web');
  });

  it('never lets go what cannot be had again', () => {
    for (const kind of ['PersistentVolumeClaim', 'PersistentVolume', 'Namespace', 'CustomResourceDefinition'])
      expect(reasonToKeep(kind, undefined)).toBeDefined();
    expect(reasonToKeep('Secret', { 'helm.sh/resource-policy': 'keep' })).toBeDefined();
    expect(reasonToKeep('Secret', {})).toBeUndefined();
  });
});

it('objects are applied in the order in which they need each other, unknown kinds last', () => {
  const kinds = ['Deployment', 'Custom', 'Secret', 'Service', 'ConfigMap', 'Another'];
  expect(inOrder(kinds, (kind) => kind)).toEqual([
    ['Secret'],
    ['ConfigMap'],
    ['Service'],
    ['Deployment'],
    ['Custom', 'Another'],
  ]);
});

it('the last wave is removed first, and in each what needs others before them', () => {
  const going = ['Secret 0', 'Deployment 0', 'Secret 1', 'Deployment -1', 'Secret -1'];
  const [kindOf, waveOf] = [0, 1].map((at) => (name: string) => name.split(' ')[at] ?? '');
  const order = { kindOf: kindOf ?? String, waveOf: (name: string) => Number(waveOf?.(name)) };
  expect(inOrderOfRemoval(going, order).flat()).toEqual([
    'Secret 1',
    'Deployment 0',
    'Secret 0',
    'Deployment -1',
    'Secret -1',
  ]);
});

it('a plan names its waves where there are several, and never so long that its digests are cut off', () => {
  const of = (wave: number, ...names: string[]): { wave: number; name: string }[] =>
    names.map((name) => ({ wave, name }));
  expect(wavesSentence(of(2, 'a', 'b'))).toEqual([]);
  const objects = [...of(2, 'z'), ...of(-1, 'a', 'b', 'c', 'd')];
  expect(wavesSentence(objects)).toEqual(['Wave by wave, each ready before the next: -1 (a, b, c and 1 more), 2 (z)']);
  expect(wavesSentence(objects, { isLastFirst: true, until: 'gone' })).toEqual([
    'Wave by wave, each gone before the next: 2 (z), -1 (a, b, c and 1 more)',
  ]);
  const many = Array.from({ length: 100 }, (_, wave) => ({ wave, name: 'n'.repeat(200) }));
  expect(wavesSentence(many)[0]?.length).toBeLessThan(600);
});
