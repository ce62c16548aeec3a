import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { fieldAt, type OperationKind } from '@steward/shared';
import type { KubeObject, ResourceRef } from '../../agent/src/kube/client.ts';
import type { ResultRecord } from '../../agent/src/link/link.ts';
import { chartFolder } from '../charts/pack.ts';
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
let custom: Published;
let definition: KubeObject;

beforeAll(async () => {
  fixture = await ReconcileFixture.create(inject('kubeconfig'));
  await fixture.policy({ rules: { upgrade: 'allow', uninstall: 'allow' } });
  agent = await fixture.start();
  custom = await fixture.publish({ chart: 'custom' });
  definition = parse(await readFile(join(chartFolder('custom'), 'crds/gadgets.yaml'), 'utf8')) as KubeObject;
});
afterAll(async () => {
  await fixture?.admin.remove(DEFINITION, undefined, NAME);
  await agent?.stop();
  await fixture?.close();
});

/** What the customer does: applies the definition, and waits until the API server keeps that field of a gadget. */
async function define(namespace: string, spec: object): Promise<void> {
  const properties = { size: { type: 'integer' }, ...('color' in spec ? { color: { type: 'string' } } : {}) };
  const other = structuredClone(definition);
  const schema = fieldAt(other, ['spec', 'versions', '0', 'schema', 'openAPIV3Schema', 'properties']) as
    | { spec: object }
    | undefined;
  if (schema) schema.spec = { type: 'object', properties };
  await fixture.apply([other]);
  const gadget: KubeObject = {
    apiVersion: 'custom.steward.test/v1',
    kind: 'Gadget',
    metadata: { name: 'tried', namespace },
    spec,
  };
  const tried = async (): Promise<boolean> => {
    const answer = await fixture.admin.apply(gadget, { fieldManager: 'customer', dryRun: true });
    return JSON.stringify(answer['spec']) === JSON.stringify(spec);
  };
  await waitUntil(() => tried().catch(() => false), { what: 'the definition to count', timeoutMs: 20_000 });
}

it('kinds of its own are the customer’s: waited for by name, extended under what lives, and left behind', async () => {
  const where = fixture.installation();
  await fixture.grant(where.name, custom);
  let generation = 0;
  const push = (kind: OperationKind, parameters: object = {}): Promise<ResultRecord> => {
    generation += 1;
    return fixture.hub.end(
      fixture.offer({ ...where, release: custom, generation, kind, parameters: { ...parameters } }),
    );
  };
  const gadgets = (): Promise<string> =>
    fixture.kubectl('get', 'gadgets', '-n', where.name, '-o', 'jsonpath={.items[*].spec}');

  const early = await push('install');
  expect(early).toMatchObject({ state: 'failed', reason: 'kind-not-permitted' });
  expect(early.message).toContain(`Gadget/${where.name}`);
  expect(early.message).toContain('must apply its CustomResourceDefinition first');

  await define(where.name, { size: 1 });
  expect(await push('install')).toMatchObject({ state: 'succeeded' });
  expect(JSON.parse(await gadgets())).toEqual({ size: 1 });

  await define(where.name, { size: 1, color: 'red' });
  expect(await push('upgrade', { color: 'red', size: 2 })).toMatchObject({ state: 'succeeded' });
  expect(JSON.parse(await gadgets())).toEqual({ size: 2, color: 'red' });

  expect(await push('uninstall')).toMatchObject({ state: 'succeeded' });
  expect(await gadgets()).toBe('');
  expect(await fixture.admin.get(DEFINITION, undefined, NAME)).toBeDefined();
});
