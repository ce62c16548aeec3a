import { expect, it } from 'vitest';
import { brokenWayBack } from './way-back.ts';

it('tells first that going back failed, then why, then what it was to undo', () => {
  const why = { reason: 'image-pull-failed', message: `dial tcp: ${'x'.repeat(300)}` } as const;
  const back = { reason: 'internal', message: 'Secret render-nats-g5 is missing' } as const;
  const { reason, message } = brokenWayBack({ generation: 5, version: '2.15.2' }, why, back);
  expect(reason).toBe('way-back-failed');
  expect(message).toMatch(
    /^Going back to generation 5 \(2\.15\.2\) failed, so it is not certain what runs\. Secret render-nats-g5 is missing\. .*image-pull-failed\): dial tcp/,
  );
});
