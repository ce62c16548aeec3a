import { canonicalJson, sha256, type OperationPlan } from '@steward/shared';
import type { KubeObject } from '../../kube/client.ts';
import { nameOf } from '../../kube/object.ts';
import { byOwners } from '../volumes/owned-claims.ts';
import { entryName } from './inventory.ts';
import { inWaves } from './kind-order.ts';
import type { ObjectPlan } from './make-plan.ts';

type Change = OperationPlan['changes'][number];

const MAX_CHANGES = 500;
/** A plan travels in a frame and is kept in an object. */
const MAX_BYTES = 48 * 1024;

const MAX_SUMMARY = 2_000;

/**
 * The plan as people and approvals see it: what goes first. The digest is over what is shown, and what is shown names the very
 * content, also of what there is no room for. `binding` is the end of the summary: it is never cut off.
 */
export function toldPlan(summary: string, changes: readonly Change[], binding = ''): OperationPlan {
  const whole = changes.toSorted((a, b) => rankOf(a) - rankOf(b));
  let shown = whole.slice(0, MAX_CHANGES);
  for (const fieldsKept of [20, 5, 0]) {
    if (canonicalJson(shown).length <= MAX_BYTES) break;
    shown = shown.map((change) => withFields(change, fieldsKept));
  }
  while (canonicalJson(shown).length > MAX_BYTES) shown = shown.slice(0, Math.floor(shown.length / 2));
  const end = [binding, ...leftOut(whole, shown)].map((text) => (text === '' ? '' : ` ${text}`)).join('');
  const content = { summary: `${cut(summary, MAX_SUMMARY - end.length)}${end}`, changes: shown };
  return { digest: sha256(canonicalJson(content)), ...content };
}

/** Data first, then all that is deleted. */
function rankOf({ action, object }: Change): number {
  if (action === 'delete') return object.startsWith('PersistentVolumeClaim/') ? 0 : 1;
  return { replace: 2, create: 3, update: 3, keep: 4 }[action];
}

function leftOut(whole: readonly Change[], shown: readonly Change[]): string[] {
  const hidden = whole.length - shown.length;
  if (hidden === 0 && shown.every((change, index) => change === whole[index])) return [];
  const count = hidden > 0 ? [`${hidden} of ${whole.length} objects are not listed.`] : [];
  return [...count, `The digest of the whole list is ${sha256(canonicalJson(whole))}.`];
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, Math.max(0, length - 2))} …`;
}

function withFields({ fields, ...change }: Change, kept: number): Change {
  return fields && kept > 0 ? { ...change, fields: fields.slice(0, kept) } : change;
}

export function changesOf({ objects, removals, follows = [] }: ObjectPlan): Change[] {
  return [
    ...objects.flatMap(({ replacement }) =>
      (replacement?.resizes ?? []).map(({ name, from, to }) => ({
        action: 'update' as const,
        object: `PersistentVolumeClaim/${name}`,
        fields: [`spec.resources.requests.storage: ${from} → ${to}`],
      })),
    ),
    ...objects.map(({ action, object, fields, isTakenOver }) => ({
      // Whose it is changes nothing of what runs.
      action: isTakenOver && fields.length === 0 ? ('keep' as const) : action,
      object: nameOf(object),
      ...(fields.length > 0 && { fields }),
    })),
    ...removals.map(({ action, entry }) => ({ action, object: entryName(entry) })),
    ...follows.map(goesByOwners),
  ];
}

/** Of what Kubernetes deletes with all that owns it. */
export function goesByOwners(object: KubeObject): Change {
  return { action: 'delete', object: nameOf(object), fields: [byOwners(object)] };
}

const MAX_WAVES_TEXT = 500;
const NAMED_PER_WAVE = 3;

/** `Wave by wave, each ready before the next: -1 (StatefulSet/db), 0 (Deployment/web and 4 more)`; nothing when there is one. */
export function wavesSentence(
  objects: readonly { wave: number; name: string }[],
  { isLastFirst = false, until = 'ready' } = {},
): string[] {
  const inTurn = inWaves(objects, ({ wave }) => wave);
  if (inTurn.length < 2) return [];
  const told = (isLastFirst ? inTurn.toReversed() : inTurn).map(({ wave, items }) => {
    const names = items.slice(0, NAMED_PER_WAVE).map(({ name }) => name);
    const more = items.length - names.length;
    return `${wave} (${names.join(', ')}${more > 0 ? ` and ${more} more` : ''})`;
  });
  const text = `Wave by wave, each ${until} before the next: ${told.join(', ')}`;
  // What follows in a plan's summary binds an approval, and must find its place.
  return [text.length > MAX_WAVES_TEXT ? `${text.slice(0, MAX_WAVES_TEXT)} …` : text];
}

/** `creates 1, changes 2, removes none, leaves 3`; also `replaces 1` where something is. */
export function countsOf(changes: readonly Change[]): string {
  const count = (action: Change['action']): string => {
    const n = changes.filter((change) => change.action === action).length;
    return n === 0 ? 'none' : String(n);
  };
  const replaces = changes.some(({ action }) => action === 'replace') ? `replaces ${count('replace')}, ` : '';
  return `creates ${count('create')}, changes ${count('update')}, ${replaces}removes ${count('delete')}, leaves ${count('keep')}`;
}
