import * as Type from 'typebox';
import { API_VERSION, compile } from '@steward/shared';
import type { KubeObject } from '../kube/client.ts';

const decode = compile(
  Type.Object({
    metadata: Type.Object({ name: Type.String(), uid: Type.String() }),
    spec: Type.Object({
      operation: Type.String(),
      operationUid: Type.String(),
      planDigest: Type.String(),
      decision: Type.Unsafe<'approve' | 'reject'>({ type: 'string', enum: ['approve', 'reject'] }),
      approver: Type.String({ minLength: 1 }),
      expiresAt: Type.String({ format: 'date-time' }),
    }),
  }),
);

/** What an approval must be about. */
export interface Asked {
  operation: string;
  operationUid: string;
  planDigest: string;
  /** Approvals that were used for this operation before. */
  usedUids: readonly string[];
  now: Date;
}

export interface Answer {
  decision: 'approve' | 'reject';
  name: string;
  uid: string;
  approver: string;
}

const decodeAbout = compile(Type.Object({ spec: Type.Object({ operation: Type.String() }) }));

/** Whether it names this operation, whatever else is wrong with it. */
export function isAbout(object: KubeObject, operation: string): boolean {
  const decoded = decodeAbout(object);
  return decoded.ok && decoded.value.spec.operation === operation;
}

/** Why an approval that names the operation does not count, in a sentence; undefined when it does, or when it was used for an earlier plan. */
export function faultOf(object: KubeObject, asked: Asked): string | undefined {
  const decoded = decode(object);
  const fault = (why: string): string => `OperationApproval/${object.metadata.name} does not count: ${why}`;
  if (!decoded.ok) return fault(`it cannot be read: ${decoded.error}`);
  const { metadata, spec } = decoded.value;
  if (asked.usedUids.includes(metadata.uid)) return undefined;
  if (spec.operationUid !== asked.operationUid)
    return fault(`it is for another operation of this name (operationUid ${spec.operationUid})`);
  if (Date.parse(spec.expiresAt) <= asked.now.getTime()) return fault(`it was over at ${spec.expiresAt}`);
  return spec.decision === 'approve' && spec.planDigest !== asked.planDigest
    ? fault('it is for another plan than the one that is shown (planDigest)')
    : undefined;
}

/**
 * The customer's answer among all approvals there are; undefined while there is none that counts. A rejection outweighs
 * any approval, and needs no plan: no to the operation is no to every plan of it.
 */
export function answerAmong(approvals: readonly KubeObject[], asked: Asked): Answer | undefined {
  let yes: Answer | undefined;
  for (const object of approvals) {
    const decoded = decode(object);
    if (!decoded.ok) continue;
    const { metadata, spec } = decoded.value;
    if (spec.operation !== asked.operation || spec.operationUid !== asked.operationUid) continue;
    if (asked.usedUids.includes(metadata.uid) || Date.parse(spec.expiresAt) <= asked.now.getTime()) continue;
    const answer: Answer = { ...metadata, decision: spec.decision, approver: spec.approver };
    if (spec.decision === 'reject') return answer;
    if (spec.planDigest === asked.planDigest) yes ??= answer;
  }
  return yes;
}

export interface Question {
  namespace: string;
  operation: string;
  operationUid: string;
  planDigest: string;
  expiresAt: string;
}

/** The command that answers, to be pasted as it is. The approver is whoever runs it; the API server accepts no other name. */
export function approvalCommand(question: Question, decision: 'approve' | 'reject'): string {
  return [
    'kubectl create -f - <<EOF',
    `apiVersion: ${API_VERSION}`,
    'kind: OperationApproval',
    `metadata: {generateName: ${decision}-, namespace: ${question.namespace}}`,
    'spec:',
    `  operation: ${question.operation}`,
    `  operationUid: ${question.operationUid}`,
    `  planDigest: ${question.planDigest}`,
    `  decision: ${decision}`,
    // A block of text takes a name as it is, also one with a backslash.
    '  approver: |-',
    "    $(kubectl auth whoami -o jsonpath='{.status.userInfo.username}')",
    `  expiresAt: "${question.expiresAt}"`,
    'EOF',
  ].join('\n');
}
