import { expect, it } from 'vitest';
import { offeredBy } from './offers.ts';
import { problemOfScale, scaleBoundsText, type ScaleBounds } from './scale.ts';

const web: ScaleBounds = { kind: 'Deployment', name: '${installation}-web', minimum: 2, maximum: 6 };
const db: ScaleBounds = { kind: 'StatefulSet', name: 'db', minimum: 1, maximum: 5, options: [1, 3, 5], knob: 'copies' };
const fixed: ScaleBounds = { ...db, name: 'raft', onlyAtInstall: true };
const offered = offeredBy({ remedies: { scale: [web, db, fixed] }, permissions: [] }, 'shop');

it.each([
  ['Deployment/shop-web', 2],
  ['Deployment/shop-web', 6],
  ['StatefulSet/db', 5],
  ['StatefulSet/shop-web', 100],
  ['Deployment/other', 0],
])('%s may run %d pods', (workload, count) => {
  expect(problemOfScale(workload, count, offered)).toBeUndefined();
});

it.each([
  ['Deployment/shop-web', 1, 'this release allows 2 to 6 pods of Deployment/shop-web, not 1 pod'],
  ['Deployment/shop-web', 7, 'not 7 pods'],
  ['StatefulSet/db', 2, 'allows 1 or 3 or 5 pods of StatefulSet/db, not 2 pods; the knob "copies" sets it'],
  ['StatefulSet/raft', 3, 'how many pods of StatefulSet/raft run is only set at installation (knob copies)'],
])('%s may not run %d pods: %s', (workload, count, said) => {
  expect(problemOfScale(workload, count, offered)).toContain(said);
});

it('all that is said of a workload counts, its knob and its own bounds', () => {
  const both = [db, { ...db, knob: 'other', options: [1, 5] }];
  expect([1, 3, 5].map((count) => problemOfScale('StatefulSet/db', count, { scale: both }) === undefined)).toEqual([
    true,
    false,
    true,
  ]);
});

it('a release that says nothing of it sets no bounds', () => {
  expect(problemOfScale('Deployment/web', 1_000, offeredBy({ permissions: [] }, 'shop'))).toBeUndefined();
});

it('bounds are shown in words', () => {
  expect([web, db, fixed].map(scaleBoundsText)).toEqual([
    'Deployment/${installation}-web: 2 to 6 pods',
    'StatefulSet/db: 1 or 3 or 5 pods (knob copies)',
    'StatefulSet/raft: as many pods as it was installed with (knob copies)',
  ]);
});
