import { RELEASE_PAYLOAD_TYPE } from '@steward/shared';
import { afterEach, expect, it } from 'vitest';
import { ids, installation, operation } from '../testing/fleet.ts';
import { startTestHub, type TestHub, type TestRoute } from '../testing/test-hub.ts';
import { testTerminal, type TestTerminal } from '../testing/test-terminal.ts';
import { runSteward } from '../program/program.ts';

let hub: TestHub | undefined;
afterEach(async () => {
  await hub?.stop();
  hub = undefined;
});

const workloads = [{ kind: 'StatefulSet', name: 'nats', health: 'healthy' as const, ready: 3, wanted: 3 }];
const knob = { name: 'redundancy', title: 'Servers', path: 'redundancy', options: ['1', '3'] };
const cpu = { minimum: '100m', maximum: '2' };
const memory = { minimum: '64Mi', maximum: '1Gi' };
const release = {
  kind: 'steward.dev/release/v1',
  service: 'nats',
  version: '2.14.9',
  counter: 1,
  createdAt: '2026-11-21T12:00:00Z',
  chart: { name: 'nats', version: '1', digest: `sha256:${'a'.repeat(64)}`, bytes: 1 },
  images: [],
  parameters: { properties: { redundancy: { type: 'integer' } } },
  basicParameters: [],
  permissions: [
    {
      apiGroup: 'autoscaling',
      apiVersion: 'v2',
      kind: 'HorizontalPodAutoscaler',
      resource: 'horizontalpodautoscalers',
      verbs: ['get', 'create', 'patch', 'delete'],
      reason: 'to scale by load',
    },
  ],
  exceptions: {},
  knobs: [knob],
  remedies: {
    resize: [{ kind: 'StatefulSet', name: '${installation}', container: 'nats', cpu, memory }],
    autoscale: [{ kind: 'StatefulSet', name: '${installation}', minimum: 2, maximum: 9 }],
  },
  upgrade: { deadlineSeconds: 60, settleSeconds: 0 },
  display: { name: 'NATS' },
  minimumAgentVersion: '0.1.0',
  kubernetes: '>=1.31',
};
const digest = `sha256:${'b'.repeat(64)}`;
const details = {
  service: 'nats',
  version: '2.14.9',
  digest,
  chartDigest: digest,
  signedBy: digest,
  counter: 1,
  createdAt: '2026-11-21T12:00:00Z',
  publishedAt: '2026-11-21T12:00:00Z',
  release,
  envelope: {
    payloadType: RELEASE_PAYLOAD_TYPE,
    payload: '',
    signatures: [{ keyid: digest, sig: '' }],
  },
};

const steward = (line: string, routes?: Record<string, TestRoute>) => stewardWith(line.split(' '), routes);

async function stewardWith(
  words: string[],
  routes: Record<string, TestRoute> = {},
): Promise<{ code: number; terminal: TestTerminal; sent: unknown }> {
  hub = await startTestHub({
    'GET /installations': () => ({ items: [installation({ generation: 4, parameters: { a: 1 }, workloads })] }),
    'GET /services/nats/releases/2.14.9': () => details,
    [`POST /installations/${ids.installation}/operations`]: () => operation({ kind: 'stop', state: 'queued' }),
    ...routes,
  });
  const terminal = testTerminal({ env: { STEWARD_URL: hub.url, STEWARD_TOKEN: 'secret-token' } });
  const code = await runSteward(words, terminal);
  const post = hub.requests.find(({ method }) => method === 'POST');
  return { code, terminal, sent: post && JSON.parse(post.body.toString()) };
}

