import { describe, expect, it } from 'vitest';
import { POLICY_CLASSES } from '@steward/shared';
import type { KubeObject } from '../kube/client.ts';
import { decide, decideAll } from './decide.ts';
import { readSupportPolicy } from './support-policy.ts';

function policy(name: string, spec: unknown) {
  return readSupportPolicy({
    apiVersion: 'steward.dev/v1alpha1',
    kind: 'SupportPolicy',
    metadata: { name },
    spec,
  } as KubeObject);
}

describe('the policy', () => {
  it('without any rule: install and repair allow, uninstall deny, all else ask', () => {
    const effects = POLICY_CLASSES.map((name) => decide(name, 'shop', []).effect);
    expect(effects).toEqual(['allow', 'ask', 'ask', 'deny', 'ask', 'ask', 'allow']);
  });

  it('takes adopting as installing and leaving as uninstalling, but asks for the latter where nobody said no', () => {
    expect(decide('adopt', 'shop', []).effect).toBe('allow');
    expect(decide('leave', 'shop', []).effect).toBe('ask');
    const policies = [policy('p', { rules: { install: 'ask', uninstall: 'deny' } })];
    expect(decide('adopt', 'shop', policies).effect).toBe('ask');
    expect(decide('leave', 'shop', policies).effect).toBe('deny');
  });

  it('has one rule for stop, start and scale, and says so', () => {
    const policies = [policy('p', { rules: { scale: 'deny', restart: 'allow' } })];
    for (const kind of ['stop', 'start', 'scale', 'resize', 'autoscale', 'schedule'] as const)
      expect(decide(kind, 'shop', policies)).toMatchObject({ effect: 'deny' });
    expect(decide('stop', 'shop', policies).message).toContain('stop (class scale) of shop');
    expect(decide('restart', 'shop', policies).effect).toBe('allow');
  });

  it('counts the strictest of all that an operation is', () => {
    const policies = [policy('p', { rules: { upgrade: 'allow', scale: 'deny', restart: 'ask' } })];
    expect(decideAll(['upgrade'], 'shop', policies).effect).toBe('allow');
    expect(decideAll(['upgrade', 'restart'], 'shop', policies).effect).toBe('ask');
    expect(decideAll(['upgrade', 'stop', 'restart'], 'shop', policies)).toMatchObject({
      effect: 'deny',
      message: expect.stringContaining('stop'),
    });
  });

  it.each([
    ['one rule', [{ rules: { upgrade: 'allow' } }], 'allow'],
    ['the default for a kind that no policy names', [{ rules: { install: 'deny' } }], 'ask'],
    [
      'the strictest of several',
      [{ rules: { upgrade: 'allow' } }, { rules: { upgrade: 'deny' } }, { rules: { upgrade: 'ask' } }],
      'deny',
    ],
    [
      'only policies of this installation',
      [{ rules: { upgrade: 'deny' }, installations: ['other'] }, { rules: { upgrade: 'allow' } }],
      'allow',
    ],
    ['a freeze, whatever the rules say', [{ rules: { upgrade: 'allow' } }, { rules: {}, freeze: true }], 'deny'],
    ['no freeze of another one', [{ rules: { upgrade: 'allow' }, freeze: true, installations: ['other'] }], 'ask'],
    ['a word that is not known denies', [{ rules: { upgrade: 'maybe' } }], 'deny'],
    ['a limit that is not known denies', [{ rules: { upgrade: 'allow' }, windows: ['night'] }], 'deny'],
    ['a kind that is not known denies', [{ rules: { upgrade: 'allow', reboot: 'ask' } }], 'deny'],
    ['a policy without rules denies', [{}], 'deny'],
    ['a list of no installations denies', [{ rules: { upgrade: 'allow' }, installations: [] }], 'deny'],
    ['a name that no installation has denies', [{ rules: { upgrade: 'allow' }, installations: ['prod/shop'] }], 'deny'],
    ['a rule that is no word denies', [{ rules: { upgrade: true } }], 'deny'],
    ['rules that are a list deny', [{ rules: ['allow'] }], 'deny'],
    ['a freeze that is a text denies', [{ rules: { upgrade: 'allow' }, freeze: 'no' }], 'deny'],
    ['a policy without anything denies', [undefined], 'deny'],
  ])('counts %s', (_what, specs, effect) => {
    const policies = specs.map((spec, index) => policy(`p${index}`, spec));
    expect(decide('upgrade', 'shop', policies).effect).toBe(effect);
  });

  it('says which policy decides, and that a freeze is one', () => {
    const denied = decide('upgrade', 'shop', [policy('night', { rules: { upgrade: 'deny' } })]);
    const unread = decide('upgrade', 'shop', [policy('typo', { rules: {}, frezee: true })]);
    expect(unread).toMatchObject({ message: expect.stringMatching(/typo.*"frezee".*corrects or deletes it/) });
    expect(denied).toMatchObject({ reason: 'denied-by-policy', message: expect.stringContaining('night') });
    expect(decide('install', 'shop', [policy('ice', { rules: {}, freeze: true })])).toMatchObject({ reason: 'frozen' });
  });
});
