import type { OperationPlan } from '@steward/shared';
import type { InventoryEntry } from '../../../operations/installation/installation-object.ts';
import { sentences } from '../../../sentences.ts';
import { failed, type Failure, type Outcome } from '../../outcome.ts';
import { isClaim } from '../../plan/claims.ts';
import { entryName, namesByKind } from '../../plan/inventory.ts';
import { countsOf, goesByOwners, toldPlan, wavesSentence } from '../../plan/told-plan.ts';
import type { Run } from '../run/run.ts';
import { tellWhatGoesBeside } from './claims-in-deletion.ts';
import type { Removal } from './plan-removal.ts';
import { isClaimEntry } from './removal-order.ts';
import { hasBegunToGo } from './what-went.ts';

/** Which these are only the customer is told, by the Operation in the cluster; and not how many: see others.ts. */
const OTHERS_STAY = "What is in the namespace and is not this installation's stays, with its volumes";

/** The plan of an uninstall as people approve it: what goes and what stays, in which order, and which hooks run. */
export function describeRemoval(run: Run, removal: Removal, hooks: OperationPlan['changes']): OperationPlan {
  const { goes, stays, follows, others } = removal;
  const changes = [
    ...goes.map(({ entry }) => ({ action: 'delete' as const, object: entryName(entry) })),
    ...follows.map(goesByOwners),
    ...stays.map((entry) => ({ action: 'keep' as const, object: entryName(entry) })),
  ];
  const kept = follows.some(isClaim) ? 'Other volumes stay.' : 'Volumes stay.';
  const removed = stays.some(isClaimEntry)
    ? 'Volumes and what is in them are removed, but for those of what stays.'
    : 'Volumes and what is in them are removed.';
  const volumes = run.record.spec.desired.deleteVolumes ? removed : kept;
  const placed = goes.map(({ entry, wave }) => ({ wave, name: entryName(entry) }));
  const waves = wavesSentence(placed, { isLastFirst: true, until: 'gone' });
  const alien = others.length > 0 ? [OTHERS_STAY] : [];
  const again = hasBegunToGo(run)
    ? ['An earlier try has begun to remove what runs: hooks before an uninstall do not run again']
    : [];
  const more = [...tellWhatGoesBeside(removal), ...alien, ...again];
  const summary = sentences(`${run.title}: ${countsOf(changes)}`, ...waves, volumes, ...more);
  return toldPlan(summary, [...hooks, ...changes]);
}

/** What stays when it is done, and how a person removes that. */
export function leftOver(stays: readonly InventoryEntry[], namespace: string, hasOthers: boolean): string {
  const lines = hasOthers ? [] : [`kubectl delete namespace ${namespace}`];
  if (stays.length === 0 && hasOthers) return `${OTHERS_STAY}; so does the namespace.`;
  if (stays.length === 0)
    return `Only the namespace stays, with the agent's grant in it; if nothing else of yours is in it, to remove it:\n${lines.join('\n')}`;
  for (const [kind, names] of namesByKind(stays))
    lines.unshift(`kubectl --namespace ${namespace} delete ${kind} ${names}`);
  const text = `These stay with what is in them, to be removed by you when nobody needs them any more:\n${lines.join('\n')}`;
  return hasOthers ? `${text}\n${OTHERS_STAY}; so does the namespace.` : text;
}

/** What a person can do about hooks of an uninstall that fail, also where they never can end well. */
export function waysOn(run: Run, reason: Failure['reason']): string[] {
  const { name } = run.installation;
  if (reason === 'lost-track') return [`Uninstall it again, then without any hook: steward uninstall ${name}`];
  if (reason !== 'hook-failed' && reason !== 'hook-lost') return [];
  // A push after the removal would first make the whole service again.
  const again =
    run.record.status.phase === 'pre-hooks'
      ? `Give it what it lacks (of a service that is stopped: steward start ${name}), or push a version whose hook can end well, and uninstall again`
      : `Give it what it lacks and uninstall again: steward uninstall ${name}`;
  return [again, ...withoutHooks(run)];
}

function withoutHooks({ installation: { status }, context }: Run): string[] {
  const [secret] = status.history[0]?.renderRef.split(' ') ?? [];
  const how = `kubectl --namespace ${context.config.namespace} delete secret ${secret}`;
  return secret === undefined ? [] : [`To uninstall without any hook, delete its stored set first: ${how}`];
}

/** Why hooks cannot be planned. Where the cluster refuses what one makes it may do so for good: then with the way to go without hooks. */
export function hookRefused(run: Run, { reason, message }: Failure): Outcome<never> {
  const isForGood = reason === 'apply-refused' || reason === 'kind-not-permitted';
  return failed(reason, isForGood ? sentences(message, ...withoutHooks(run)) : message);
}