it.each([
  ['restart nats --reason slow', { kind: 'restart', reason: 'slow' }],
  ['stop nats --yes', { kind: 'stop' }],
  ['start nats --not-after 1h', { kind: 'start', notAfterSeconds: 3600 }],
  ['scale nats nats=5', { kind: 'scale', replicas: { 'StatefulSet/nats': 5 } }],
  ['scale nats nats=default', { kind: 'scale', replicas: { 'StatefulSet/nats': null } }],
  ['set nats redundancy=3', { kind: 'upgrade', parameters: { a: 1, redundancy: 3 } }],
  [
    'resize nats nats --memory-request 128Mi --memory-limit 1Gi',
    { kind: 'resize', resources: { 'StatefulSet/nats/nats': { memoryRequest: '128Mi', memoryLimit: '1Gi' } } },
  ],
  [
    'resize nats nats/nats --cpu-limit 500m',
    { kind: 'resize', resources: { 'StatefulSet/nats/nats': { cpuLimit: '500m' } } },
  ],
  [
    'autoscale nats nats --min 2 --max 5',
    { kind: 'autoscale', autoscale: { 'StatefulSet/nats': { minimum: 2, maximum: 5, cpuPercent: 70 } } },
  ],
  ['schedule nats --off', { kind: 'schedule', schedule: null }],
  ['autoscale nats StatefulSet/nats --off', { kind: 'autoscale', autoscale: { 'StatefulSet/nats': null } }],
  ['resize nats nats --default', { kind: 'resize', resources: { 'StatefulSet/nats/nats': null } }],
])('%s is sent with the generation that was seen', async (line, body) => {
  const { code, sent } = await steward(line);
  expect(sent).toEqual({ ...body, expectedGeneration: 4 });
  expect(code).toBe(0);
});

const afterRollBack = {
  'GET /installations': () => ({
    items: [
      installation({
        generation: 5,
        version: '2.16.0',
        parameters: { a: 2 },
        inEffect: { version: '2.14.9', parameters: { a: 1 } },
      }),
    ],
  }),
};

it.each([
  ['set nats redundancy=3', { version: '2.14.9', parameters: { a: 1, redundancy: 3 } }],
  ['upgrade nats --version 2.16.1 --set b=1', { version: '2.16.1', parameters: { a: 1, b: 1 } }],
])('%s goes on from what runs when what is wanted came to nothing', async (line, body) => {
  const { code, sent } = await steward(line, afterRollBack);
  expect(sent).toEqual({ kind: 'upgrade', ...body, expectedGeneration: 5 });
  expect(code).toBe(0);
});

it('shows the knobs and parameters of what runs when what is wanted came to nothing', async () => {
  const { terminal } = await steward('installation show nats', afterRollBack);
  expect(terminal.stdout()).toMatch(/redundancy = [^]*a: 1/);
});

it('answers with what the API said for programs', async () => {
  const { terminal } = await steward('stop nats --yes --output json');
  expect(JSON.parse(terminal.stdout())).toMatchObject({ id: ids.operation, kind: 'stop' });
});

it('names what was started without a version, which a remedy does not change', async () => {
  const { terminal } = await steward('stop nats --yes');
  expect(terminal.stdout()).toContain(`stop of nats started: ${ids.operation}`);
});

it('stops nothing without a yes', async () => {
  const { code, sent } = await steward('stop nats');
  expect([code, sent]).toEqual([2, undefined]);
});

it.each([
  ['scale nats ntas=5', 'Of nats can be scaled: StatefulSet/nats'],
  ['scale nats', 'missing required argument'],
  ['set nats size=5', 'redundancy = as the chart says (1, 3): Servers'],
  ['set nats redundancy=2', 'redundancy takes 1, 3, not 2'],
  ['resize nats nats', 'Give --cpu-request, --cpu-limit, --memory-request, --memory-limit or --default.'],
  ['resize nats nats --cpu-limit 4', 'CPU limit 4 of StatefulSet/nats/nats is not offered'],
  ['resize nats web --cpu-limit 1', 'It offers: StatefulSet/nats/nats: CPU 100m to 2, memory 64Mi to 1Gi'],
  ['schedule nats --time-zone UTC', 'Give --stop'],
  ['schedule nats --off --time-zone UTC', 'no windows go with it'],
  ['autoscale nats nats --min 2', 'Give --min and --max (and --cpu), or --off.'],
  ['autoscale nats nats --min 2 --max 10', 'StatefulSet/nats: 2 to 9 pods'],
  ['autoscale nats nats --min 0 --max 2', 'a whole number from 1'],
  ['autoscale nats nats --off --max 2', 'no bounds go with it'],
  ['resize nats nats --default --cpu-limit 1', 'no amount goes with it'],
])('%s is wrong use, and says what would be right', async (line, said) => {
  const { code, terminal, sent } = await steward(line);
  expect([code, sent]).toEqual([2, undefined]);
  expect(terminal.stderr()).toContain(said);
});

