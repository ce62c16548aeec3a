import { describe, expect, it } from 'vitest';
import type { ChartHook } from '@steward/shared';
import { hookObject, hooksAt } from './hook-object.ts';

function hook(kind: string, name: string, change: Partial<ChartHook> = {}, more: object = {}): ChartHook {
  const object = { apiVersion: 'v1', kind, metadata: { name, labels: { app: 'shop' } }, ...more };
  return { object, events: ['pre-upgrade'], weight: 0, deletePolicies: [], ...change };
}

describe('the object of a hook', () => {
  it('has a name of its own for each operation and moment, and on its way back, within the length of names', () => {
    const long = hook('Job', `${'x'.repeat(53)}-.${'y'.repeat(60)}`);
    const names = [
      hookObject(long, 'pre-upgrade', 'a').metadata.name,
      hookObject(long, 'post-upgrade', 'a').metadata.name,
      hookObject(long, 'pre-upgrade', 'b').metadata.name,
      hookObject(long, 'pre-upgrade', 'a', { isWayBack: true }).metadata.name,
    ];
    expect(new Set(names).size).toBe(4);
    expect(hookObject(long, 'pre-upgrade', 'a').metadata.name).toBe(names[0]);
    for (const name of names) expect(name).toMatch(/^x{53}-[0-9a-f]{8}$/);
  });

  it('has a name of its own also beside a hook whose long name begins alike', () => {
    const names = ['schema', 'data'].map((last) => {
      const long = hook('Job', `${'x'.repeat(54)}-${last}`);
      return hookObject(long, 'pre-upgrade', 'a').metadata.name;
    });
    expect(new Set(names).size).toBe(2);
  });

  it('keeps the name that an older agent has begun it with', () => {
    expect(hookObject(hook('Job', 'migrate'), 'pre-upgrade', 'a', { begunAs: 'migrate-1' }).metadata.name).toBe(
      'migrate-1',
    );
    expect(hookObject(hook('ConfigMap', 'script'), 'pre-upgrade', 'a', { begunAs: 'script' }).metadata.name).toBe(
      'script',
    );
  });

  it('keeps the name by which others use it when it does not come to an end', () => {
    expect(hookObject(hook('ConfigMap', 'script'), 'pre-upgrade', 'a').metadata).toEqual({
      name: 'script',
      labels: { app: 'shop', 'steward.dev/hook': 'script' },
    });
  });

  it('is not removed by the cluster when it ends, and its pods are known as those of a hook', () => {
    const spec = { ttlSecondsAfterFinished: 0, template: { metadata: { labels: { step: '1' } }, spec: {} } };
    const job = hook('Job', 'migrate', {}, { spec });
    const made = hookObject(job, 'pre-upgrade', 'a');
    expect(made['spec']).toEqual({
      template: { metadata: { labels: { step: '1', 'steward.dev/hook': 'migrate' } }, spec: {} },
    });
    expect(made.metadata.labels).toMatchObject({ 'steward.dev/hook': 'migrate', 'steward.dev/operation': 'a' });
    expect(job.object['spec']).toBe(spec);
    expect(spec.ttlSecondsAfterFinished).toBe(0);
  });
});

it('orders hooks of a moment by weight, then what others use first, then by name', () => {
  const all = [
    hook('Job', 'b'),
    hook('Job', 'a'),
    hook('Secret', 'z'),
    hook('Job', 'first', { weight: -1 }),
    hook('Job', 'other', { events: ['post-upgrade'] }),
  ];
  expect(hooksAt(all, 'pre-upgrade').map(({ object }) => object.metadata.name)).toEqual(['first', 'z', 'a', 'b']);
});
