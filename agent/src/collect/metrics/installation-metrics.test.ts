import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { MetricsLook } from '../../link/link.ts';
import { eventually } from '../../testing/eventually.ts';
import { endpointsView } from '../objects/endpoints.ts';
import { podView } from '../objects/pod.ts';
import { Metrics } from './metrics.ts';

let server: Server;
let answer: (path: string) => { status?: number; body: string } | undefined = () => ({ body: 'jobs 3\nsecret 4\n' });
const asked: string[] = [];

beforeAll(async () => {
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
});

const looks: MetricsLook[] = [];
const installation = { id: 'i', name: 'shop', releaseName: undefined };

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
    objects: () => ({ pods: new Map([['n/web-1', pod]]), endpoints: new Map([['n/s', slice]]) }),
    now: () => new Date(),
    onLook: (look) => looks.push(look),
    onProblems: () => (told += 1),
    timings: { startSpreadMs: 0, intervalMs: 5 },
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