it('schedules by windows and a place, and refuses a place that is not known before it asks', async () => {
  const line = ['schedule', 'nats', '--stop', 'mon-tue 20:00-06:00', '--time-zone'];
  const run = async (place: string) => {
    await hub?.stop();
    const { terminal: _, ...rest } = await stewardWith([...line, place]);
    return rest;
  };
  const stop = [{ days: ['mon', 'tue'], from: '20:00', to: '06:00' }];
  const sent = { kind: 'schedule', schedule: { timeZone: 'Europe/Berlin', stop }, expectedGeneration: 4 };
  expect(await run('Europe/Berlin')).toEqual({ code: 0, sent });
  expect(await run('Europe/Atlantis')).toEqual({ code: 2, sent: undefined });
});

it('autoscales on from the bounds there are, when only some are given', async () => {
  const autoscale = { 'StatefulSet/nats': { minimum: 2, maximum: 5, cpuPercent: 60 } };
  const { sent } = await steward('autoscale nats nats --max 7', {
    'GET /installations': () => ({
      items: [installation({ runState: { stopped: false, replicas: {}, autoscale }, workloads })],
    }),
  });
  expect(sent).toMatchObject({ autoscale: { 'StatefulSet/nats': { minimum: 2, maximum: 7, cpuPercent: 60 } } });
});

it('shows what is kept and the knobs with what they are at', async () => {
  const runState = { stopped: true, replicas: { 'StatefulSet/nats': 5 } };
  const { terminal } = await steward('installation show nats', {
    'GET /installations': () => ({ items: [installation({ runState, workloads })] }),
  });
  expect(terminal.stdout()).toContain('stopped, StatefulSet/nats at 5 pods');
  expect(terminal.stdout()).toContain('redundancy = as the chart says (1, 3): Servers');
  expect(terminal.stdout()).toContain('StatefulSet/nats/nats: CPU 100m to 2, memory 64Mi to 1Gi');
  expect(terminal.stdout()).toContain('StatefulSet/nats: 2 to 9 pods');
});

it('shows where it is reached, what it can go back to, and which counts and knobs hold', async () => {
  const endpoints = [
    { service: 'nats', port: 4222, name: 'nats' },
    { service: 'out', port: 53, protocol: 'UDP', type: 'LoadBalancer' },
  ];
  const kept = [{ generation: 3, version: '2.14.8' }];
  const scale = [{ kind: 'StatefulSet', name: '${installation}', minimum: 1, maximum: 3, knob: 'redundancy' }];
  const fixed = { ...release, remedies: { ...release.remedies, scale }, onlyAtInstall: ['redundancy'] };
  const { terminal } = await steward('installation show nats', {
    'GET /installations': () => ({ items: [installation({ namespace: 'mq', endpoints, kept })] }),
    'GET /services/nats/releases/2.14.9': () => ({ ...details, release: fixed }),
  });
  const shown = terminal.stdout();
  expect(shown).toContain(
    'Reached in its cluster at:\n  nats.mq.svc:4222 (nats)\n  out.mq.svc:53 (UDP, LoadBalancer)\n',
  );
  expect(shown).toContain('Can go back to (steward rollback --to-generation):\n  3: 2.14.8\n');
  expect(shown).toContain('StatefulSet/nats: 1 to 3 pods (knob redundancy)');
  expect(shown).toContain('redundancy = as the chart says (1, 3, only at installation): Servers');
});

it.each([
  [{ state: 'failed', observedGeneration: 5 }, 'not certain'],
  [{ state: 'failed', observedGeneration: 0 }, 'nothing yet'],
] as const)('shows of %o that what runs is %s', async (rest, said) => {
  const { runningVersion: _none, ...plain } = installation({ ...rest, message: 'Going back to generation 5 failed' });
  const { terminal } = await steward('installation show nats', { 'GET /installations': () => ({ items: [plain] }) });
  expect(terminal.stdout()).toMatch(new RegExp(`Runs: +${said}\n`));
});
