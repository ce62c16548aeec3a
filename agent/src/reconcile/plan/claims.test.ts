import { describe, expect, it } from 'vitest';
import type { KubeClient, KubeObject } from '../../kube/client.ts';
import { KubeError } from '../../kube/error.ts';
import { plannedResizes } from './claims.ts';

const wanted: KubeObject = { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'db', namespace: 'n' } };

/** Of one pod; `refused`: the storage driver does not make it larger. */
function claim(ordinal: number, asked: string, has: string, refused = false): KubeObject {
  const conditions = refused ? [{ type: 'ControllerResizeError', status: 'True', message: 'no room' }] : [];
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: `data-db-${ordinal}`, namespace: 'n', uid: String(ordinal) },
    spec: { resources: { requests: { storage: asked } } },
    status: { phase: 'Bound', capacity: { storage: has }, conditions },
  };
}

/** What is planned for a template that goes from one size to another; `tooSmall`: what the API server does not let it ask for. */
async function planned(claims: KubeObject[], from: string, to: string, { mayAskLess = false, tooSmall = '' } = {}) {
  const kube = {
    list: async () => claims,
    mergePatch: async () => {
      if (to === tooSmall) throw new KubeError('less than status.capacity', { status: 422, reason: 'Invalid' });
    },
  } as unknown as KubeClient;
  const isLarger = Number.parseInt(to, 10) > Number.parseInt(from, 10);
  const sizes = [{ name: 'data', from, to }];
  const change = { larger: isLarger ? sizes : [], smaller: isLarger ? [] : sizes, isSizeOnly: true };
  const outcome = await plannedResizes(kube, wanted, change, { mayAskLess, signal: AbortSignal.timeout(5_000) });
  return 'reason' in outcome
    ? outcome.message
    : outcome.map((resize) => `${resize.name}: ${resize.from} → ${resize.to}`);
}

describe('a smaller size', () => {
  it('is refused where a volume has more, where one may still get it, and where none is there', async () => {
    const refusal = 'the volumes "data" of StatefulSet/db cannot shrink from 4Gi to 2Gi';
    expect(await planned([claim(0, '4Gi', '1Gi', true), claim(1, '4Gi', '4Gi')], '4Gi', '2Gi')).toContain(refusal);
    expect(await planned([claim(0, '4Gi', '1Gi')], '4Gi', '2Gi')).toContain(refusal);
    expect(await planned([claim(0, '4Gi', '3Gi', true)], '4Gi', '2Gi')).toContain(refusal);
    expect(await planned([], '4Gi', '2Gi')).toContain(refusal);
  });

  it('is asked for again where the storage driver refused the larger one, and where Kubernetes does not let it, left', async () => {
    const claims = [claim(0, '4Gi', '1Gi', true), claim(1, '4Gi', '1Gi', true)];
    expect(await planned(claims, '4Gi', '2Gi')).toEqual(['data-db-0: 4Gi → 2Gi', 'data-db-1: 4Gi → 2Gi']);
    expect(await planned(claims, '4Gi', '1Gi', { tooSmall: '1Gi' })).toEqual([]);
  });

  it('is gone on with where a claim has followed already, and not where only the file system was refused', async () => {
    const half = [claim(0, '2Gi', '2Gi'), claim(1, '4Gi', '1Gi', true)];
    expect(await planned(half, '4Gi', '2Gi')).toEqual(['data-db-1: 4Gi → 2Gi']);
    const larger = claim(0, '4Gi', '1Gi');
    const conditions = [{ type: 'NodeResizeError', status: 'True', message: 'it is busy' }];
    const [status] = [{ phase: 'Bound', capacity: { storage: '1Gi' }, conditions }];
    expect(await planned([{ ...larger, status }], '4Gi', '2Gi')).toContain('cannot shrink from 4Gi to 2Gi');
  });

  it('is no refusal on the way back, and makes no volume smaller that has got more', async () => {
    const claims = [claim(0, '4Gi', '4Gi'), claim(1, '4Gi', '1Gi', true)];
    expect(await planned(claims, '4Gi', '2Gi', { mayAskLess: true })).toEqual(['data-db-1: 4Gi → 2Gi']);
  });
});

describe('a larger size', () => {
  it('is asked for by each claim that asks for less, and replaces one that was refused', async () => {
    const claims = [
      claim(0, '1Gi', '1Gi'),
      claim(1, '4Gi', '1Gi', true),
      claim(2, '4Gi', '4Gi'),
      claim(3, '4Gi', '1Gi'),
    ];
    expect(await planned(claims, '1Gi', '2Gi')).toEqual(['data-db-0: 1Gi → 2Gi', 'data-db-1: 4Gi → 2Gi']);
  });

  it('that Kubernetes does not let a claim ask for is refused', async () => {
    expect(await planned([claim(0, '1Gi', '1Gi')], '1Gi', '2Gi', { tooSmall: '2Gi' })).toMatch(
      /data-db-0 cannot grow from 1Gi to 2Gi/,
    );
  });
});
