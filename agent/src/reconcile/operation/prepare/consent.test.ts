import { expect, it } from 'vitest';
import type { KubeClient, KubeObject, ListOptions, ResourceRef } from '../../../kube/client.ts';
import { done } from '../../outcome.ts';
import type { Run } from '../run/run.ts';
import { obtainConsent } from './consent.ts';

const planDigest = `sha256:${'a'.repeat(64)}`;
const planned = { told: { digest: planDigest, summary: 'one change', changes: [] }, plan: undefined };

function answer(decision: 'approve' | 'reject', change: object = {}): KubeObject {
  const about = { operation: 'op-1', operationUid: 'u1', planDigest, decision, approver: 'ann' };
  return {
    apiVersion: 'steward.dev/v1alpha1',
    kind: 'OperationApproval',
    metadata: { name: decision, uid: decision },
    spec: { ...about, expiresAt: '2030-01-01T00:00:00Z', ...change },
  };
}

/** An operation that was asked for, with a yes to this very plan, or under a rule that does not ask any more. */
function asked(approvals: KubeObject[], { isApproved = true, state = 'awaiting-approval' } = {}): Run {
  const rule = { apiVersion: 'steward.dev/v1alpha1', kind: 'SupportPolicy', metadata: { name: 'r' } };
  const policies = isApproved ? [] : [{ ...rule, spec: { rules: { upgrade: 'allow' } } }];
  const list = async ({ kind }: ResourceRef, _: string, { keeps = () => true }: ListOptions): Promise<KubeObject[]> =>
    (kind === 'OperationApproval' ? approvals : policies).filter(keeps);
  const approval = { name: 'approve', uid: 'approve', approver: 'ann', planDigest, at: '2026-01-01T00:00:00Z' };
  const run = {
    context: {
      kube: { list } as unknown as KubeClient,
      config: { namespace: 'steward' },
      now: () => new Date('2026-01-01T00:00:00Z'),
    },
    kinds: ['upgrade'],
    title: 'upgrade of shop',
    record: {
      name: 'op-1',
      uid: 'u1',
      spec: { desired: { name: 'shop' } },
      status: { state, usedApprovals: ['approve'], ...(isApproved && { approval }) },
    },
    untilWriting: AbortSignal.timeout(4_000),
  };
  return run as unknown as Run;
}

const consent = (run: Run) => obtainConsent(run, planned, async () => done(planned));

it.each([
  ['since a yes was noted', true],
  ['when the rule came to allow it meanwhile', false],
])('a no counts also %s', async (_when, isApproved) => {
  const run = asked([answer('approve'), answer('reject')], { isApproved });
  const message = 'ann rejected the upgrade of shop (reject)';
  expect(await consent(run)).toEqual({ ok: false, failure: { reason: 'approval-rejected', message } });
});

it.each([
  ['there is only the yes that was used', [answer('approve')], {}],
  ['the no is over', [answer('reject', { expiresAt: '2025-01-01T00:00:00Z' })], {}],
  ['the no is to another operation', [answer('reject', { operation: 'op-2', operationUid: 'u2' })], {}],
  ['nobody was asked', [answer('reject')], { isApproved: false, state: 'accepted' }],
])('it begins when %s', async (_what, approvals, options) => {
  expect(await consent(asked(approvals, options))).toEqual(done(planned));
});
