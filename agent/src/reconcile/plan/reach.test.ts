import { expect, it } from 'vitest';
import type { FieldChange } from '../fields/changed-fields.ts';
import type { ObjectPlan } from './make-plan.ts';
import type { PlannedObject } from './plan-object.ts';
import { reachOf } from './reach.ts';
import type { Replacement } from './replacement.ts';

function planned(name: string, change: Partial<PlannedObject>): PlannedObject {
  const ref = { group: 'apps', version: 'v1', kind: 'Deployment', plural: 'deployments', namespaced: true };
  const object = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace: 'n' } };
  return { ref, object, action: 'keep', fields: [], isOurs: true, uid: 'u', ...change };
}

const replacement: Replacement = { uid: 'u', propagation: 'Foreground', needsConsent: true, fields: [], resizes: [] };

function changeAt(...path: FieldChange['path']): Partial<PlannedObject> {
  return { action: 'update', changes: [{ path, shown: path.join('.'), isUnset: false }] };
}

const entry = { group: '', version: 'v1', kind: 'Secret', namespace: 'n' };
const plan: ObjectPlan = {
  objects: [
    planned('kept', {}),
    planned('made', { action: 'create' }),
    planned('changed', changeAt('spec', 'replicas')),
    planned('labelled', changeAt('metadata', 'labels')),
    planned('replaced', { action: 'replace', replacement }),
    planned('going', { action: 'replace', replacement: { ...replacement, isGoing: true } }),
  ],
  removals: [
    { entry: { ...entry, name: 'removed' }, action: 'delete', wave: 0, isLate: false },
    { entry: { ...entry, name: 'left' }, action: 'keep', wave: 0, isLate: false },
  ],
};

it('a plan reaches what it deletes, also to make it anew, and not what somebody else deletes', () => {
  expect([...reachOf(plan, false)]).toEqual([
    ['apps/Deployment n/replaced', 'Deployment/replaced'],
    ['/Secret n/removed', 'Secret/removed'],
  ]);
});

it('an adoption also reaches what it changes of what runs, beside whose it is', () => {
  expect([...reachOf(plan, true).values()]).toEqual([
    'Deployment/made',
    'Deployment/changed',
    'Deployment/replaced',
    'Secret/removed',
  ]);
});
