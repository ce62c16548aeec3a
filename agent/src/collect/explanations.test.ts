import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { KubeClient } from '../kube/client.ts';
import { KubeError } from '../kube/error.ts';
import { Explanations } from './explanations.ts';

const refused = new KubeError('events is forbidden', { status: 403, reason: 'Forbidden' });

describe('what events say', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  it('is looked up again some minutes after the right to was missing', async () => {
    const list = vi.fn<() => Promise<unknown[]>>().mockRejectedValueOnce(refused);
    list.mockResolvedValue([{ message: 'no volume is left', lastTimestamp: '2026-11-29T00:00:00Z' }]);
    const kube = { list } as Partial<Record<keyof KubeClient, unknown>> as KubeClient;
    const onChange = vi.fn<() => void>();
    const explanations = new Explanations({ kube, namespace: 'shop', onChange });
    explanations.want(['PersistentVolumeClaim/data']);
    await vi.waitFor(() => expect(onChange).toHaveBeenCalledTimes(1));
    vi.advanceTimersByTime(20_000);
    explanations.want(['PersistentVolumeClaim/data']);
    expect(list).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(300_000);
    explanations.want(['PersistentVolumeClaim/data']);
    await vi.waitFor(() => expect(explanations.get('PersistentVolumeClaim/data')).toBe('no volume is left'));
  });
});
