import { fieldAt, PAUSED_ANNOTATION } from '@steward/shared';
import type { KubeObject, ResourceRef } from '../../kube/client.ts';
import { groupOf, isBeingDeleted, nameOf } from '../../kube/object.ts';
import { hasPause } from '../../operations/installation/installation-object.ts';
import { sentences } from '../../sentences.ts';
import type { FieldChange } from '../fields/changed-fields.ts';
import { othersAt } from '../fields/field-owners.ts';
import { goingClaim, isClaim } from '../plan/claims.ts';
import { objectKey } from '../plan/inventory.ts';
import {
  findObject,
  planFound,
  Refused,
  tellGoingClaim,
  type FoundObject,
  type ObjectPlanInput,
} from '../plan/plan-object.ts';
import { claimsGone, findMissingClaims } from '../volumes/missing-claims.ts';
import type { Finding } from './ledger.ts';

/** An object of the set beside what lives, and what was found about it. */
export interface Looked {
  finding: Finding;
  found: FoundObject;
  /** The finding says nothing about the object: the agent may not look. */
  lacksRights?: boolean;
}

/**
 * What an apply of the stored object would change of the one that lives, asked of the API server. Undefined when there is
 * nothing to say: it is going and will be looked at when it is gone.
 */
export async function lookAt(object: KubeObject, input: ObjectPlanInput): Promise<Looked | undefined> {
  let found: FoundObject = { ref: refOf(object), object, live: undefined };
  try {
    found = await findObject(object, input);
    const { live } = found;
    if (live && isBeingDeleted(live))
      return isClaim(live) ? { found, finding: refused(object, goingClaim(live, input.installation)) } : undefined;
    if (!live && isDone(object)) return { found, finding: same(object) };
    const going = object.kind === 'StatefulSet' ? await tellGoingClaim([object], input) : undefined;
    if (going !== undefined) return { found, finding: refused(object, going) };
    const finding = await compare(found, input);
    return { found, finding: live && hasPause(live.metadata.annotations) ? paused(finding) : finding };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const why = `${nameOf(object)} is not as it was applied, or cannot be compared: ${error.failure.message}`;
    const lacksRights = error.failure.reason === 'missing-rights';
    return { found, finding: refused(object, why), lacksRights };
  }
}

/** @throws Refused */
async function compare(found: FoundObject, input: ObjectPlanInput): Promise<Finding> {
  const { object, live } = found;
  const name = nameOf(object);
  if (!live && isClaim(object)) return refused(object, `${name} was deleted. ${CLAIM_GONE}`);
  const planned = await planFound(found, input);
  if (planned.action === 'replace') {
    const fields = planned.fields.join(', ');
    return refused(object, `${name} would have to be made anew: ${fields}. Push the version again to do that`);
  }
  if (live && planned.isUnknown) return same(object);
  const changes = (planned.changes ?? []).filter((change) => isOfTheSet(planned.object, change));
  const what = !live ? 'gone' : changes.length > 0 ? 'changed' : 'same';
  const [first] = changes;
  const by = live && first && othersAt(live, first.path, input.fieldManager)[0]?.manager;
  const finding: Finding = { key: objectKey(object), object: name, what, changes, by };
  const missing = await findMissingClaims(planned.object, live, input);
  if (missing.length === 0) return finding;
  const message = claimsGone({ set: name, isGone: !live, missing }, input.installation);
  return { ...finding, missing, held: { state: 'refused', message } };
}

function same(object: KubeObject): Finding {
  return { key: objectKey(object), object: nameOf(object), what: 'same', changes: [] };
}

function refused(object: KubeObject, message: string): Finding {
  const held = { state: 'refused', message } as const;
  return { key: objectKey(object), object: nameOf(object), what: 'changed', changes: [], held };
}

const CLAIM_GONE =
  'It is not made again by itself: an empty volume would take the place of the data. Restore it, or push the version again to begin with an empty one';

/** By the annotation of the object itself. */
function paused(finding: Finding): Finding {
  const { object, changes } = finding;
  const why = `${object} has the annotation ${PAUSED_ANNOTATION}: what others change of it is left as it is`;
  return heldByPause(finding, changes.length === 0 ? why : `${why}. Now: ${shownOf(finding)}`);
}

/** What is found where the whole installation is paused. Pure. */
export function pausedWith(finding: Finding): Finding {
  const { object, what, held, missing } = finding;
  if (what === 'same' || held?.state === 'paused' || (held && !missing)) return finding;
  const how = what === 'gone' ? 'was deleted' : `was changed: ${shownOf(finding)}`;
  return heldByPause(finding, `${object} ${how}. It is left as it is: the installation is paused`);
}

/** It is held only until its claims are there again. Pure. */
export function waitsForClaims({ held, missing }: Finding): boolean {
  return missing !== undefined && held?.state === 'refused';
}

/** What is found where nothing is put right, also not when claims are restored. Pure. */
export function leftWith(finding: Finding, stays: string, installation: string): Finding {
  const { object: set, what, missing = [] } = finding;
  if (!waitsForClaims(finding)) return finding;
  const message = claimsGone({ set, isGone: what === 'gone', missing, stays }, installation);
  return { ...finding, held: { state: 'refused', message } };
}

/** With what is to be known before the pause ends. */
function heldByPause(finding: Finding, why: string): Finding {
  const { missing = [] } = finding;
  const gone = missing.length === 0 ? [] : [`Volume claims of its pods are gone: ${missing.join(', ')}`];
  return { ...finding, held: { state: 'paused', message: sentences(why, ...gone) } };
}

function shownOf({ changes }: Finding): string {
  const shown = changes.slice(0, 5).map((change) => change.shown);
  return shown.join(', ');
}

/**
 * Only what the set says, or what an apply would take away with it, is ours: a webhook that adds its own to each apply is not
 * somebody who changed something.
 */
function isOfTheSet(object: KubeObject, { path, isUnset }: FieldChange): boolean {
  if (isUnset || fieldAt(object, path) !== undefined) return true;
  return path.some((_, depth) => Array.isArray(fieldAt(object, path.slice(0, depth))));
}

/** Work that ends is not done again because its record was tidied away. */
function isDone({ kind, spec }: KubeObject): boolean {
  if (kind === 'Job') return true;
  const policy = fieldAt(spec, ['restartPolicy']);
  return kind === 'Pod' && policy !== undefined && policy !== 'Always';
}

function refOf({ apiVersion, kind }: KubeObject): ResourceRef {
  const version = apiVersion.split('/').at(-1) ?? '';
  return { group: groupOf(apiVersion), version, kind, plural: '', namespaced: true };
}
