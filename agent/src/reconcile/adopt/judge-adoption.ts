import { nameOf } from '../../kube/object.ts';
import type { Run } from '../operation/run/run.ts';
import { done, failed, type Outcome } from '../outcome.ts';
import type { ObjectPlan } from '../plan/make-plan.ts';
import type { PlannedObject } from '../plan/plan-object.ts';
import type { ReleaseSet } from '../render/release-set.ts';
import { isOfRelease } from './helm-marks.ts';
import { listableKinds, listAllowed } from './listable-kinds.ts';
import { noteOthers } from './others.ts';

const MAX_LINES = 40;

export interface JudgedAdoption {
  /** What the plan says beside its changes. */
  notes: string[];
  /** More than whose it is: something that runs becomes another, as in an upgrade. */
  isChange: boolean;
}

/**
 * Whether what runs may be taken over: it is there, and it is what the release with these values gives, or whoever asks for it
 * accepts the differences.
 */
export async function judgeAdoption(run: Run, set: ReleaseSet, plan: ObjectPlan): Promise<Outcome<JudgedAdoption>> {
  const { helmRelease: release } = run;
  const taken = plan.objects.filter(({ isTakenOver }) => isTakenOver);
  const isThere = plan.objects.some(({ action }) => action !== 'create');
  if (!isThere) return failed('nothing-to-adopt', nothingThere(run));
  const left = await loadLeftOver(run, set);
  const changed = plan.objects.flatMap(differenceLines);
  const lines = [...changed, ...left.map((object) => `${object}: ${LEFT_OVER}`)];
  const { acceptDifferences = false } = run.record.spec.desired.operation;
  if (lines.length > 0 && !acceptDifferences) return failed('differs', differs(run, lines));
  const isChange = changed.length > 0;
  const others = await noteOthers(run, plan);
  if (run.recovers)
    return done({ notes: ['takes up again what it ran before, of which its records are gone', ...others], isChange });
  const count = taken.length === 1 ? '1 object' : `${taken.length} objects`;
  const notes = [`takes over ${count} of the Helm release ${release.releaseName}`];
  if (left.length > 0)
    notes.push(`of that these are not part of this release and stay with nobody: ${left.join(', ')}`);
  return done({ notes: [...notes, ...others], isChange });
}

const HELM_VALUES = ' (helm get values)';
const LEFT_OVER = 'belongs to the Helm release and is not part of this one; it would stay with nobody';

function differenceLines({ object, action, fields }: PlannedObject): string[] {
  const name = nameOf(object);
  if (action === 'create') return [`${name}: is not there and would be made`];
  if (action === 'replace') return [`${name}: would be deleted and made anew for ${fields.join(', ')}`];
  return fields.length === 0 ? [] : [`${name}: ${fields.join(', ')}`];
}

function nothingThere({ helmRelease: { releaseName, namespace }, recovers }: Run): string {
  return recovers
    ? `nothing of what ran in namespace ${namespace} is there any more. To install it anew, push an upgrade`
    : `nothing in namespace ${namespace} belongs to a Helm release ${releaseName} and is part of this release`;
}

function differs({ helmRelease: { releaseName }, recovers }: Run, lines: readonly string[]): string {
  const shown = lines.slice(0, MAX_LINES).map((line) => `  ${line}`);
  if (lines.length > MAX_LINES) shown.push(`  and ${lines.length - MAX_LINES} more`);
  const [what, values] = recovers
    ? ['What runs is something else than this release with these values gives', '']
    : [`The Helm release ${releaseName} runs with something else than this release with these values`, HELM_VALUES];
  return [
    `${what}. Taking it over would change:`,
    ...shown,
    `Nothing was changed. Adopt again with the version and the values that it runs with${values}, or accept these differences.`,
  ].join('\n');
}

/** Objects of the Helm release that the set does not have, of the kinds that the agent may list. */
async function loadLeftOver(run: Run, { objects, meta }: ReleaseSet): Promise<string[]> {
  const { helmRelease: release, untilWriting: signal } = run;
  const { kube } = run.context;
  const known = new Set(objects.map(nameOf));
  const kinds = await listableKinds(kube, meta.permissions, signal);
  const lists = await listAllowed(kube, kinds, { namespace: release.namespace, signal });
  // What a controller made carries copies of its owner's annotations.
  const own = lists
    .flatMap((found = []) => found)
    .filter((object) => isOfRelease(object, release) && !object.metadata.ownerReferences?.length);
  return own.map(nameOf).filter((name) => !known.has(name));
}
