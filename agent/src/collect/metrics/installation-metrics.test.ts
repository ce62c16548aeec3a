import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { MetricsLook } from '../../link/link.ts';
import { FakeApiServer, status } from '../../testing/fake-api-server.ts';
import { eventually } from '../../testing/eventually.ts';
import { endpointsView } from '../objects/endpoints.ts';
import { podView } from '../objects/pod.ts';
import { Metrics } from './metrics.ts';

let server: Server;
let answer: (path: string) => { status?: number; body: string } | undefined = () => ({ body: 'jobs 3\nsecret 4\n' });
const asked: string[] = [];

beforeAll(async () => {
  await kube.start();
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const given = answer(request.url ?? '');
    if (given) response.writeHead(given.status ?? 200, { location: 'http://127.0.0.1:1/' }).end(given.body);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  return kube.stop();
});

const looks: MetricsLook[] = [];
const installation = { id: 'i', name: 'shop', namespace: 'shop', releaseName: undefined };
const kube = new FakeApiServer();

function start() {
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const pod = podView({
    metadata: { name: 'web-1', uid: 'u' },
    spec: { containers: [] },
    status: { phase: 'Running', podIP: '127.0.0.1', hostIP: '10.0.0.1' },
  } as never);
  const slice = endpointsView({
    metadata: { labels: { 'kubernetes.io/service-name': 'shop' } },
    endpoints: [{ targetRef: { kind: 'Pod', name: 'web-1' } }],
  });
  if (!pod || !slice) throw new Error('not read');
  let told = 0;
  const metrics = new Metrics({
    kube: kube.client(),
    objects: () => ({ pods: new Map([['n/web-1', pod]]), endpoints: new Map([['n/s', slice]]) }),
    now: () => new Date(),
    onLook: (look) => looks.push(look),
    onProblems: () => (told += 1),
    looks: { startSpreadMs: 0, intervalMs: 5 },
  });
  const declared = {
    intervalSeconds: 15,
    endpoints: [{ name: 'web', service: '${installation}', port, collect: ['jobs'] }],
  };
  return { metrics, declared, told: () => told };
}

it('asks the pods for what the release names, tells it, and stops when the release names nothing', async () => {
  const { metrics, declared } = start();
  metrics.follow({ ...installation, metrics: declared });
  const labels = { endpoint: 'web', pod: 'web-1' };
  await eventually(() =>
    expect(looks[0]).toMatchObject({
      installationId: 'i',
      series: [
        ['jobs', labels],
        ['up', labels],
      ],
      values: [3, 1],
    }),
  );
  expect(asked[0]).toBe('/metrics');
  metrics.follow({ ...installation, metrics: undefined });
  const count = looks.length;
  // The next would be due by now: the server is asked by nobody else.
  await fetch(`http://127.0.0.1:${declared.endpoints[0]?.port}/last`);
  expect(looks.length).toBe(count);
});

it.each([
  ['a refusal', () => ({ status: 404, body: '' }), 'it answered 404'],
  ['a way to elsewhere, which it does not take', () => ({ status: 302, body: '' }), 'it answered 302'],
  ['something else', () => ({ body: '<html>' }), "line 1 is not in Prometheus' text format"],
  ['too much', () => ({ body: '#'.repeat(600_000) }), 'its answer is larger than 512 KiB'],
])('says what is wrong for %s, once it is so again, until it is well', async (_what, wrong, words) => {
  const { metrics, declared, told } = start();
  answer = wrong;
  metrics.follow({ ...installation, metrics: declared });
  await eventually(() =>
    expect(metrics.problems('shop')).toMatchObject([
      { code: 'MetricsUnavailable', object: 'Service/shop', message: expect.stringContaining(words) },
    ]),
  );
  answer = () => ({ body: 'jobs 1' });
  await eventually(() => expect(metrics.problems('shop')).toEqual([]));
  expect(told()).toBe(2);
  metrics.stop();
});

const usage = (cpu: string, memory: string) => ({ usage: { cpu, memory } });

it('measures CPU and memory of the pods where the cluster can, and where it cannot says so without asking on and on', async () => {
  const { metrics } = start();
  const declared = { intervalSeconds: 15, resources: true, endpoints: [] };
  let isThere = false;
  kube.seen.length = 0;
  kube.intercept = () =>
    isThere
      ? {
          status: 200,
          body: {
            kind: 'PodMetricsList',
            metadata: {},
            items: [
              { metadata: { name: 'web-1' }, containers: [usage('12500000n', '64Mi'), usage('5m', '1Ki')] },
              { metadata: { name: 'of-no-pod-we-know' }, containers: [] },
            ],
          },
        }
      : status(404, 'NotFound', 'the server could not find the requested resource');
  looks.length = 0;
  metrics.follow({ ...installation, metrics: declared });
  await eventually(() =>
    expect(metrics.problems('shop')).toEqual([
      {
        code: 'MetricsUnavailable',
        object: 'Namespace/shop',
        message: 'no CPU and memory of the pods: this cluster has no metrics API (metrics-server brings it)',
      },
    ]),
  );
  expect(looks).toEqual([]);
  expect(kube.seen.map(({ path }) => path)).toEqual(['/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods']);
  metrics.follow({ ...installation, metrics: undefined });
  isThere = true;
  metrics.follow({ ...installation, metrics: declared });
  await eventually(() =>
    expect(looks.at(-1)).toMatchObject({
      series: [
        ['pod_cpu_cores', { pod: 'web-1' }],
        ['pod_memory_bytes', { pod: 'web-1' }],
      ],
      values: [0.0175, 64 * 1024 * 1024 + 1024],
    }),
  );
  metrics.stop();
});
