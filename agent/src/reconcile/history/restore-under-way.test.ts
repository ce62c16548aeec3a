import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { AS_RELEASED, INSTALLATION_LABEL } from '@steward/shared';
import { NamespaceView } from '../../collect/namespace-view.ts';
import type { KubeObject } from '../../kube/client.ts';
import type { HistoryEntry, InstallationStatus } from '../../operations/installation/installation-object.ts';
import type { OperationRecord } from '../../operations/journal/operation-object.ts';
import { FIRST_PUSH } from '../../testing/desired-state.ts';
import { RENDER_REF, TestQueue } from '../../testing/test-queue.ts';
import type { ReleaseSet } from '../render/release-set.ts';
import { readOrRestore } from './restore-status.ts';
import { settle } from './settle.ts';

const { namespace } = FIRST_PUSH;
const UPGRADE = { ...FIRST_PUSH, generation: 3, operation: { ...FIRST_PUSH.operation, kind: 'upgrade' } } as const;
/** Of generation 1; what is under way has the other one. */
const OLD_REF = RENDER_REF.replace('-g1', '-older');
const at = '2026-01-01T00:00:00Z';
const FAR = '2100-01-01T00:00:00Z';
const good: HistoryEntry = {
  generation: 2,
  version: '0.9.0',
  releaseDigest: 'r',
  parametersDigest: 'p',
  renderRef: OLD_REF,
  setGeneration: 1,
  runState: { ...AS_RELEASED, stopped: true },
  at,
};

let world: TestQueue;

beforeEach(async () => {
  world = await TestQueue.start();
  vi.spyOn(world.context.kube, 'missingAccess').mockResolvedValue([]);
});
afterEach(() => world.stop());

function object(name: string): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace } };
}

/** Sets of the one that is under way, and of the good one before it; of both all lives. Then somebody deletes the Installation. */
async function deleted(record: OperationRecord, older: readonly string[]): Promise<void> {
  const { context, server } = world;
  const { meta } = await context.renders.load(RENDER_REF);
  const setOf = (names: readonly string[]): ReleaseSet => ({ meta, objects: names.map(object), hooks: [] });
  const [now, before] = [setOf(['shop', 'worker']), setOf(older)];
  context.renders.load = async (reference) => (reference === OLD_REF ? before : now);
  context.renders.find = async (_, generation) => {
    if (generation === record.spec.generation) return { reference: RENDER_REF, set: now };
    return older.length > 0 && generation === 1 ? { reference: OLD_REF, set: before } : undefined;
  };
  for (const name of ['shop', 'worker', ...older]) {
    const labels = { [INSTALLATION_LABEL]: 'shop' };
    server.put(pathOf(name), { ...object(name), metadata: { name, namespace, uid: `uid-${name}`, labels } });
  }
  await context.journal.note(record, {
    hooks: [{ event: 'pre-upgrade', hook: 'Job/migrate', name: 'migrate-1', state: 'succeeded', at }],
  });
  world.deleteInstallation();
}

function pathOf(name: string): string {
  return `/api/v1/namespaces/${namespace}/configmaps/${name}`;
}

async function restored(record: OperationRecord): Promise<InstallationStatus> {
  const { generation: before } = record.spec;
  return (await readOrRestore(world.context, 'shop', { before, record, signal: world.signal })).status;
}

function names({ inventory }: Pick<InstallationStatus, 'inventory'>): string[] {
  return inventory.map(({ name }) => name);
}

it('knows what a first install has made, and that it was never whole', async () => {
  const record = await world.underWay(FIRST_PUSH, 'roll-out');
  await deleted(record, []);
  const status = await restored(record);
  expect(names(status)).toEqual(['shop', 'worker']);
  expect(status).toMatchObject({ state: 'pending', history: [], observedGeneration: 0 });
});

it('knows what an upgrade has made beside what ran before, and which of its hooks cannot be undone', async () => {
  const record = await world.underWay(UPGRADE, 'roll-out');
  await deleted(record, ['shop', 'cache']);
  const status = await restored(record);
  expect(names(status)).toEqual(['shop', 'worker', 'cache']);
  expect(status).toMatchObject({
    history: [{ generation: 1 }],
    pointOfNoReturn: { generation: 3, hooks: 'Job/migrate (pre-upgrade)' },
  });
});

it('knows of what has not begun to change anything no more than the sets before tell', async () => {
  const record = await world.underWay(UPGRADE, 'roll-out');
  await deleted(record, ['shop', 'cache']);
  const { status } = record;
  expect(names(await restored({ ...record, status: { ...status, state: 'accepted' } }))).toEqual(['shop', 'cache']);
});

it('goes back to a generation that only changed how it runs, as that ran, and takes away what came since', async () => {
  const record = await world.underWay(UPGRADE, 'roll-back');
  await world.context.journal.note(record, {
    wayBack: { reason: 'rollout-deadline', message: 'not ready', generation: 2, good, deadlineAt: FAR },
  });
  await deleted(record, ['shop']);
  const view = new NamespaceView({ ...world.context, namespace, onChange: () => {} });
  view.subscribe = () => () => {};
  Object.assign(world.context, {
    monitors: { watch: () => ({ view, own: { claims: new Map() } }), refresh: () => {} },
  });
  await world.runAll();
  expect(world.sent.at(-1)).toMatchObject({ state: 'rolled-back' });
  expect(world.installation).toMatchObject({ state: 'rolled-back', observedGeneration: 2, history: [good] });
  expect(world.server.object(pathOf('worker'))).toBeUndefined();
});

it('finds what it goes back to also where its set is further back than is looked', async () => {
  const want = { ...UPGRADE, generation: 47 };
  const record = await world.underWay(want, 'roll-back');
  const wayBack = { reason: 'rollout-deadline', message: 'not ready', generation: 46, deadlineAt: FAR } as const;
  await world.context.journal.note(record, { wayBack: { ...wayBack, good: { ...good, generation: 46 } } });
  await deleted(record, ['shop', 'cache']);
  const status = await restored(record);
  expect(status).toMatchObject({ history: [{ generation: 46, runState: { stopped: true } }], observedGeneration: 46 });
  expect(names(status)).toEqual(['shop', 'worker', 'cache']);
});

it.each([0, 3])(
  'takes what is under way for no good generation where a backup left the object blank, but for %s',
  async (generation) => {
    const record = await world.underWay(UPGRADE, 'roll-out');
    await deleted(record, ['shop', 'cache']);
    world.putBlank();
    await world.context.installations.load();
    if (generation > 0) await world.context.installations.write('shop', { generation });
    vi.spyOn(world.context.journal, 'isRestored').mockReturnValue(true);
    await settle(world.context, 'shop', world.signal);
    const { status } = await world.context.installations.read('shop');
    expect(status).toMatchObject({ history: [{ generation: 1 }], observedGeneration: 1 });
    expect(names(status)).toEqual(['shop', 'worker', 'cache']);
  },
);

it('knows what an uninstall is to remove, where somebody put the object back blank when that had begun', async () => {
  const record = await world.underWay({ ...FIRST_PUSH, generation: 2 }, 'apply');
  await deleted(record, ['shop', 'cache']);
  world.putBlank();
  await world.context.installations.load();
  const { id: operation } = record.spec;
  await world.context.installations.write('shop', { underWay: { operation, generation: 2 } });
  const found = await readOrRestore(world.context, 'shop', { before: 2, signal: world.signal });
  expect(names(found.status)).toEqual(['shop', 'cache']);
});
