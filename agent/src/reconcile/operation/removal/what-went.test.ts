import { expect, it } from 'vitest';
import { KubeError } from '../../../kube/error.ts';
import type { Run } from '../run/run.ts';
import { takeBackNote } from './what-went.ts';

const entry = (kind: string) => ({ group: 'apps', version: 'v1', kind, namespace: 'n', name: 'a', uid: 'u' });
const gadget = { ...entry('Gadget'), group: 'a.example' };
const alive = { metadata: { name: 'a', uid: 'u' } };
const going = { metadata: { ...alive.metadata, deletionTimestamp: '2026-11-28T12:00:00Z' } };
const kept = { metadata: { ...alive.metadata, annotations: { 'helm.sh/resource-policy': 'keep' } } };
const anew = { metadata: { name: 'a', uid: 'v' } };

const hook = { ...entry('Pod'), hook: 'Pod/saves' };
const service = [entry('StatefulSet'), entry('Deployment'), entry('ConfigMap'), hook];
const nightly = [entry('CronJob'), entry('ConfigMap'), hook];
const staying = [gadget, ...nightly];

it.each([
  { of: 'all that runs lives on', live: { StatefulSet: alive, Deployment: alive }, isTakenBack: true },
  { of: 'a part of it is gone', live: { Deployment: alive }, isTakenBack: false },
  { of: 'a part of it is going', live: { StatefulSet: going, Deployment: alive }, isTakenBack: false },
  { of: 'somebody made a part anew', live: { StatefulSet: anew, Deployment: alive }, isTakenBack: false },
  { of: 'a part may not be looked at', live: { StatefulSet: 403, Deployment: alive }, isTakenBack: false },
  { of: 'nothing runs by itself', live: { CronJob: alive, ConfigMap: alive }, isTakenBack: true, inventory: nightly },
  { of: 'all that does not run is gone', live: {}, isTakenBack: false, inventory: nightly },
  { of: 'all that runs stays, the rest is gone', live: { Gadget: kept }, isTakenBack: false, inventory: staying },
  {
    of: 'all that runs stays, the rest lives on',
    live: { Gadget: kept, CronJob: alive, ConfigMap: alive },
    isTakenBack: true,
    inventory: staying,
  },
  {
    of: 'what runs and does not stay lives on',
    live: { Gadget: kept, Deployment: alive },
    isTakenBack: true,
    inventory: [gadget, entry('Deployment'), entry('ConfigMap')],
  },
])(
  'a note that what runs has begun to go is taken back where none of it went: $of',
  async ({ live, isTakenBack, inventory = service }) => {
    const written: object[] = [];
    const status = { history: [{ renderRef: 'r' }], removalOf: 'r', inventory };
    const run = {
      record: { status: { state: 'accepted' } },
      installation: { name: 'shop', status },
      context: {
        installations: { write: async (_: string, patch: object) => void written.push(patch) },
        kube: {
          servedAs: async (one: object) => one,
          get: async ({ kind }: { kind: string }) => {
            const found: unknown = Object.entries(live).find(([of]) => of === kind)?.[1];
            if (found === 403) throw new KubeError('cannot get resource', { status: 403, reason: 'Forbidden' });
            return found;
          },
        },
      },
    };
    await takeBackNote(run as unknown as Run, inventory, AbortSignal.timeout(4_000));
    expect(written).toEqual(isTakenBack ? [{ removalOf: null }] : []);
    expect('removalOf' in status).toBe(!isTakenBack);
  },
);
