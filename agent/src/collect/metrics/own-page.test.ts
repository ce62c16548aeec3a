import { expect, it } from 'vitest';
import { agentEntries, expositionOf, installationEntries } from './own-page.ts';
import { parseExposition } from './exposition.ts';

const installation = {
  name: 'shop',
  namespace: 'shop-prod',
  service: 'shop',
  health: 'degraded' as const,
  look: {
    installationId: 'i',
    table: 't',
    t0: '',
    series: [
      ['jobs', { queue: 'a "b"\n\\', pod: 'web-1', namespace: 'mine' }],
      ['up', { pod: 'web-1' }],
    ] as [string, Record<string, string>][],
    values: [Number.NaN, 1],
  },
};

it('tells the agent, the health of installations and what their pods told, in a format that Prometheus reads', () => {
  const other = { ...installation, name: 'other', health: undefined };
  const page = expositionOf([
    ...agentEntries(true),
    ...installationEntries(installation),
    ...installationEntries(other),
  ]);
  expect(page).toContain('# TYPE steward_agent_connected gauge\nsteward_agent_connected 1\n');
  expect(page).toContain(
    'steward_installation_health{installation="shop",namespace="shop-prod",service="shop",state="degraded"} 1\n',
  );
  expect(page).not.toContain('installation="other",namespace="shop-prod",service');
  const read = parseExposition(page, new Set(['jobs', 'steward_endpoint_up', 'steward_installation_health']));
  if (!read.ok) throw new Error(read.error);
  expect(read.value).toContainEqual({
    name: 'jobs',
    labels: {
      queue: 'a "b"\n\\',
      pod: 'web-1',
      exported_namespace: 'mine',
      installation: 'shop',
      namespace: 'shop-prod',
    },
    value: Number.NaN,
  });
  // Those of one metric stand together, whichever installation they are of.
  const names = read.value.map(({ name }) => name);
  expect(names.filter((name, at) => name !== names[at - 1])).toHaveLength(new Set(names).size);
});
