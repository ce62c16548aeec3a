import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { KubeObject } from '../kube/client.ts';
import { answerAmong, approvalCommand, faultOf, isAbout, type Asked } from './approval.ts';

const planDigest = `sha256:${'a'.repeat(64)}`;
const asked: Asked = {
  operation: 'op-1',
  operationUid: 'uid-1',
  planDigest,
  usedUids: ['used'],
  now: new Date('2026-01-01T00:00:00Z'),
};

function approval(change: Record<string, unknown> = {}, uid = 'fresh'): KubeObject {
  const spec = {
    operation: 'op-1',
    operationUid: 'uid-1',
    planDigest,
    decision: 'approve',
    approver: 'ann',
    expiresAt: '2026-01-02T00:00:00Z',
    ...change,
  };
  return { apiVersion: 'steward.dev/v1alpha1', kind: 'OperationApproval', metadata: { name: 'yes', uid }, spec };
}

describe('an approval', () => {
  it('counts when it names the operation, its uid and the very plan, and is not over', () => {
    expect(answerAmong([approval()], asked)).toEqual({
      decision: 'approve',
      name: 'yes',
      uid: 'fresh',
      approver: 'ann',
    });
  });

  it.each([
    ['another operation', approval({ operation: 'op-2' })],
    ['another uid', approval({ operationUid: 'uid-2' })],
    ['another plan', approval({ planDigest: `sha256:${'b'.repeat(64)}` })],
    ['expired', approval({ expiresAt: '2025-12-31T00:00:00Z' })],
    ['used before', approval({}, 'used')],
    ['without an approver', approval({ approver: '' })],
    ['no decision', approval({ decision: 'perhaps' })],
  ])('does not count: %s', (_what, object) => {
    expect(answerAmong([object], asked)).toBeUndefined();
  });

  it.each([
    ['for another operation of this name', approval({ operationUid: 'uid-2' })],
    ['another plan', approval({ planDigest: `sha256:${'b'.repeat(64)}` })],
    ['over at 2025-12-31', approval({ expiresAt: '2025-12-31T00:00:00Z' })],
    ['cannot be read: /spec/approver', approval({ approver: '' })],
    ['cannot be read: /spec/decision', approval({ decision: 'perhaps' })],
    ['cannot be read: /spec/expiresAt', approval({ expiresAt: 'tomorrow' })],
  ])('that does not count says why: %s', (why, object) => {
    expect(isAbout(object, 'op-1')).toBe(true);
    expect(faultOf(object, asked)).toContain('OperationApproval/yes does not count: it ');
    expect(faultOf(object, asked)).toContain(why);
  });

  it('that counts, was used before, or is about something else has no fault to tell', () => {
    expect(faultOf(approval(), asked)).toBeUndefined();
    expect(faultOf(approval({ planDigest: 'old' }, 'used'), asked)).toBeUndefined();
    expect(faultOf(approval({ decision: 'reject', planDigest: 'any' }), asked)).toBeUndefined();
    expect(isAbout(approval({ operation: 'op-2' }), 'op-1')).toBe(false);
    expect(isAbout({ ...approval(), spec: 'nonsense' }, 'op-1')).toBe(false);
  });

  it('is outweighed by a rejection, which needs no plan', () => {
    const no = approval({ decision: 'reject', planDigest: 'sha256:any' }, 'no');
    expect(answerAmong([approval(), no], asked)).toMatchObject({ decision: 'reject', uid: 'no' });
  });

  it('is asked for with a command that can be pasted', () => {
    const question = { namespace: 'steward-acme', operation: 'op-1', operationUid: 'u', planDigest, expiresAt: 't' };
    const command = approvalCommand(question, 'approve');
    expect(command).toMatch(/^kubectl create -f - <<EOF\n[\s\S]*\nEOF$/);
    expect(command).toContain(`planDigest: ${planDigest}`);
    expect(command).toContain('kubectl auth whoami');
  });

  it.each(['ann', 'CORP\\alice', 'CORP\\john', '"o\'neil" #1', 'system:serviceaccount:ops:bot', '$HOME', '42'])(
    'says who runs the command, whatever the name: %s',
    async (approver) => {
      const question = { namespace: 'steward-acme', operation: 'op-1', operationUid: 'u', planDigest, expiresAt: 't' };
      const kubectl = `kubectl() { if [ "$1" = create ]; then cat; else printf %s "$WHO"; fi; }`;
      const script = `${kubectl}\n${approvalCommand(question, 'reject')}`;
      const { stdout } = await promisify(execFile)('/bin/sh', ['-ec', script], { env: { WHO: approver } });
      const spec = { operation: 'op-1', operationUid: 'u', planDigest, decision: 'reject', approver, expiresAt: 't' };
      expect(parse(stdout)).toMatchObject({ metadata: { generateName: 'reject-', namespace: 'steward-acme' }, spec });
    },
  );
});
