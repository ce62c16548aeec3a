import { expect, it } from 'vitest';
import type { OperationKind } from '@steward/shared';
import type { PointOfNoReturn } from '../../operations/installation/installation-object.ts';
import { crossedPoint } from './point-of-no-return.ts';

type Release = [version: string, counter: number, signedBy?: string];

const [first, between, second, third]: [Release, Release, Release, Release] = [
  ['1.0.0', 1],
  ['1.5.0', 2],
  ['2.0.0', 3],
  ['3.0.0', 4],
];

function signed([version, counter, signedBy = 'key']: Release) {
  return { version, releaseDigest: `digest of ${version}`, signedBy, counter };
}

function pointAt(generation: number, release?: Release): PointOfNoReturn {
  const { releaseDigest: digest, signedBy, counter } = signed(release ?? first);
  return { generation, hooks: 'Job/migrate (pre-upgrade)', ...(release && { release: { digest, signedBy, counter } }) };
}

interface Case {
  point?: PointOfNoReturn;
  /** By generation, newest first. */
  history: [number, Release][];
  /** The last operation left something that is no good generation. */
  hasFailed?: boolean;
  kinds?: [OperationKind, ...OperationKind[]];
  toGeneration?: number;
}

function crossed(wanted: Release, { point, history, hasFailed = false, kinds = ['upgrade'], toGeneration }: Case) {
  const status = {
    state: hasFailed ? 'failed' : 'running',
    observedGeneration: history[0]?.[0] ?? 0,
    history: history.map(([generation, release]) => ({ generation, ...signed(release) })),
    pointOfNoReturn: point,
  };
  const record = { spec: { desired: { operation: { toGeneration } } } };
  const run = { kinds, sameSet: undefined, record, installation: { status } };
  return crossedPoint(run as unknown as Parameters<typeof crossedPoint>[0], signed(wanted));
}

const migrated: Case['history'] = [
  [2, second],
  [1, first],
];

it.each<[string, Release, Case]>([
  ['what ran before it', first, { point: pointAt(2, second), history: migrated }],
  ['the same, where an older agent wrote the point', first, { point: pointAt(2), history: migrated }],
  ['what ran before one that failed', first, { point: pointAt(2, second), history: [[1, first]], hasFailed: true }],
  ['one between, that never ran here', between, { point: pointAt(2, second), history: [[1, first]], hasFailed: true }],
  ['what another key signed and ran before', ['1.0.0', 9, 'old'], { point: pointAt(2, second), history: migrated }],
  ['an older one taken over', first, { point: pointAt(2, second), history: migrated, kinds: ['adopt', 'upgrade'] }],
])('an upgrade goes back over a point of no return: to %s', (_name, wanted, given) => {
  expect(crossed(wanted, given)).toBe(
    'Generation 2 ran Job/migrate (pre-upgrade): going back to 1.X does not undo that.'.replace('1.X', wanted[0]),
  );
});

it.each<[string, Release, Case]>([
  ['where there is none', first, { history: migrated }],
  ['to a newer one', third, { point: pointAt(2, second), history: migrated }],
  ['to the one whose hooks ran', second, { point: pointAt(2, second), history: [[1, first]], hasFailed: true }],
  [
    'to what runs, after another one failed in its first hooks',
    first,
    { point: pointAt(2, second), history: [[1, first]] },
  ],
  ['to what ran after it', first, { point: pointAt(2, second), history: [[3, first], ...migrated], hasFailed: true }],
  [
    'forward again, after going back ran hooks',
    second,
    { point: pointAt(3, first), history: [[3, first], ...migrated] },
  ],
  ['to what another key signed and never ran', ['4.0.0', 1, 'new'], { point: pointAt(2, second), history: migrated }],
  ['that takes up what was installed', first, { point: pointAt(2, second), history: migrated, kinds: ['adopt'] }],
])('it does not %s', (_name, wanted, given) => {
  expect(crossed(wanted, given)).toBeUndefined();
});

it('a rollback goes by the generation that it names', () => {
  const given: Case = { point: pointAt(2, second), history: migrated, kinds: ['rollback'] };
  expect(crossed(first, { ...given, toGeneration: 1 })).toContain('going back to generation 1 does not');
  expect(crossed(second, { ...given, toGeneration: 2 })).toBeUndefined();
});
