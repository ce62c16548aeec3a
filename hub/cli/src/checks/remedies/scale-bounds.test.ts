import { expect, it } from 'vitest';
import type { RenderRequest } from '../../render/helm.ts';
import { document, inspect } from '../../testing/inspected-chart.ts';

const deployment = (name: string, replicas: string): string =>
  document(
    'web.yaml',
    `apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name} }
spec:
  ${replicas}
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { securityContext: { runAsNonRoot: true }, containers: [{ name: server, image: "acme/web:1" }] }`,
  );

const countOf = ({ values }: RenderRequest): number => Number(values['replicas'] ?? 1);
/** Two workloads, of which one runs twice as many, and one whose count nothing sets. */
const render = (request: RenderRequest): string =>
  deployment(request.releaseName, `replicas: ${countOf(request)}`) +
  deployment(`${request.releaseName}-twice`, `replicas: ${2 * countOf(request)}`) +
  deployment('one', 'paused: false');

async function found(yaml: string): Promise<unknown[]> {
  const { inspection, findings } = await inspect(render, { 'steward.yaml': yaml });
  expect(findings.items.filter(({ severity }) => severity === 'error')).toEqual([]);
  return inspection.scale;
}

const knob = { kind: 'Deployment', knob: 'size' };

it('are those of a knob for each workload whose count it sets', async () => {
  expect(await found('knobs: [{ name: size, path: replicas, minimum: 1, maximum: 3 }]')).toEqual([
    { ...knob, name: '${installation}', minimum: 1, maximum: 3 },
    { ...knob, name: '${installation}-twice', minimum: 2, maximum: 6 },
  ]);
});

it('are the counts at its options, where it has some', async () => {
  const [own] = await found('knobs: [{ name: size, path: replicas, options: [1, 3] }]');
  expect(own).toEqual({ ...knob, name: '${installation}', minimum: 1, maximum: 3, options: [1, 3] });
});

it('are none of a knob that sets no count, and none of a parameter without a knob', async () => {
  expect(await found('parameters: { allow: [replicas, metrics] }')).toEqual([]);
  expect(await found('knobs: [{ name: more, path: metrics, options: ["true", "false"] }]')).toEqual([]);
});

it('tell of a knob that is only turned at installation, and come beside those that the chart names itself', async () => {
  const own = { kind: 'Deployment', name: 'one', minimum: 0, maximum: 9 };
  const fixed = await found(
    `knobs: [{ name: size, path: replicas, minimum: 1, maximum: 3 }]
parameters: { onlyAtInstall: [replicas] }
remedies: { scale: [{ kind: Deployment, name: one, minimum: 0, maximum: 9 }] }`,
  );
  expect(fixed).toMatchObject([own, { onlyAtInstall: true }, { onlyAtInstall: true }]);
});

it.each([
  ['remedies: { scale: [{ kind: Deployment, name: web, minimum: 1, maximum: 2 }] }', 'there is no workload'],
  ['remedies: { scale: [{ kind: Deployment, name: one, minimum: 3, maximum: 2 }] }', 'minimum is above maximum'],
  ['parameters: { onlyAtInstall: [replicas] }', 'replicas cannot be set at installation'],
])('%s is refused: %s', async (yaml, said) => {
  const { findings } = await inspect(render, { 'steward.yaml': yaml });
  expect(findings.items.map(({ message }) => message)).toContainEqual(expect.stringContaining(said));
});
