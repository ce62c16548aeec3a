import { AS_RELEASED } from '@steward/shared';
import type { KubeObject } from '../../../kube/client.ts';
import { nameOf } from '../../../kube/object.ts';
import { sentences } from '../../../sentences.ts';
import { failed, type Outcome } from '../../outcome.ts';
import { goingClaim } from '../../plan/claims.ts';
import type { ReleaseSet } from '../../render/release-set.ts';
import { withRunState } from '../../run-state/with-run-state.ts';
import { endsPods } from '../../volumes/going-claims.ts';
import type { Run } from '../run/run.ts';
import type { Removal } from './plan-removal.ts';
import { hasRemovedNothing, wasWhole } from './what-went.ts';

const MAX_NAMED = 3;

/**
 * Refuses a removal whose pods may be the last that keep a claim where `steward stop` is a way out: the service is whole, nothing of it
 * is removed yet, and the stop ends all that use the claim. Elsewhere the plan tells what goes: see {@link tellWhatGoesBeside}.
 * @param set of the last good generation; without it nothing can be stopped
 */
export async function keepClaims(
  run: Run,
  planned: Outcome<Removal>,
  set: ReleaseSet | undefined,
): Promise<Outcome<Removal>> {
  if (!planned.ok || !set || !wasWhole(run)) return planned;
  const { startedAt } = run.record.status;
  const stopped = withRunState(set.objects, { ...AS_RELEASED, stopped: true });
  const names = new Set(stopped.filter((object) => !endsPods(object)).map(nameOf));
  const found = planned.value.inDeletion.find(
    ({ claim, users }) =>
      users.length > 0 && users.every((user) => names.has(nameOf(user))) && isSince(claim, startedAt),
  );
  if (!found || (startedAt !== undefined && !(await hasRemovedNothing(run)))) return planned;
  const { name } = run.installation;
  const instead = `If nobody needs what is in its volumes: steward uninstall ${name} --delete-volumes`;
  const words = goingClaim(found.claim, name, 'and uninstall again');
  return failed('apply-refused', found.isOwn ? sentences(words, instead) : words);
}

/** What was being deleted before the removal began was in its plan. */
function isSince({ metadata: { deletionTimestamp = '' } }: KubeObject, startedAt: string | undefined): boolean {
  return startedAt === undefined || Date.parse(deletionTimestamp) > Date.parse(startedAt);
}

/** For people: which claims, and what else is kept, go though the agent does not delete them. */
export function tellWhatGoesBeside({ inDeletion, follows }: Pick<Removal, 'inDeletion' | 'follows'>): string[] {
  const going = 'A claim that is being deleted goes, with what is in it, when nothing uses it any more';
  const owned = 'Kubernetes deletes what belongs to something that goes, with what is in it';
  const claims = inDeletion.map(({ claim }) => claim);
  return [...named(going, claims), ...named(owned, follows)];
}

function named(what: string, objects: readonly KubeObject[]): string[] {
  if (objects.length === 0) return [];
  const names = objects.slice(0, MAX_NAMED).map(nameOf);
  const more = objects.length > MAX_NAMED ? ` and ${objects.length - MAX_NAMED} more` : '';
  return [`${what}: ${names.join(', ')}${more}`];
}
