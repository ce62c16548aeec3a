import type { OperationKind, OperationPlan } from '@steward/shared';
import type { KubeObject } from '../../../kube/client.ts';
import { OPERATION, OPERATION_APPROVAL, SUPPORT_POLICY } from '../../../operations/kinds.ts';
import { answerAmong, approvalCommand, faultOf, isAbout, type Answer, type Asked } from '../../../policy/approval.ts';
import { decideAll, type Decision } from '../../../policy/decide.ts';
import { loadApprovals } from '../../../policy/load-approvals.ts';
import { loadPolicies } from '../../../policy/load-policies.ts';
import { sentences } from '../../../sentences.ts';
import { Bell } from '../../bell.ts';
import { done, failed, type Outcome } from '../../outcome.ts';
import type { Run } from '../run/run.ts';

/** A plan with what it was made of. */
export interface Planned<T> {
  told: OperationPlan;
  plan: T;
  /** What it is beside its kinds, as shows only now: the policy must agree to these too. */
  alsoKinds?: readonly OperationKind[];
  /** What it goes back over and does not undo. */
  crossed?: string | undefined;
}

type Allowed = Exclude<Decision, { effect: 'deny' }>;

const MAX_USED_APPROVALS = 20;
/** An Operation keeps so many transitions, and each of these is one. */
const MAX_TOLD_FAULTS = 5;
/** Also without any event the answer is looked for that often. */
const LOOK_AGAIN_MS = 60_000;

/**
 * What the customer's policies say to an operation now, by its plan as soon as there is one; a denial is a failure. Read from the API
 * server, not from memory.
 */
export async function loadDecision(
  run: Run,
  { alsoKinds = [], crossed }: Pick<Planned<unknown>, 'alsoKinds' | 'crossed'> = {},
): Promise<Outcome<Allowed>> {
  const { kube, config } = run.context;
  const policies = await loadPolicies(kube, config.namespace, run.untilWriting);
  const decision = decideAll([...run.kinds, ...alsoKinds], run.record.spec.desired.name, policies);
  if (decision.effect === 'deny') return failed(decision.reason, decision.message);
  // What cannot be undone is asked for, also where going back is allowed in general.
  return crossed !== undefined && decision.effect === 'allow'
    ? done({ effect: 'ask', message: sentences(`${run.title}: ask`, crossed) })
    : done(decision);
}

/**
 * Comes back with a plan that may be carried out: the policy allows it, or a person approved this very plan. After an
 * approval the plan is made again, and another one is asked for again.
 */
export async function obtainConsent<T>(
  run: Run,
  first: Planned<T>,
  replan: () => Promise<Outcome<Planned<T>>>,
): Promise<Outcome<Planned<T>>> {
  let planned = first;
  for (;;) {
    const decision = await loadDecision(run, planned);
    if (!decision.ok) return decision;
    const isApproved = run.record.status.approval?.planDigest === planned.told.digest;
    if (decision.value.effect === 'allow' || isApproved) {
      const no = await loadRejection(run, planned.told);
      return no ? rejected(run, no) : done(planned);
    }
    const answer = await awaitAnswer(run, planned, decision.value.message);
    if (answer === 'look-again') continue;
    if (answer.decision === 'reject') return rejected(run, answer);
    await useApproval(run, answer, planned.told.digest);
    const again = await replan();
    if (!again.ok) return again;
    const isChanged = again.value.told.digest !== planned.told.digest;
    planned = again.value;
    if (isChanged)
      await ask(run, planned.told, `The plan changed after ${answer.approver} approved it`, 'plan-changed');
  }
}

function rejected({ title }: Run, { approver, name }: Answer): Outcome<never> {
  return failed('approval-rejected', `${approver} rejected the ${title} (${name})`);
}

/** Who was asked may have said no since there was a yes, or since nobody has to be asked: read from the API server, not from memory. */
async function loadRejection(run: Run, told: OperationPlan): Promise<Answer | undefined> {
  const { context, record, untilWriting } = run;
  if (record.status.state !== 'awaiting-approval') return undefined;
  const { kube, config } = context;
  const about = { namespace: config.namespace, operation: record.name, signal: untilWriting };
  const answer = answerAmong(await loadApprovals(kube, about), askedOf(run, told));
  return answer?.decision === 'reject' ? answer : undefined;
}

