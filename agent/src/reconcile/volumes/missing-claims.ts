import { fieldAt } from '@steward/shared';
import type { KubeObject } from '../../kube/client.ts';
import { sentences } from '../../sentences.ts';
import { isStopped } from '../fields/never-ours.ts';
import type { ObjectPlanInput } from '../plan/plan-object.ts';
import { templatesOf } from './claim-makers.ts';
import { countOf } from './going-claims.ts';
import { listClaims } from './list-claims.ts';

const MAX_NAMED = 5;

/**
 * Names of the claims that are gone of the pods which a StatefulSet is to have and does not have yet: Kubernetes makes empty ones in
 * their place. After five `and more` stands for the rest. `live`: as it is now, if it is; `from`: how many it has, unless told.
 * @throws Refused when they cannot be looked for
 */
export async function findMissingClaims(
  wanted: KubeObject,
  live: KubeObject | undefined,
  input: Pick<ObjectPlanInput, 'kube' | 'isLate' | 'signal'>,
  { from = live ? countOf(live) : 0 }: { from?: number } = {},
): Promise<string[]> {
  // Without a count in it what runs keeps its own; what is stopped has ours, and falls back to one without it.
  const keepsCount = live !== undefined && !saysCount(wanted) && !isStopped(live);
  const to = countOf(keepsCount ? live : wanted);
  if (wanted.kind !== 'StatefulSet' || from >= to || templatesOf(wanted).length === 0) return [];
  const claims = await listClaims(input, wanted.metadata.namespace ?? '');
  const stay = claims.filter((claim) => !goesWithItsOwner(claim, live)).map(({ metadata }) => metadata.name);
  return missing(wanted, new Set(stay), { from, to });
}

export interface LeftSet {
  set: string;
  isGone: boolean;
  missing: readonly string[];
  /** Why it is not put right even where its claims come back. */
  stays?: string;
}

/** What is said of a StatefulSet that is left as it is since its pods would begin without their data. */
export function claimsGone({ set, isGone, missing, stays }: LeftSet, installation: string): string {
  const restore = 'Restore these claims, from a backup or from volumes that were kept, and';
  const empty = `or begin with empty ones: steward restart ${installation}`;
  return sentences(
    `${set} ${isGone ? 'was deleted' : 'has fewer pods than it is to have'}, and volume claims of its pods are gone: ${missing.join(', ')}`,
    'It is left as it is: pods would begin with new, empty volumes, as if there had never been any data',
    stays === undefined ? `${restore} it goes on by itself; ${empty}` : `${restore} make it again with them, ${empty}`,
    ...(stays === undefined ? [] : [`By itself it does not go on: ${stays}`]),
  );
}

function missing(set: KubeObject, there: ReadonlySet<string>, { from, to }: { from: number; to: number }): string[] {
  const first = Number(fieldAt(set, ['spec', 'ordinals', 'start']) ?? 0);
  const names: string[] = [];
  for (let index = from; index < to; index += 1)
    for (const { metadata } of templatesOf(set)) {
      const name = `${metadata.name}-${set.metadata.name}-${first + index}`;
      if (there.has(name)) continue;
      if (names.length === MAX_NAMED) return [...names, 'and more'];
      names.push(name);
    }
  return names;
}

/**
 * The garbage collector deletes it with what owns it, and may not have come to it yet: with a StatefulSet that is gone
 * (`whenDeleted: Delete`), or with a pod, which owns a claim only while it ends for good (`whenScaled: Delete`).
 */
function goesWithItsOwner({ metadata }: KubeObject, live: KubeObject | undefined): boolean {
  const owners = metadata.ownerReferences ?? [];
  return owners.some(({ kind, uid }) => kind === 'Pod' || (kind === 'StatefulSet' && uid !== live?.metadata.uid));
}

function saysCount(object: KubeObject): boolean {
  return fieldAt(object, ['spec', 'replicas']) !== undefined;
}
