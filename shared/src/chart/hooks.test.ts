import { describe, expect, it } from 'vitest';
import { chartHookOf, isTestHook } from './hooks.ts';
import type { RenderedObject } from './pod-specs.ts';

function object(annotations: Record<string, string>): RenderedObject {
  return { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'a', annotations } };
}
const hook = (text: string): Record<string, string> => ({ 'helm.sh/hook': text });

describe('the hook that an object is', () => {
  it('is none without the annotation, and none when it is only a test', () => {
    expect(chartHookOf(object({}))).toBeUndefined();
    expect(chartHookOf(object(hook('test, test-success')))).toBeUndefined();
    expect(isTestHook(object(hook('test, test-success')))).toBe(true);
    expect(isTestHook(object(hook('test,pre-upgrade')))).toBe(false);
  });

  it('has its moments in their order, its weight and what is removed when', () => {
    const annotations = {
      ...hook('test, post-upgrade,pre-install'),
      'helm.sh/hook-weight': '-5',
      'helm.sh/hook-delete-policy': 'hook-failed, hook-succeeded',
    };
    expect(chartHookOf(object(annotations))).toMatchObject({
      events: ['pre-install', 'post-upgrade'],
      weight: -5,
      deletePolicies: ['hook-succeeded', 'hook-failed'],
    });
    expect(chartHookOf(object(hook('pre-delete')))).toMatchObject({ weight: 0, deletePolicies: [] });
  });

  it.each([
    [hook('crd-install'), 'no hook'],
    [hook('pre-instal'), 'no hook'],
    [{ ...hook('pre-install'), 'helm.sh/hook-weight': '1.5' }, 'whole number'],
    [{ ...hook('pre-install'), 'helm.sh/hook-weight': 'first' }, 'whole number'],
    [{ ...hook('pre-install'), 'helm.sh/hook-delete-policy': 'always' }, 'hook-delete-policy'],
  ])('is refused in words for %o', (annotations, words) => {
    expect(chartHookOf(object(annotations))).toContain(words);
  });
});
