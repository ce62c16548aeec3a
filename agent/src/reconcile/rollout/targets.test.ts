import { expect, it } from 'vitest';
import type { KubeClient, KubeObject } from '../../kube/client.ts';
import { loadTargets } from './targets.ts';

it('no claim is waited for that somebody has deleted, or is deleting', async () => {
  const claim = (name: string, more = {}): KubeObject => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace: 'n', ...more },
  });
  const live = [claim('stays'), claim('going', { deletionTimestamp: '2026-11-28T12:00:00Z' })];
  const get = async (_: unknown, __: unknown, name: string): Promise<KubeObject | undefined> =>
    live.find(({ metadata }) => metadata.name === name);
  const objects = ['stays', 'going', 'gone'].map((name) => claim(name));
  const options = { evicts: false, signal: AbortSignal.timeout(5_000) };
  const targets = await loadTargets({ get } as unknown as KubeClient, objects, options);
  expect(targets).toMatchObject({ ok: true, value: [{ name: 'stays' }] });
});
