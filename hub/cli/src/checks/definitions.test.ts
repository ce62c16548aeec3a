import { expect, it } from 'vitest';
import { inspect, map } from '../testing/inspected-chart.ts';

it('finds definitions of kinds in the files themselves, for the customer to apply', async () => {
  const crd = (name: string, kind = 'CustomResourceDefinition'): string =>
    `apiVersion: apiextensions.k8s.io/v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec: { group: x }\n`;
  const good = await inspect(() => map, { 'crds/thing.yaml': crd('things.example.com') });
  expect(good.findings.items).toMatchObject([{ severity: 'note', code: 'crd' }]);
  expect(good.inspection.definitions).toMatchObject([{ metadata: { name: 'things.example.com' }, spec: {} }]);
  for (const bad of [crd('operations.steward.dev'), crd('x.apps.k8s.io'), crd('a', 'Secret'), '{'])
    expect((await inspect(() => map, { 'charts/sub/crds/a.yaml': bad })).findings.items[0]).toMatchObject({
      severity: 'error',
      place: { file: 'charts/sub/crds/a.yaml' },
    });
  const large = `${crd('things.example.com')}description: ${'x'.repeat(300_000)}`;
  const { findings, inspection } = await inspect(() => map, { 'crds/thing.yaml': large });
  expect(inspection.definitions).toEqual([]);
  expect(findings.items).toMatchObject([{ severity: 'warning', code: 'crd' }]);
});