async function useApproval(run: Run, { name, uid, approver }: Answer, planDigest: string): Promise<void> {
  const { journal, now } = run.context;
  const used = [...(run.record.status.usedApprovals ?? []), uid].slice(-MAX_USED_APPROVALS);
  const approval = { name, uid, approver, planDigest, at: now().toISOString() };
  await journal.note(run.record, { approval, usedApprovals: used });
}

async function awaitAnswer(run: Run, planned: Planned<unknown>, why: string): Promise<Answer | 'look-again'> {
  const { record } = run;
  const { told } = planned;
  const { state, phase, planDigest } = record.status;
  // Another life of the agent says the question again: its way here has told of other phases.
  if (state !== 'awaiting-approval' || phase !== 'approve' || planDigest !== told.digest) await ask(run, told, why);
  const bell = new Bell();
  const end = new AbortController();
  const signal = AbortSignal.any([run.untilWriting, end.signal]);
  const { kube, config } = run.context;
  const watched = { namespace: config.namespace, onChange: () => bell.ring(), signal };
  const policies = kube.watch({ ...watched, ref: SUPPORT_POLICY, project: () => true });
  // However many there are of other operations, these are few.
  const approvals = kube.watch({
    ...watched,
    ref: OPERATION_APPROVAL,
    project: (object) => (isAbout(object, record.name) ? structuredClone(object) : undefined),
  });
  const operations = kube.watch({
    ...watched,
    ref: OPERATION,
    fieldSelector: `metadata.name=${record.name}`,
    // Only whether it is there.
    project: ({ metadata }) => (metadata.name === record.name ? true : undefined),
  });
  const faults = new Set<string>();
  try {
    // An older role may not watch these: the answer does not wait for that.
    void operations.synced.then(() => bell.ring());
    await Promise.all([policies.synced, approvals.synced]);
    for (;;) {
      signal.throwIfAborted();
      if (operations.isCurrent && operations.objects.size === 0) await run.context.journal.lookFor(record);
      // Read again only now that no change of it is missed.
      const decision = await loadDecision(run, planned);
      if (!decision.ok || decision.value.effect !== 'ask') return 'look-again';
      const found = [...approvals.objects.values()];
      const answer = answerAmong(found, askedOf(run, told));
      if (answer) return answer;
      await tellFaults(run, { told, why, found, faults });
      await bell.wait(LOOK_AGAIN_MS, signal);
    }
  } finally {
    end.abort();
  }
}

function askedOf({ record, context }: Run, told: OperationPlan): Asked {
  return {
    operation: record.name,
    operationUid: record.uid,
    planDigest: told.digest,
    usedUids: record.status.usedApprovals ?? [],
    now: context.now(),
  };
}

/** Whoever wrote an answer that does not count waits for what never comes: it is said once of each, of so many. */
async function tellFaults(
  run: Run,
  { told, why, found, faults }: { told: OperationPlan; why: string; found: readonly KubeObject[]; faults: Set<string> },
): Promise<void> {
  const asked = askedOf(run, told);
  const before = faults.size;
  for (const object of found) {
    const fault = faultOf(object, asked);
    if (fault !== undefined && faults.size < MAX_TOLD_FAULTS) faults.add(fault);
  }
  if (faults.size === before) return;
  run.context.log.warn('approvals that do not count', { operation: run.record.name, faults: [...faults] });
  await ask(run, told, `${[...faults].join('. ')}. ${why}`);
}

/** Says what would be done and the two commands that answer. */
async function ask(run: Run, told: OperationPlan, why: string, reason?: 'plan-changed'): Promise<void> {
  const { record, context } = run;
  const question = {
    namespace: context.config.namespace,
    operation: record.name,
    operationUid: record.uid,
    planDigest: told.digest,
    expiresAt: record.spec.desired.operation.notAfter,
  };
  const message = [
    sentences(why, told.summary),
    'To approve this plan:',
    approvalCommand(question, 'approve'),
    'To reject the operation:',
    approvalCommand(question, 'reject'),
  ].join('\n');
  await run.move({
    state: 'awaiting-approval',
    phase: 'approve',
    message,
    ...(reason && { reason }),
    tellsPlan: true,
    also: { plan: told, planDigest: told.digest },
  });
}
