import type { LatestMetrics, MetricRange } from '@steward/shared';
import { afterEach, expect, it } from 'vitest';
import { metricsLines } from '../catalog/release-lines.ts';
import { runSteward } from '../program/program.ts';
import { ids, installation } from '../testing/fleet.ts';
import { startTestHub, type TestHub } from '../testing/test-hub.ts';
import { testTerminal } from '../testing/test-terminal.ts';
import { labelsText, numberText, spark } from './series-text.ts';

let hub: TestHub | undefined;
afterEach(async () => {
  await hub?.stop();
  hub = undefined;
});

const latest: LatestMetrics = {
  at: '2026-11-21T12:00:00.000Z',
  series: [
    { name: 'connections', labels: { pod: 'nats-0', endpoint: 'server' }, value: 1.23456 },
    { name: 'up', labels: { pod: 'nats-0' }, value: null },
  ],
};
const range: MetricRange = {
  name: 'connections',
  from: '2026-11-21T11:00:00.000Z',
  to: '2026-11-21T12:00:00.000Z',
  stepSeconds: 900,
  series: [{ labels: { pod: 'nats-0' }, values: [1, null, 8, 4] }],
  leftOut: 3,
};

async function steward(line: string, answers: { latest?: LatestMetrics; range?: MetricRange } = {}) {
  hub = await startTestHub({
    'GET /installations': () => ({ items: [installation()] }),
    [`GET /installations/${ids.installation}/metrics`]: () => answers.latest ?? latest,
    [`GET /installations/${ids.installation}/metrics/range`]: () => answers.range ?? range,
  });
  const terminal = testTerminal({ env: { STEWARD_URL: hub.url, STEWARD_TOKEN: 't' } });
  const code = await runSteward(line.split(' '), terminal);
  return { code, terminal, query: hub.requests.at(-1)?.query };
}

it('lists what there is with its latest value', async () => {
  const { code, terminal } = await steward('metrics nats');
  expect(code).toBe(0);
  expect(terminal.stdout()).toMatch(/^METRIC +SERIES +VALUE\nconnections +endpoint="server", pod="nats-0" +1\.235\n/);
  expect(terminal.stdout()).toMatch(/up +pod="nats-0" +-\n/);
});

it('shows the course of one metric, and says what was left out', async () => {
  const { terminal, query } = await steward('metrics nats connections --since 1h');
  expect(terminal.stdout()).toMatch(/pod="nats-0" +1 +8 +4 +▁ █▄\n/);
  expect(terminal.stderr()).toContain('3 more series were left out');
  expect(query?.get('name')).toBe('connections');
  expect(query?.get('stepSeconds')).toBe('60');
  expect(Date.parse(query?.get('to') ?? '') - Date.parse(query?.get('from') ?? '')).toBe(3_600_000);
});

it('asks for the step that was given, and gives the answer of the API as it is', async () => {
  const { terminal, query } = await steward('metrics nats connections --since 1d --step 5m --output json');
  expect(query?.get('stepSeconds')).toBe('300');
  expect(JSON.parse(terminal.stdout())).toEqual(range);
});

it('says where metrics are declared when there are none', async () => {
  const { terminal } = await steward('metrics nats', { latest: { series: [] } });
  expect(terminal.stderr()).toContain('docs/package-a-service.md');
});

it('writes labels, numbers and courses', () => {
  expect(labelsText({ b: 'x"y', a: '1' })).toBe(String.raw`a="1", b="x\"y"`);
  expect([1234567, 0.000123456, null].map(numberText)).toEqual(['1234567', '0.0001235', '-']);
  expect([spark([5, 5, null, 5]), spark([]), spark([null, 0, 7])]).toEqual(['▁▁ ▁', '', ' ▁█']);
});

it('says in words what a release sends', () => {
  const endpoint = { name: 'web', service: '${installation}', port: 'http', collect: ['jobs', 'up_total'] };
  const lines = metricsLines({ metrics: { intervalSeconds: 30, resources: true, endpoints: [endpoint] } });
  expect(lines).toEqual(['CPU and memory of each pod', '${installation}:http/metrics: jobs, up_total', 'every 30 s']);
  expect(metricsLines({})).toEqual([]);
});
