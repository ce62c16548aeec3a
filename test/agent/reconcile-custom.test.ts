import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { fieldAt, type KindDefinition, type OperationKind } from '@steward/shared';
import type { KubeObject, ResourceRef } from '../../agent/src/kube/client.ts';
import { findVery } from '../../agent/src/reconcile/execute/find-very.ts';
import { waitUntil } from '../support/wait-until.ts';
import { ReconcileFixture, type Published, type RunningAgent } from './reconcile-fixture.ts';

const DEFINITION: ResourceRef = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
};
const NAME = 'gadgets.custom.steward.test';

let fixture: ReconcileFixture;
let agent: RunningAgent;
let first: Published;
let second: Published;
/** Its definition serves another version only. */
let third: Published;

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  await fixture.policy({ rules: { upgrade: 'allow', uninstall: 'allow' } });
  agent = await fixture.start();
  first = await fixture.publish({ chart: 'custom' });
  second = await fixture.publish({
    chart: 'custom',
    version: '1.1.0',
    change: ({ definitions = [] }) => definitions.forEach(addColor),
  });
  third = await fixture.publish({
    chart: 'custom',
    version: '2.0.0',
    change: ({ definitions = [] }) => definitions.forEach(turnToV2),
  });
});
afterAll(async () => {
  await fixture?.admin.remove(DEFINITION, undefined, NAME);
  await agent?.stop();
  await fixture?.close();
});

function addColor(definition: KindDefinition): void {
  const versions = fieldAt(definition, ['spec', 'versions']) as object[];
  const properties = fieldAt(versions[0], ['schema', 'openAPIV3Schema', 'properties', 'spec', 'properties']);
  Object.assign(properties as object, { color: { type: 'string' } });
}

function turnToV2(definition: KindDefinition): void {
  addColor(definition);
  const versions = fieldAt(definition, ['spec', 'versions']) as object[];
  versions.push({ ...versions[0], name: 'v2', storage: false });
  Object.assign(versions[0]!, { served: false });
}

it('kinds of its own come with the grant: waited for by name, extended under what lives, and left behind', async () => {
  const { hub } = fixture;
  const where = fixture.installation();
  const offer = (generation: number, kind: OperationKind, release: Published, parameters: object = {}): string =>
    fixture.offer({ ...where, release, generation, kind, parameters: { ...parameters } });
  const gadgets = (): Promise<string> =>
    fixture.kubectl('get', 'gadgets', '-n', where.name, '-o', 'jsonpath={.items[*].spec}');

  const { definitions: _, ...release } = first.release;
  await fixture.grant(where.name, { ...first, release });
  const install = offer(1, 'install', first);
  const waiting = await hub.reach(install, { phase: 'verify', reason: 'missing-rights' });
  expect(waiting.message).toContain(`does not know kinds that this release brings`);
  expect(waiting.message).toContain(NAME);
  await fixture.grant(where.name, first);
  expect(await hub.end(install)).toMatchObject({ state: 'succeeded' });
  expect(JSON.parse(await gadgets())).toEqual({ size: 1 });

  const early = await hub.end(offer(2, 'upgrade', second, { color: 'red', size: 2 }));
  expect(early).toMatchObject({ state: 'failed', reason: 'apply-refused' });
  expect(early.message).toContain(
    'does not know .spec.color: correct the chart; or, if the release brings the definition, let the customer apply the grant',
  );
  await fixture.grant(where.name, second);
  expect(await hub.end(offer(3, 'upgrade', second, { color: 'red', size: 2 }))).toMatchObject({ state: 'succeeded' });
  expect(JSON.parse(await gadgets())).toEqual({ size: 2, color: 'red' });

  expect(await hub.end(offer(4, 'uninstall', second))).toMatchObject({ state: 'succeeded' });
  expect(await gadgets()).toBe('');
  expect(await fixture.admin.get(DEFINITION, undefined, NAME)).toBeDefined();
});

