import { expect, it } from 'vitest';
import type { NamespaceObjects } from '../../collect/namespace-objects.ts';
import type { NamespaceView } from '../../collect/namespace-view.ts';
import type { KubeClient } from '../../kube/client.ts';
import { ObjectMarks } from './object-marks.ts';

it('what happens to a claim that a StatefulSet made happens to the StatefulSet', () => {
  const claims = new Map<string, { name: string; mark: string }>();
  const change = (name: string, mark: string): unknown => claims.set(`n/${name}`, { name, mark });
  const workloads = [new Map([['n/db', { kind: 'StatefulSet', name: 'db', mark: 'set' }]])];
  const objects = { claims, workloads } as unknown as NamespaceObjects;
  const view = { objects, subscribe: () => () => undefined, synced: async () => undefined };
  const marks = new ObjectMarks({ kube: {} as KubeClient, namespace: 'n', onChange: () => undefined });
  marks.watch(new Map(), view as unknown as NamespaceView);
  const db = { kind: 'apps/StatefulSet', object: 'n/db', makes: [{ set: 'db', templates: ['data'] }] };
  const seen = [marks.get(db)];
  const see = (name: string, mark: string): unknown => (change(name, mark), seen.push(marks.get(db)));
  see('data-db-0', 'bound');
  see('data-db-0', 'going');
  see('data-other-0', 'going');
  expect(seen.slice(0, 3)).toEqual([...new Set(seen)]);
  expect(seen[3]).toBe(seen[2]);
  expect(marks.get({ ...db, object: 'n/gone' })).toBeUndefined();
});
