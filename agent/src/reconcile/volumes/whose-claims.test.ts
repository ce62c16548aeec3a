import { expect, it } from 'vitest';
import type { KubeObject } from '../../kube/client.ts';
import type { InventoryEntry } from '../../operations/installation/installation-object.ts';
import { makersIn, mergedMakers } from './claim-makers.ts';
import { whoseClaims, type ClaimsInput } from './whose-claims.ts';

const namespace = 'shop';

function set(name: string, uid: string, ...templates: string[]): KubeObject {
  const volumeClaimTemplates = templates.map((template) => ({ metadata: { name: template }, spec: {} }));
  const metadata = { name, namespace, uid };
  return { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata, spec: { volumeClaimTemplates } };
}

function claim(name: string, owner?: { kind: string; name: string; uid: string }): KubeObject {
  const ownerReferences = owner ? [{ apiVersion: 'v1', ...owner }] : [];
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace, uid: `uid-of-${name}`, ownerReferences },
  };
}

function entry(kind: string, name: string, uid?: string, group = ''): InventoryEntry {
  return { group, version: 'v1', kind, namespace, name, ...(uid !== undefined && { uid }) };
}

const db = entry('StatefulSet', 'db', 'db-1', 'apps');
const names = (input: Partial<ClaimsInput>): string[] =>
  whoseClaims({ claims: [], sets: [], inventory: [db], makers: [], ...input }).own.map(({ metadata }) => metadata.name);

it.each<[string, Partial<ClaimsInput>, string[]]>([
  [
    "those of its StatefulSet's templates, and none that only look like them",
    {
      claims: ['data-db-0', 'data-db-12', 'data-db-x-0', 'data-db-', 'logs-db-0', 'data-other-0', 'mine'].map((name) =>
        claim(name),
      ),
      sets: [set('db', 'db-1', 'data'), set('other', 'o', 'data')],
    },
    ['data-db-0', 'data-db-12'],
  ],
  [
    'those of a StatefulSet that is gone, by what was remembered',
    { claims: [claim('data-db-0'), claim('mine')], makers: [{ set: 'db', templates: ['data'] }] },
    ['data-db-0'],
  ],
  ['none of a StatefulSet that is gone and that nobody remembered', { claims: [claim('data-db-0')] }, []],
  [
    "none of a name that a neighbour's StatefulSet has now",
    {
      claims: [claim('data-old-0'), claim('data-db-0')],
      sets: [set('old', 'theirs', 'data'), set('db', 'theirs-too', 'data')],
      makers: ['old', 'db'].map((name) => ({ set: name, templates: ['data'] })),
    },
    [],
  ],
  [
    'those of the inventory, unless somebody made another one of that name',
    {
      claims: [claim('cache'), claim('files')],
      inventory: [
        entry('PersistentVolumeClaim', 'cache', 'uid-of-cache'),
        entry('PersistentVolumeClaim', 'files', 'uid-of-another'),
      ],
    },
    ['cache'],
  ],
  [
    'those that an operator made for an object of it, itself or by a StatefulSet',
    {
      inventory: [entry('Database', 'main', 'm', 'db.example')],
      claims: [
        claim('main-1', { kind: 'Database', name: 'main', uid: 'm' }),
        claim('theirs-1', { kind: 'Database', name: 'theirs', uid: 't' }),
        claim('pg-main-0'),
      ],
      sets: [
        {
          ...set('main', 's', 'pg'),
          metadata: {
            name: 'main',
            namespace,
            uid: 's',
            ownerReferences: [{ apiVersion: 'db.example/v1', kind: 'Database', name: 'main', uid: 'm' }],
          },
        },
      ],
    },
    ['main-1', 'pg-main-0'],
  ],
  [
    'where StatefulSets may not be looked at, only those of such that are its own for certain',
    {
      claims: [claim('data-db-0'), claim('data-old-0')],
      sets: undefined,
      makers: ['old', 'db'].map((name) => ({ set: name, templates: ['data'] })),
    },
    ['data-db-0'],
  ],
])('claims of an installation are %s', (_what, input, own) => {
  expect(names(input)).toEqual(own);
});

it('remembers every template that a set ever had', () => {
  const first = makersIn([set('db', '1', 'data'), set('none', '2')]);
  expect(first).toEqual([{ set: 'db', templates: ['data'] }]);
  const both = mergedMakers(first, makersIn([set('db', '3', 'files'), set('a', '4', 'x')]));
  expect(both).toEqual([
    { set: 'a', templates: ['x'] },
    { set: 'db', templates: ['data', 'files'] },
  ]);
  expect(mergedMakers(both, first)).toEqual(both);
});