/** As an operator's aggregated API that has died: the API server answers for it with 503. */
async function killApi(): Promise<() => Promise<unknown>> {
  const api = ['apiservice', 'v1.custom.steward.test'];
  const labels = { 'kube-aggregator.kubernetes.io/automanaged': null };
  const spec = { service: { name: 'nobody', namespace: 'default', port: 443 }, insecureSkipTLSVerify: true };
  await fixture.kubectl('patch', ...api, '--type=merge', '-p', JSON.stringify({ metadata: { labels }, spec }));
  const gadgets = (): Promise<boolean> =>
    fixture.kubectl('get', 'gadgets', '-A').then(
      () => true,
      () => false,
    );
  await waitUntil(async () => !(await gadgets()), { what: 'the API of the gadgets to be dead', timeoutMs: 30_000 });
  // The API server makes it anew for the definition that is there.
  return () => fixture.kubectl('delete', ...api);
}

it('an API that does not answer is told within seconds, with what fails and since when, and goes on when it is back', async () => {
  const { hub } = fixture;
  const where = fixture.installation();
  await fixture.grant(where.name, second);
  const want = { ...where, release: second };
  const install = fixture.offer({ ...want, generation: 1, kind: 'install' });
  expect(await hub.end(install)).toMatchObject({ state: 'succeeded' });

  const revive = await killApi();
  try {
    const upgrade = fixture.offer({ ...want, generation: 2, kind: 'upgrade', parameters: { size: 3 } });
    const waiting = await hub.reach(upgrade, { phase: 'plan', reason: 'api-unavailable' }, 15_000);
    expect(waiting.state).toBe('accepted');
    expect(waiting.message).toMatch(
      /waiting for the API server of the cluster: .*Gadget.* fails, tried \d+ times since 20/,
    );
    expect(await fixture.get('Operation', `op-${upgrade}`)).toMatchObject({
      status: { state: 'accepted', phase: 'plan', message: expect.stringContaining('waiting for the API server') },
    });
    await revive();
    expect(await hub.end(upgrade, 90_000)).toMatchObject({ state: 'succeeded' });
    const said = [...(hub.results.get(upgrade)?.values() ?? [])];
    expect(said.length).toBeLessThan(20);
    expect(hub.contradictions).toEqual([]);
  } finally {
    await revive().catch(() => undefined);
  }
});

it('what was applied in a version that is served no longer lives on in another, and goes with the uninstall', async () => {
  const { hub, admin } = fixture;
  const where = fixture.installation();
  const install = fixture.offer({ ...where, release: second, generation: 1, kind: 'install' });
  await fixture.grant(where.name, second);
  expect(await hub.end(install)).toMatchObject({ state: 'succeeded' });
  await fixture.grant(where.name, third);
  const entry = {
    group: 'custom.steward.test',
    version: 'v1',
    kind: 'Gadget',
    namespace: where.name,
    name: where.name,
  };
  const turned = async (): Promise<ResourceRef | undefined> => {
    const found = await findVery(admin, entry, { signal: AbortSignal.timeout(10_000) });
    return found?.ref.version === 'v2' ? found.ref : undefined;
  };
  const what = 'the gadget to be found in another version';
  const ref = await waitUntil(turned, { what, timeoutMs: 30_000 });
  const gadget = async (): Promise<KubeObject | undefined> => admin.get(ref, where.name, where.name);
  expect(await gadget()).toMatchObject({ metadata: { name: where.name } });
  const uninstall = fixture.offer({ ...where, release: second, generation: 2, kind: 'uninstall' });
  const isGoing = async (): Promise<boolean> => (await gadget())?.metadata.deletionTimestamp !== undefined;
  await waitUntil(async () => (await isGoing()) || (await gadget()) === undefined, { what: 'the gadget to go' });
  // The collector of what depends on it learns of another version only after a while.
  const free = { metadata: { finalizers: null } };
  await admin.mergePatch(ref, where.name, where.name, free).catch(() => undefined);
  expect(await hub.end(uninstall)).toMatchObject({ state: 'succeeded' });
  expect(await gadget()).toBeUndefined();
});
