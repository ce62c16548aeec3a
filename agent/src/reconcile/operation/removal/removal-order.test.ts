import { expect, it } from 'vitest';
import type { KubeObject } from '../../../kube/client.ts';
import { inTurn } from './removal-order.ts';

interface Given {
  kind?: string;
  wave?: number;
  /** Claims that it names, or makes. */
  names?: string[];
  makes?: string;
  hook?: string;
}

/** @param owned which claim is whose */
function orderOf(
  given: Record<string, Given>,
  owned: Record<string, string>,
  sets: KubeObject[] = [],
): Record<string, number> {
  const goes = Object.entries(given).map(([name, { kind = 'Deployment', wave = 0, names = [], makes, hook }]) => {
    const volumes = names.map((claimName) => ({ persistentVolumeClaim: { claimName } }));
    const volumeClaimTemplates = makes === undefined ? [] : [{ metadata: { name: makes }, spec: {} }];
    const live = {
      apiVersion: 'apps/v1',
      kind,
      metadata: { name, uid: name },
      spec: { template: { spec: { volumes } }, volumeClaimTemplates },
    };
    const group = kind === 'PersistentVolumeClaim' ? '' : 'apps';
    return { entry: { group, version: 'v1', kind, name, uid: name, ...(hook !== undefined && { hook }) }, live, wave };
  });
  const own = Object.entries(owned).map(([name, uid]) => claimOf(name, uid));
  return Object.fromEntries(inTurn(goes, { own, others: [], sets }).map(({ entry, wave }) => [entry.name, wave]));
}

function claimOf(name: string, uid: string): KubeObject {
  const ownerReferences = [{ apiVersion: 'a.example/v1', kind: 'Owner', name: uid, uid }];
  return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name, ownerReferences } };
}

it('moves what uses a claim before what owns it, and nothing else', () => {
  const given = { db: { kind: 'StatefulSet' }, backup: { names: ['data'] }, web: {} };
  expect(orderOf(given, { data: 'db' })).toEqual({ db: 0, backup: 1, web: 0 });
});

it('leaves waves and kinds as they are where they are right already', () => {
  const given = { volume: { kind: 'DataVolume', wave: -2 }, db: { wave: -1, names: ['data'] }, web: {} };
  expect(orderOf(given, { data: 'volume' })).toEqual({ volume: -2, db: -1, web: 0 });
  const job = { db: { kind: 'StatefulSet' }, backup: { kind: 'Job', names: ['data'] } };
  expect(orderOf(job, { data: 'db' })).toEqual({ db: 0, backup: 0 });
});

it('moves nothing for an owner that stays', () => {
  expect(orderOf({ db: { wave: -1, names: ['data'] }, web: {} }, { data: 'of-the-customer' })).toEqual({
    db: -1,
    web: 0,
  });
});

it('moves what uses a claim before the users of others, where these own it', () => {
  const given = {
    volume: { kind: 'DataVolume' },
    db: { kind: 'StatefulSet', names: ['shared'] },
    web: { names: ['data'] },
  };
  expect(orderOf(given, { shared: 'volume', data: 'db' })).toEqual({ volume: 0, db: 1, web: 2 });
});

it('sees claims that are used as made, and owners of the sets that operators made', () => {
  const restored = { volume: { kind: 'DataVolume' }, db: { kind: 'StatefulSet', makes: 'data' } };
  expect(orderOf(restored, { 'data-db-0': 'volume' })).toEqual({ volume: 0, db: 1 });
  const made = claimOf('main', 'database');
  const sets = [{ ...made, kind: 'StatefulSet', metadata: { ...made.metadata, uid: 'set' } }];
  const given = { database: { kind: 'Database' }, web: { names: ['data'] } };
  expect(orderOf(given, { data: 'set' }, sets)).toEqual({ database: 0, web: 1 });
});

it('comes to an end where two use what the other one owns', () => {
  const given = { a: { names: ['of-b'] }, b: { names: ['of-a'] } };
  expect(Object.keys(orderOf(given, { 'of-a': 'a', 'of-b': 'b' }))).toEqual(['a', 'b']);
});

it('puts claims behind all of whatever wave', () => {
  const given = { data: { kind: 'PersistentVolumeClaim', wave: 3 }, db: { wave: -1, names: ['data'] }, web: {} };
  expect(orderOf(given, {})).toEqual({ data: -1, db: -1, web: 0 });
});
