import { expect, it } from 'vitest';
import { endpointsView } from '../objects/endpoints.ts';
import { podView } from '../objects/pod.ts';
import { targetsOf } from './targets.ts';

const pod = (name: string, status: object) =>
  podView({
    metadata: { name, uid: `u-${name}` },
    spec: { containers: [] },
    status: { phase: 'Running', ...status },
  } as never);
const slice = endpointsView({
  metadata: { labels: { 'kubernetes.io/service-name': 'shop-web' } },
  ports: [{ name: 'http', port: 8080 }],
  endpoints: [
    ...['web-1', 'web-2', 'on-the-node', 'nobody'].map((name) => ({ targetRef: { kind: 'Pod', name } })),
    // What is no pod, whatever address it has.
    { addresses: ['169.254.169.254'] },
  ],
});
const objects = {
  pods: new Map(
    [
      pod('web-1', { podIP: '10.1.0.1', hostIP: '10.0.0.1' }),
      pod('web-2', { podIP: '10.1.0.2', hostIP: '10.0.0.1', phase: 'Pending' }),
      pod('on-the-node', { podIP: '10.0.0.1', hostIP: '10.0.0.1' }),
    ].flatMap((view) => (view ? [[view.name, view] as const] : [])),
  ),
  endpoints: new Map(slice ? [['n/shop-web-x', slice]] : []),
};
const look = (port: string | number) =>
  targetsOf(
    { intervalSeconds: 15, endpoints: [{ name: 'web', service: '${installation}-web', port, collect: ['a'] }] },
    objects,
    'shop',
  );

it('are the running pods behind the Service, each at its own address, and nothing that an EndpointSlice makes up', () => {
  const { targets, problems } = look('http');
  expect(targets).toMatchObject([{ pod: 'web-1', uid: 'u-web-1', ip: '10.1.0.1', port: 8080 }]);
  expect(problems.get('web')).toBe('pod on-the-node has no address of its own');
});

it('may be named by the number at which the pods listen', () => {
  expect(look(9090).targets).toMatchObject([{ ip: '10.1.0.1', port: 9090 }]);
});

it('are none where the Service has no such port', () => {
  expect(look('metrics')).toEqual({ targets: [], problems: new Map([['web', 'the Service has no port "metrics"']]) });
});
