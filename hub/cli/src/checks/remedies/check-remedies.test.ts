import { expect, it } from 'vitest';
import { document, inspect, type Inspected } from '../../testing/inspected-chart.ts';

const render = ({ releaseName }: { releaseName: string }): string =>
  document(
    'web.yaml',
    `apiVersion: apps/v1
kind: Deployment
metadata: { name: ${releaseName} }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { securityContext: { runAsNonRoot: true }, containers: [{ name: server, image: "acme/web:1" }] }`,
  );

async function problemsOf(...offers: string[]): Promise<string[]> {
  const list = offers.map((offer) => `    - { kind: Deployment, ${offer} }\n`).join('');
  const { findings } = await inspect(render, { 'steward.yaml': `remedies:\n  resize:\n${list}` });
  const told = findings.items.filter(({ severity }) => severity === 'error');
  return told.map(({ code, message }) => `${code}: ${message}`);
}

it('asks for the right to make autoscalers only where one is offered, and for none that the chart has itself', async () => {
  const offer = (name: string): Record<string, string> => ({
    'steward.yaml': `remedies:\n  autoscale:\n    - { kind: Deployment, name: "${name}", minimum: 1, maximum: 4 }\n`,
  });
  const scalers = ({ inspection }: Inspected): unknown[] =>
    inspection.permissions.filter(({ kind }) => kind === 'HorizontalPodAutoscaler').map(({ verbs }) => verbs);
  const offering = await inspect(render, offer('${installation}'));
  expect([offering.findings.hasErrors, scalers(offering)]).toEqual([
    false,
    [['get', 'list', 'watch', 'create', 'patch', 'delete']],
  ]);
  expect(scalers(await inspect(render))).toEqual([]);
  const own = document(
    'hpa.yaml',
    `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: web }
spec: { scaleTargetRef: { kind: Deployment, name: qx7inst }, maxReplicas: 3 }`,
  );
  const both = await inspect((request) => render(request) + own, offer('${installation}'));
  expect(both.findings.items.map(({ message }) => message)).toContainEqual(
    expect.stringContaining('the chart has an autoscaler for it'),
  );
  expect((await inspect(render, offer('web'))).findings.items).toMatchObject([
    {},
    { code: 'remedy', message: 'there is no workload Deployment/web' },
  ]);
});

const server = 'name: "${installation}", container: server';

it('takes an offer for a container that the chart makes', async () => {
  expect(await problemsOf(`${server}, memory: { minimum: 64Mi, maximum: 1Gi }`)).toEqual([]);
});

it.each([
  [`name: web, container: server, cpu: { minimum: 1m, maximum: "1" }`, /there is no container Deployment\/web\/server/],
  [`${server}, cpu: { minimum: "2", maximum: 500m }`, /minimum is above maximum/],
  [server, /neither cpu nor memory/],
])('refuses %s', async (offer, said) => {
  expect(await problemsOf(offer)).toEqual([expect.stringMatching(said)]);
});

it('refuses two offers for one container, since only one of them would count', async () => {
  const offer = `${server}, cpu: { minimum: 1m, maximum: "1" }`;
  expect(await problemsOf(offer, offer)).toEqual([expect.stringMatching(/remedy: .* is offered twice/)]);
});
